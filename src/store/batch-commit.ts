/**
 * One batch → one transaction on a database server. Inserts that follow one another share statements; a row that is
 * refused is found by halving, undone alone, and harms no other.
 */
import { textIn } from './dialect.ts';
import type { Dialect } from './dialect.ts';
import type { Link } from './link.ts';
import { manyUpdates, UPDATED_TOGETHER_MAX } from './many-updates.ts';
import type { ManyUpdates } from './many-updates.ts';
import { forEachRow, textOf } from './order.ts';
import type { Failure, Rows } from './order.ts';
import { together } from './row-order.ts';
import type { Row } from './row-order.ts';
import { keyOf, takesManyRows } from './statement-shape.ts';
import { statementNames, statements } from './statements.ts';

/** Rows of one statement: its text is prepared for 1, 2, 4 … of them. */
export const STATEMENT_ROWS_MAX = 64;

/** What is known of each statement in one dialect. */
interface Prepared {
  /** Rows that fit into one. */
  readonly rowsMax: number;
  readonly key: readonly number[];
  readonly updates: ManyUpdates | undefined;
  /** Text by number of rows. */
  readonly texts: Map<number, string>;
}

/** Runs the batches of one writer. */
export class BatchCommit {
  private readonly dialect: Dialect;
  private readonly prepared: readonly Prepared[];

  constructor(dialect: Dialect) {
    this.dialect = dialect;
    this.prepared = statementNames.map((name) => preparedFor(dialect, statements[name]));
  }

  /**
   * Runs all rows within the transaction that is open, and answers those that were refused. Throws what is not the
   * fault of a row.
   */
  async run(link: Link, batch: Rows): Promise<Failure[]> {
    const written: Row[] = [];
    forEachRow(batch, (place, values, row) => written.push({ place, values, row }));
    const rows = together(written);
    const failures: Failure[] = [];
    const spans: [from: number, to: number][] = [[0, rows.length]];
    for (let span = spans.pop(); span !== undefined; span = spans.pop()) {
      const [from, to] = span;
      const error = await this.trySpan(link, rows, from, to);
      if (error === undefined) continue;
      if (to - from === 1) {
        failures.push({ row: rows[from]!.row, text: textOf(error) });
        continue;
      }
      const middle = (from + to) >> 1;
      spans.push([middle, to], [from, middle]);
    }
    return failures;
  }

  /** The error of the row that was refused; then none of the span is written. */
  private async trySpan(link: Link, rows: readonly Row[], from: number, to: number): Promise<unknown> {
    const asked = [link.command('savepoint span')];
    for (let at = from; at < to;) {
      const count = this.countTogether(rows, at, to);
      asked.push(this.runTogether(link, rows, at, count));
      at += count;
    }
    const ended = await Promise.allSettled(asked);
    const failed = ended.find((one) => one.status === 'rejected');
    if (failed === undefined) return undefined;
    const error: unknown = failed.reason;
    if (link.faultOf(error) !== 'row') throw error;
    await link.command('rollback to savepoint span');
    return error;
  }

  /** How many rows from here fit into one statement: of the same kind, and each with a key of its own. */
  private countTogether(rows: readonly Row[], from: number, to: number): number {
    const { place } = rows[from]!;
    const { rowsMax, key } = this.prepared[place]!;
    const keys = new Set<string>();
    const end = Math.min(to, from + rowsMax);
    let count = 0;
    for (let at = from; at < end && rows[at]!.place === place; at++, count++) {
      if (key.length === 0) continue;
      const { values } = rows[at]!;
      keys.add(JSON.stringify(key.map((which) => values[which])));
      if (keys.size === count) break;
    }
    return 2 ** Math.floor(Math.log2(Math.max(1, count)));
  }

  private runTogether(link: Link, rows: readonly Row[], from: number, count: number): Promise<void> {
    const { place, values } = rows[from]!;
    const name = statementNames[place]!;
    const { texts, updates } = this.prepared[place]!;
    const isUpdate = count > 1 && updates !== undefined;
    let text = texts.get(count);
    if (text === undefined) {
      text = isUpdate ? updates.text(count) : textIn(this.dialect, statements[name], count);
      texts.set(count, text);
    }
    if (count === 1) return link.run(`${name} 1`, text, values);
    const each = rows.slice(from, from + count).map((row) => row.values);
    return link.run(`${name} ${count}`, text, isUpdate ? updates.values(each) : each.flat());
  }
}

function preparedFor(dialect: Dialect, statement: string): Prepared {
  const key = [...keyOf(statement).values()];
  const texts = new Map<number, string>();
  if (takesManyRows(statement)) return { rowsMax: STATEMENT_ROWS_MAX, key, updates: undefined, texts };
  // PostgreSQL takes one after the other without a wait between.
  const updates = dialect === 'mysql' ? manyUpdates(statement) : undefined;
  return { rowsMax: updates === undefined ? 1 : UPDATED_TOGETHER_MAX, key, updates, texts };
}
