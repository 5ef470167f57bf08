/**
 * Changes of bindings, in memory and on disk in one order.
 *
 * With `durable` a binding enters memory when its row is on disk, not before. So memory is what the disk holds at
 * every moment, and there is nothing to undo but rows of the same change that were committed beside one that failed.
 * While rows of an AOR are on their way, other changes of that AOR wait for their turn.
 */
import { assert } from '../base/assert.ts';
import type { Clock, Millis } from '../base/world.ts';
import type { Writer } from '../store/writer.ts';
import { detailValues, hasDetails, removedValues, savedValues } from './binding-row.ts';
import type { Contact } from './contact.ts';
import type { Binding, Change } from './registrar.ts';
import { type LocationTable, NO_ROW } from './table.ts';
import type { Turns } from './turns.ts';

/** What happens to a binding. */
export type LocationEvent = 'contact.added' | 'contact.refreshed' | 'contact.expired' | 'contact.removed';

/** What these stand on. */
export interface BindingsParts {
  readonly clock: Clock;
  readonly table: LocationTable;
  readonly turns: Turns;
  readonly writer: Writer | undefined;
  readonly durable: boolean;
  /** Told what has come to hold. */
  readonly tell: (event: LocationEvent, contact: Contact) => void;
}

/** A row that is written: of a change, or what the binding's first row has no room for. */
type Step = Change | { readonly kind: 'details'; readonly contact: Contact };

/** The one place where bindings change. */
export class Bindings {
  /** Rows that the database did not take. */
  storeFailures = 0;
  /** When each change that is on its way to disk set out, the oldest first. */
  private readonly onTheWay = new Set<{ readonly since: Millis }>();
  /** Rows of the table that pending commits may still need. */
  private reserved = 0;
  private readonly parts: BindingsParts;

  constructor(parts: BindingsParts) {
    this.parts = parts;
  }

  /** All of an address-of-record, expired ones included. */
  of(aor: string): readonly Binding[] {
    const { table } = this.parts;
    const bindings: Binding[] = [];
    for (let row = table.first(aor); row !== NO_ROW; row = table.next(row)) {
      bindings.push({ row, contact: table.contact(row), order: table.order(row) });
    }
    return bindings;
  }

  hasRoomFor(changes: readonly Change[], bindingsMax: number): boolean {
    let added = 0;
    for (const change of changes) if (change.kind === 'put' && change.old === undefined) added++;
    return added === 0 || this.parts.table.count + this.reserved + added <= bindingsMax;
  }

  /** Rows that wait for the database. */
  get waiting(): number {
    return this.parts.writer?.waiting ?? 0;
  }

  /** How long the oldest change on its way to disk has been. */
  get oldestMs(): Millis {
    for (const { since } of this.onTheWay) return this.parts.clock.now() - since;
    return 0;
  }

  /** Performs changes. Whether they hold; a promise when that must be waited for. From within a turn only. */
  change(aor: string, changes: readonly Change[]): boolean | Promise<boolean> {
    const { writer, durable, turns } = this.parts;
    if (changes.length === 0) return true;
    const news = this.newsIn(changes);
    if (writer !== undefined && durable) {
      return turns.hold(aor, this.commit(writer, changes)).then((stored) => {
        if (stored) this.tellNews(news);
        return stored;
      });
    }
    if (writer === undefined) for (const change of changes) this.apply(change);
    else {
      for (const step of stepsOf(changes)) {
        this.apply(step);
        this.write(writer, step, this.counted);
      }
    }
    this.tellNews(news);
    return true;
  }

  /** Removes a binding whose time is over, at once: its row follows. */
  expire(row: number, contact: Contact): void {
    this.parts.table.remove(row);
    this.forget(contact);
    this.parts.tell('contact.expired', contact);
  }

  /** Writes what memory has of an AOR once more, in the order of its changes. From within a turn only. */
  writeAgain(aor: string): void {
    const { writer, clock } = this.parts;
    if (writer === undefined) return;
    const all = this.of(aor).toSorted((a, b) => (a.order - b.order) | 0);
    for (const [place, { contact }] of all.entries())
      writer.write('saveBinding', savedValues(contact, clock, place), this.counted, true);
  }

  /** Takes a row away that is not in memory. */
  forget(contact: Contact): void {
    this.parts.writer?.write('removeBinding', removedValues(contact), this.counted);
  }

  /** Takes the rows away whose time is over. */
  forgetExpired(): void {
    this.parts.writer?.write('removeExpiredBindings', [this.parts.clock.wall()], this.counted);
  }

  /** All or nothing: when one row fails, those committed beside it are taken back, on disk first. */
  private async commit(writer: Writer, changes: readonly Change[]): Promise<boolean> {
    const steps = stepsOf(changes);
    this.reserved += changes.length;
    const way = { since: this.parts.clock.now() };
    this.onTheWay.add(way);
    const undo = await this.writeAll(writer, steps);
    const stored = undo.length === steps.length;
    const back = stored ? [] : stepsOf(undo.filter((step) => step.kind !== 'details'));
    if (back.length > 0) await this.writeAll(writer, back);
    this.onTheWay.delete(way);
    this.reserved -= changes.length;
    return stored;
  }

  /** Writes rows, each applied when it is on disk. Answers what would undo those that were. */
  private writeAll(writer: Writer, steps: readonly Step[]): Promise<Step[]> {
    return new Promise((resolve) => {
      const undo: Step[] = [];
      let left = steps.length;
      for (const step of steps) {
        this.write(writer, step, (error) => {
          if (error === undefined) undo.push(this.apply(step));
          else this.storeFailures++;
          if (--left === 0) resolve(undo);
        });
      }
    });
  }

  private write(writer: Writer, step: Step, done: (error: Error | undefined) => void): void {
    if (step.kind === 'put') writer.write('saveBinding', savedValues(step.contact, this.parts.clock), done);
    else if (step.kind === 'details') writer.write('saveBindingDetails', detailValues(step.contact), done);
    else writer.write('removeBinding', removedValues(step.old.contact), done);
  }

  /** Changes memory, and answers what would undo it. */
  private apply(step: Step): Step {
    const { table } = this.parts;
    if (step.kind === 'remove') {
      table.remove(step.old.row);
      return { kind: 'put', contact: step.old.contact, old: undefined };
    }
    // Memory has them since the first row.
    if (step.kind === 'details') return step;
    const { contact, old } = step;
    if (old === undefined) {
      const row = table.put(contact);
      assert(row !== NO_ROW, 'a row was reserved for this binding');
      return { kind: 'remove', old: { row, contact, order: table.order(row) } };
    }
    const until = table.expiresAt(old.row);
    table.update(old.row, contact);
    // While the row was on its way the phone was told to come back, and stays until it does.
    if (until > old.contact.expiresAt) table.stay(old.row, until);
    return { kind: 'put', contact: old.contact, old: { ...old, contact } };
  }

  /** What listeners are told of the changes once they hold: the end of what had expired is no news. */
  private newsIn(changes: readonly Change[]): readonly News[] {
    const now = this.parts.clock.now();
    const news: News[] = [];
    for (const change of changes) {
      const wasThere = change.old !== undefined && change.old.contact.expiresAt > now;
      if (change.kind === 'put')
        news.push([wasThere ? 'contact.refreshed' : 'contact.added', change.contact]);
      else if (wasThere) news.push(['contact.removed', change.old.contact]);
    }
    return news;
  }

  private tellNews(news: readonly News[]): void {
    for (const [event, contact] of news) this.parts.tell(event, contact);
  }

  private readonly counted = (error: Error | undefined): void => {
    if (error !== undefined) this.storeFailures++;
  };
}

/** What a listener is told. */
type News = readonly [LocationEvent, Contact];

/** The rows of some changes. */
function stepsOf(changes: readonly Change[]): readonly Step[] {
  const steps: Step[] = [...changes];
  for (const change of changes) {
    if (change.kind !== 'put') continue;
    const { contact, old } = change;
    if (hasDetails(contact, old?.contact)) steps.push({ kind: 'details', contact });
  }
  return steps;
}
