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
    if (this.onTheWay.size === 0) return 0;
    for (const { since } of this.onTheWay) return this.parts.clock.now() - since;
    return 0;
  }

  /** Performs changes. Whether they hold; a promise when that must be waited for. From within a turn only. */
  change(aor: string, changes: readonly Change[]): boolean | Promise<boolean> {
    const { writer, durable, turns } = this.parts;
    if (changes.length === 0) return true;
    const now = this.parts.clock.now();
    if (writer !== undefined && durable) {
      return turns.hold(aor, this.commit(writer, changes)).then((stored) => {
        if (stored) this.tellNews(changes, now);
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
    this.tellNews(changes, now);
    return true;
  }

  /** The contact of who had one alone and has renewed it, as it holds now: it need not be read again. */
  renewed(before: readonly Binding[], changes: readonly Change[]): Contact | undefined {
    const [change] = changes;
    if (before.length !== 1 || changes.length !== 1) return undefined;
    if (change?.kind !== 'put' || change.old === undefined) return undefined;
    const { contact, old } = change;
    const until = this.parts.table.expiresAt(old.row);
    return until === contact.expiresAt && until > this.parts.clock.now() ? contact : undefined;
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
          if (error === undefined) undo.push(this.undoOf(step, this.apply(step)));
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

  /** Changes memory, and answers the row of a binding that is put. */
  private apply(step: Step): number {
    const { table } = this.parts;
    if (step.kind === 'remove') table.remove(step.old.row);
    // Memory has details since the first row.
    if (step.kind !== 'put') return NO_ROW;
    const { contact, old } = step;
    if (old === undefined) {
      const row = table.put(contact);
      assert(row !== NO_ROW, 'a row was reserved for this binding');
      return row;
    }
    const until = table.expiresAt(old.row);
    table.update(old.row, contact);
    // While the row was on its way the phone was told to come back, and stays until it does.
    if (until > old.contact.expiresAt) table.stay(old.row, until);
    return old.row;
  }

  /** What takes a step back that was applied, with the row that it was applied to. */
  private undoOf(step: Step, row: number): Step {
    if (step.kind === 'details') return step;
    if (step.kind === 'remove') return { kind: 'put', contact: step.old.contact, old: undefined };
    const { contact, old } = step;
    if (old === undefined)
      return { kind: 'remove', old: { row, contact, order: this.parts.table.order(row) } };
    return { kind: 'put', contact: old.contact, old: { ...old, contact } };
  }

  /** The changes hold. `asked`: when they were asked for; the end of what had expired then is no news. */
  private tellNews(changes: readonly Change[], asked: Millis): void {
    const { tell } = this.parts;
    for (const change of changes) {
      const wasThere = change.old !== undefined && change.old.contact.expiresAt > asked;
      if (change.kind === 'put') tell(wasThere ? 'contact.refreshed' : 'contact.added', change.contact);
      else if (wasThere) tell('contact.removed', change.old.contact);
    }
  }

  private readonly counted = (error: Error | undefined): void => {
    if (error !== undefined) this.storeFailures++;
  };
}

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
