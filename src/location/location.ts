/**
 * Where subscribers are: the bindings in memory, the rows on disk, and one order for both.
 *
 *   save ─▶ readRegister ─▶ planRegister ─▶ rows to the Writer ─▶ committed: memory changes ─▶ 200
 *                                                              └▶ failed: what was committed is taken back ─▶ 503
 *
 * With `durable` a binding enters memory when its row is on disk, not before. So memory is what the disk holds at
 * every moment, and there is nothing to undo but rows of the same request that were committed beside one that failed.
 * While rows of an AOR are on their way, other changes of that AOR wait for their turn.
 */
import { assert } from '../base/assert.ts';
import { errorCodes, SipError } from '../base/errors.ts';
import type { Clock, Random, Timer } from '../base/world.ts';
import type { SipRequest } from '../sip/message.ts';
import { aorOf, type Uri } from '../sip/uri.ts';
import type { Writer } from '../store/writer.ts';
import { type BindingRow, contactOfRow, removedValues, savedValues } from './binding-row.ts';
import type { Contact } from './contact.ts';
import type { RegisterSource } from './nat.ts';
import {
  answerOf,
  type Binding,
  type Change,
  planRegister,
  readRegister,
  refusalOf,
  type Register,
  type RegisterLimits,
  type RegisterOutcome,
} from './registrar.ts';
import { BINDING_TEXT_MAX, LocationTable, NO_ROW, textLength } from './table.ts';
import { Turns } from './turns.ts';

/** What the operator sets in `[registrar]`. */
export interface LocationSettings extends RegisterLimits {
  /** Whether a REGISTER is answered only after its rows are on disk. */
  readonly durable: boolean;
  /** Bindings of all subscribers together. */
  readonly bindingsMax: number;
}

/** What a Location is built from. Without a writer nothing is kept over a restart. */
export interface LocationParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly writer?: Writer | undefined;
  readonly settings: LocationSettings;
}

/** What one can be told of. A listener must not throw. */
export type LocationEvent = 'contact.added' | 'contact.expired';

/** One page of all bindings; `next` is the offset of the page after it, undefined on the last. */
export interface ContactPage {
  readonly contacts: readonly Contact[];
  readonly next: number | undefined;
}

/** What `removeAll` did. */
export interface Removal {
  readonly removed: number;
  /** False when the database did not take it: then nothing was removed. */
  readonly stored: boolean;
}

/** How often the table is swept. */
const SWEEP_MS = 1000;
/** When more had expired than one sweep may remove, the next one comes this soon. */
const SWEEP_AGAIN_MS = 50;
/** A sweep looks at this many rows, and removes this many: a millisecond or two. */
const ROWS_A_SWEEP_MAX = 100_000;
const REMOVED_A_SWEEP_MAX = 1000;
/** A page of `list` is made from this many rows at most, so that a filter that finds little stops nobody. */
const ROWS_A_PAGE_MAX = 10_000;

const STORE_FAILED: RegisterOutcome = refusalOf(
  new SipError('STORE_FAILED', 503, errorCodes.STORE_FAILED.text),
);

/** The bindings of every subscriber, and the only way to change them. */
export class Location {
  private readonly clock: Clock;
  private readonly writer: Writer | undefined;
  private readonly settings: LocationSettings;
  private readonly table: LocationTable;
  private readonly turns = new Turns();
  private readonly listeners: Record<LocationEvent, ((contact: Contact) => void)[]> = {
    'contact.added': [],
    'contact.expired': [],
  };
  private sweeping: Timer;
  /** Rows that pending commits may still need. */
  private rowsReserved = 0;
  /** Rows that the database did not take. */
  storeFailures = 0;

  constructor(parts: LocationParts) {
    this.clock = parts.clock;
    this.writer = parts.writer;
    this.settings = parts.settings;
    this.table = new LocationTable(parts.random, parts.settings.bindingsMax);
    this.sweeping = this.clock.after(SWEEP_MS, () => this.sweep());
  }

  /**
   * Performs a REGISTER. Answers at once when nothing is to be waited for, else when every row of it is on disk.
   * `mayRegister` is asked for the address-of-record in To: RFC 3261 §10.3 step 4.
   */
  save(
    request: SipRequest,
    source: RegisterSource,
    mayRegister?: (aor: string) => boolean,
  ): RegisterOutcome | Promise<RegisterOutcome> {
    try {
      const register = readRegister(request, source, this.settings);
      if (mayRegister?.(register.aor) === false) return NOT_THEIRS;
      return this.turns.take(register.aor, () => this.perform(register)) ?? OVERLOADED;
    } catch (error) {
      if (error instanceof SipError) return refusalOf(error);
      throw error;
    }
  }

  /** What can be rung: unexpired, the highest q first, then the latest registered. */
  lookup(aor: string): readonly Contact[] {
    const first = this.table.first(aor);
    if (first === NO_ROW) return NO_CONTACTS;
    const now = this.clock.wall();
    if (this.table.next(first) === NO_ROW)
      return this.table.expiresAt(first) > now ? [this.table.contact(first)] : [];
    const rows: number[] = [];
    for (let row = first; row !== NO_ROW; row = this.table.next(row))
      if (this.table.expiresAt(row) > now) rows.push(row);
    return rows.sort((a, b) => (this.table.isBefore(a, b) ? -1 : 1)).map((row) => this.table.contact(row));
  }

  /** The same for a URI: its parameters and needless escapes say nothing about whose it is. */
  contactsOf(uri: Uri): readonly Contact[] {
    return this.lookup(aorOf(uri));
  }

  /**
   * Bindings for people, in no order of meaning. Begin with offset 0, go on with `next`. A filter is a part of the
   * AOR or of the URI; a page may then be short, and even empty, before the last.
   */
  list(page: { readonly limit: number; readonly offset: number; readonly filter?: string }): ContactPage {
    const now = this.clock.wall();
    const contacts: Contact[] = [];
    const end = page.offset + ROWS_A_PAGE_MAX;
    let row = this.table.rowFrom(page.offset);
    for (; row !== NO_ROW && row < end && contacts.length < page.limit; row = this.table.rowFrom(row + 1)) {
      if (this.table.expiresAt(row) <= now) continue;
      const contact = this.table.contact(row);
      if (page.filter === undefined || isFound(contact, page.filter)) contacts.push(contact);
    }
    return { contacts, next: row === NO_ROW ? undefined : row };
  }

  /** Takes every binding of an AOR away. */
  removeAll(aor: string): Removal | Promise<Removal> {
    const remove = (): Removal | Promise<Removal> => {
      const changes = this.bindings(aor).map((old): Change => ({ kind: 'remove', old }));
      const stored = this.change(aor, changes);
      if (typeof stored === 'boolean') return removal(changes, stored);
      return stored.then((whether) => removal(changes, whether));
    };
    return this.turns.take(aor, remove) ?? { removed: 0, stored: false };
  }

  /** Bindings, those included that expired within the last sweeps. */
  get count(): number {
    return this.table.count;
  }

  /** Addresses-of-record with a binding. */
  get aors(): number {
    return this.table.aors;
  }

  on(event: LocationEvent, listener: (contact: Contact) => void): void {
    this.listeners[event].push(listener);
  }

  /**
   * Fills an empty table at start, and removes what expired meanwhile. Rows changed last stand last. Answers how
   * many bindings there are now: rows beyond `bindingsMax` are left out.
   */
  restore(rows: Iterable<BindingRow>): number {
    const now = this.clock.wall();
    for (const row of rows) {
      if (row.expires <= now) continue;
      const contact = contactOfRow(row);
      if (contact !== undefined && textLength(contact) <= BINDING_TEXT_MAX) this.table.put(contact);
    }
    this.writer?.write('removeExpiredBindings', [now], this.counted);
    return this.table.count;
  }

  /** Sweeps no more. Rows on their way are still committed. */
  close(): void {
    this.sweeping.cancel();
  }

  private perform(register: Register): RegisterOutcome | Promise<RegisterOutcome> {
    try {
      return this.answered(register);
    } catch (error) {
      if (error instanceof SipError) return refusalOf(error);
      throw error;
    }
  }

  private answered(register: Register): RegisterOutcome | Promise<RegisterOutcome> {
    const { aor, path } = register;
    const { maxContacts } = this.settings;
    const now = this.clock.wall();
    const changes = planRegister(register, this.bindings(aor), now, maxContacts);
    if (!this.hasRoomFor(changes)) return OVERLOADED;
    const answer = (): RegisterOutcome => answerOf(this.lookup(aor), this.clock.wall(), path);
    const stored = this.change(aor, changes);
    if (typeof stored === 'boolean') return answer();
    return stored.then((whether) => (whether ? answer() : STORE_FAILED));
  }

  private bindings(aor: string): readonly Binding[] {
    const bindings: Binding[] = [];
    for (let row = this.table.first(aor); row !== NO_ROW; row = this.table.next(row)) {
      bindings.push({ row, contact: this.table.contact(row) });
    }
    return bindings;
  }

  private hasRoomFor(changes: readonly Change[]): boolean {
    let added = 0;
    for (const change of changes) if (change.kind === 'put' && change.old === undefined) added++;
    return added === 0 || this.table.count + this.rowsReserved + added <= this.settings.bindingsMax;
  }

  /** Performs changes in memory and on disk. Whether they hold; a promise when that must be waited for. */
  private change(aor: string, changes: readonly Change[]): boolean | Promise<boolean> {
    const { writer } = this;
    if (changes.length === 0) return true;
    const added = changes.filter((change) => this.isAddition(change));
    if (writer !== undefined && this.settings.durable) {
      return this.turns.hold(aor, this.commit(writer, changes)).then((stored) => {
        if (stored) this.tellAdded(added);
        return stored;
      });
    }
    for (const change of changes) {
      this.apply(change);
      if (writer !== undefined) this.write(writer, change, this.counted);
    }
    this.tellAdded(added);
    return true;
  }

  /** All or nothing: when one row fails, those committed beside it are taken back, on disk first. */
  private async commit(writer: Writer, changes: readonly Change[]): Promise<boolean> {
    this.rowsReserved += changes.length;
    const undo = await this.writeAll(writer, changes);
    const stored = undo.length === changes.length;
    if (!stored && undo.length > 0) await this.writeAll(writer, undo);
    this.rowsReserved -= changes.length;
    return stored;
  }

  /** Writes rows, each applied when it is on disk. Answers what would undo those that were. */
  private writeAll(writer: Writer, changes: readonly Change[]): Promise<Change[]> {
    return new Promise((resolve) => {
      const undo: Change[] = [];
      let left = changes.length;
      for (const change of changes) {
        this.write(writer, change, (error) => {
          if (error === undefined) undo.push(this.apply(change));
          else this.storeFailures++;
          if (--left === 0) resolve(undo);
        });
      }
    });
  }

  private write(writer: Writer, change: Change, done: (error: Error | undefined) => void): void {
    if (change.kind === 'put')
      writer.write('saveBinding', savedValues(change.contact, this.clock.wall()), done);
    else writer.write('removeBinding', removedValues(change.old.contact), done);
  }

  /** Changes memory, and answers what would undo it. */
  private apply(change: Change): Change {
    if (change.kind === 'remove') {
      this.table.remove(change.old.row);
      return { kind: 'put', contact: change.old.contact, old: undefined };
    }
    const { contact, old } = change;
    if (old === undefined) {
      const row = this.table.put(contact);
      assert(row !== NO_ROW, 'a row was reserved for this binding');
      return { kind: 'remove', old: { row, contact } };
    }
    this.table.update(old.row, contact);
    return { kind: 'put', contact: old.contact, old: { row: old.row, contact } };
  }

  private isAddition(change: Change): boolean {
    if (change.kind === 'remove') return false;
    return change.old === undefined || change.old.contact.expiresAt <= this.clock.wall();
  }

  private tellAdded(additions: readonly Change[]): void {
    for (const change of additions) if (change.kind === 'put') this.tell('contact.added', change.contact);
  }

  private tell(event: LocationEvent, contact: Contact): void {
    for (const listener of this.listeners[event]) listener(contact);
  }

  /** Removes bindings whose time is over. Those of an AOR with rows on their way are left for the next round. */
  private sweep(): void {
    let found = 0;
    this.table.sweep(this.clock.wall(), ROWS_A_SWEEP_MAX, REMOVED_A_SWEEP_MAX, (row) => {
      const contact = this.table.contact(row);
      found++;
      if (this.turns.isHeld(contact.aor)) return;
      this.table.remove(row);
      this.writer?.write('removeBinding', removedValues(contact), this.counted);
      this.tell('contact.expired', contact);
    });
    const nextMs = found === REMOVED_A_SWEEP_MAX ? SWEEP_AGAIN_MS : SWEEP_MS;
    this.sweeping = this.clock.after(nextMs, () => this.sweep());
  }

  private readonly counted = (error: Error | undefined): void => {
    if (error !== undefined) this.storeFailures++;
  };
}

const NO_CONTACTS: readonly Contact[] = [];
const NOT_THEIRS: RegisterOutcome = { status: 403, headers: [] };
const OVERLOADED: RegisterOutcome = refusalOf(new SipError('OVERLOADED', 503, errorCodes.OVERLOADED.text));

function removal(changes: readonly Change[], stored: boolean): Removal {
  return { removed: stored ? changes.length : 0, stored };
}

function isFound(contact: Contact, part: string): boolean {
  return contact.aor.includes(part) || contact.uriText.includes(part);
}
