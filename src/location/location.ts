/**
 * Where subscribers are: the registrar and the table of bindings.
 *
 *   save ─▶ readRegister ─▶ planRegister ─▶ rows to the Writer ─▶ committed: memory changes ─▶ 200
 *                                                              └▶ failed: what was committed is taken back ─▶ 503
 */
import { errorCodes, SipError } from '../base/errors.ts';
import type { Clock, Millis, Random, Timer } from '../base/world.ts';
import type { SipRequest } from '../sip/message.ts';
import { aorOf, type Uri } from '../sip/uri.ts';
import { registrarOptions } from '../sip/words.ts';
import type { Writer } from '../store/writer.ts';
import { type BindingRow, contactOfRow } from './binding-row.ts';
import { Bindings, type LocationEvent } from './bindings.ts';
import { BoundFlows } from './bound-flows.ts';
import type { Contact } from './contact.ts';
import { DateField } from './date-field.ts';
import { devices, rungBy } from './devices.ts';
import { type DeviceGruus, Gruus } from './gruu.ts';
import { LOCATION_DEFAULTS, type LocationInput, type LocationSettings } from './location-settings.ts';
import { AllowLines } from './methods.ts';
import type { RegisterSource } from './nat.ts';
import { readRegister, type Register } from './read-register.ts';
import {
  answerOf,
  type Binding,
  type Change,
  planRegister,
  refusalOf,
  type RegisterOutcome,
  renewedBy,
} from './registrar.ts';
import { STORE_MS, type StoreWait, StoreWaits } from './store-waits.ts';
import { BINDING_TEXT_MAX, LocationTable, NO_ROW, textLength } from './table.ts';
import { Turns } from './turns.ts';
import { WallJumps } from './wall-jumps.ts';

export type { LocationEvent } from './bindings.ts';
export { LOCATION_DEFAULTS, type LocationInput, type LocationSettings } from './location-settings.ts';

/** What a Location is built from. Without a writer nothing is kept over a restart. */
export interface LocationParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly writer?: Writer | undefined;
  readonly settings: LocationInput;
  /** By which temporary GRUUs are made; another one ends those that are out. Without it there are no GRUUs. */
  readonly secret?: string | undefined;
}

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
/** While a change has been on its way to disk for longer, nobody else is let in. */
export const BEHIND_MS = STORE_MS / 2;
/** How long the binding of a phone stays that was told to come back; it does so sooner, and then again. */
export const STAY_MS = 300_000;
/** Who is sent away comes back within this, each at another moment. */
const RETRY_SECONDS_MIN = 5;
const RETRY_SECONDS_SPREAD = 26;

const STORE_FAILED: RegisterOutcome = refusalOf(
  new SipError('STORE_FAILED', 503, errorCodes.STORE_FAILED.text),
);

/** The bindings of every subscriber, and the only way to change them. */
export class Location {
  readonly flows = new BoundFlows((aor, received) => this.flowEnded(aor, received));
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly settings: LocationSettings;
  private readonly table: LocationTable;
  private readonly bindings: Bindings;
  private readonly gruus: Gruus | undefined;
  private readonly allow = new AllowLines();
  private readonly turns = new Turns();
  private readonly date: DateField;
  private readonly waits: StoreWaits<RegisterOutcome>;
  private readonly listeners: Record<LocationEvent, ((contact: Contact) => void)[]> = {
    'contact.added': [],
    'contact.refreshed': [],
    'contact.expired': [],
    'contact.removed': [],
  };
  private readonly jumps: WallJumps;
  private sweeping: Timer;
  /** REGISTERs that were sent away because the database was behind. */
  shed = 0;

  constructor({ clock, random, writer, settings, secret }: LocationParts) {
    this.clock = clock;
    this.date = new DateField(clock);
    this.random = random;
    this.settings = { ...LOCATION_DEFAULTS, ...settings };
    this.table = new LocationTable(random, settings.bindingsMax);
    this.gruus = secret === undefined ? undefined : new Gruus(secret, random);
    this.bindings = new Bindings({
      clock,
      writer,
      table: this.table,
      turns: this.turns,
      durable: settings.durable,
      tell: (event, contact) => this.tell(event, contact),
    });
    const { table, turns, bindings } = this;
    this.jumps = new WallJumps({ clock, table, turns, bindings });
    this.waits = new StoreWaits(clock, () => this.sentAway());
    this.sweeping = this.clock.after(SWEEP_MS, () => this.sweep());
  }

  /**
   * Performs a REGISTER. Answers at once when nothing is to be waited for, else when every row of it is on disk, or
   * with 503 when that takes too long: then the disk decides, see store-waits.ts.
   * `mayRegister` is asked for the address-of-record in To: RFC 3261 §10.3 step 4.
   */
  save(
    request: SipRequest,
    source: RegisterSource,
    mayRegister?: (aor: string) => boolean,
  ): RegisterOutcome | Promise<RegisterOutcome> {
    try {
      const register = readRegister(request, source, this.settings, this.random, this.allow);
      if (mayRegister?.(register.aor) === false) return NOT_THEIRS;
      const asksOnly = register.contacts.length === 0 && !register.all;
      if (!asksOnly && this.isBehind) return this.comesBack(register, this.sentAway());
      const wait: StoreWait = { over: false };
      const perform = (): RegisterOutcome | Promise<RegisterOutcome> =>
        wait.over ? this.overloaded() : this.perform(register, source);
      const outcome = this.turns.take(register.aor, perform) ?? this.overloaded();
      if (!(outcome instanceof Promise)) return outcome;
      return this.waits.bound(wait, outcome).then((told) => this.comesBack(register, told));
    } catch (error) {
      if (error instanceof SipError) return refusalOf(error);
      throw error;
    }
  }

  /** Every unexpired binding, the highest q first, then the latest registered. */
  lookup(aor: string): readonly Contact[] {
    const first = this.table.first(aor);
    if (first === NO_ROW) return NO_CONTACTS;
    const { now } = this;
    if (this.table.next(first) === NO_ROW)
      return this.table.expiresAt(first) > now ? [this.table.contact(first)] : [];
    const rows: number[] = [];
    for (let row = first; row !== NO_ROW; row = this.table.next(row))
      if (this.table.expiresAt(row) > now) rows.push(row);
    return rows.sort((a, b) => (this.table.isBefore(a, b) ? -1 : 1)).map((row) => this.table.contact(row));
  }

  /**
   * What can be rung for a URI: its parameters and needless escapes say nothing about whose it is, but a GRUU names one
   * device. Of each device the flow that was registered last stands for all: the others are for when it is gone.
   */
  contactsOf(uri: Uri): readonly Contact[] {
    const owner = uri.params['gr'] === undefined ? undefined : this.gruus?.ownerOf(uri);
    if (uri.params['gr'] !== undefined && owner === undefined) return NO_CONTACTS;
    const all = owner === undefined ? this.lookup(aorOf(uri)) : this.lookup(owner.aor).filter(owner.owns);
    return devices(rungBy(uri.scheme, all), this.flows.silent);
  }

  /**
   * Bindings for people, in no order of meaning. Begin with offset 0, go on with `next`. A filter is a part of the
   * AOR or of the URI; a page may then be short, and even empty, before the last.
   */
  list(page: { readonly limit: number; readonly offset: number; readonly filter?: string }): ContactPage {
    const { now } = this;
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

  /** Calls `found` for the bindings among some rows that are reached by their flow; answers the row to go on from. */
  boundAmong(from: number, rowsMax: number, found: (contact: Contact) => void): number {
    const { now } = this;
    const end = Math.min(from + rowsMax, this.table.rows);
    for (let row = from; row < end; row++)
      if (this.table.isBound(row) && this.table.expiresAt(row) > now) found(this.table.contact(row));
    return end === this.table.rows ? 0 : end;
  }

  /** Rows that a walk through all bindings has to look at. */
  get rows(): number {
    return this.table.rows;
  }

  /** The GRUUs of a binding's device; undefined when it has none. */
  gruusOf(contact: Contact): DeviceGruus | undefined {
    return this.gruus?.of(contact);
  }

  /** Takes every binding of an AOR away. */
  removeAll(aor: string): Removal | Promise<Removal> {
    return this.remove(aor, () => true);
  }

  /** Nobody is there any more: takes this binding away unless it was changed since. */
  removeDead(dead: Contact): void {
    void this.remove(
      dead.aor,
      ({ uriText, callId, cseq, received }) =>
        uriText === dead.uriText &&
        callId === dead.callId &&
        cseq === dead.cseq &&
        received === dead.received,
    );
  }

  /** Bindings, those included that expired within the last sweeps. */
  get count(): number {
    return this.table.count;
  }

  /** Addresses-of-record with a binding. */
  get aors(): number {
    return this.table.aors;
  }

  /** Rows that the database did not take. */
  get storeFailures(): number {
    return this.bindings.storeFailures;
  }

  on(event: LocationEvent, listener: (contact: Contact) => void): void {
    this.listeners[event].push(listener);
  }

  /**
   * Fills an empty table at start, and removes what expired meanwhile, and what was reached by a connection: it ended
   * with us, and the phone comes back. One that can be woken stays. Rows changed last stand last. Answers how many
   * bindings there are now: rows beyond `bindingsMax` are left out. `standing`: connections did not end, since these
   * are the rows of an exchange that runs.
   */
  restore(rows: Iterable<BindingRow>, connections: 'ended' | 'standing' = 'ended'): number {
    const nowWall = this.clock.wall();
    for (const row of rows) {
      if (row.expires <= nowWall) continue;
      const contact = contactOfRow(row, this.clock);
      if (contact === undefined || textLength(contact) > BINDING_TEXT_MAX) continue;
      if (connections === 'ended' && contact.isTied) this.bindings.forget(contact);
      else this.table.put(contact);
    }
    this.bindings.forgetExpired();
    return this.table.count;
  }

  /** Sweeps no more. Rows on their way are still committed. */
  close(): void {
    this.sweeping.cancel();
    this.waits.stop();
    this.jumps.stop();
  }

  /** In whole milliseconds, so that no phone is granted a fraction more than it asked for. */
  private get now(): Millis {
    return Math.floor(this.clock.now());
  }

  private perform(register: Register, source: RegisterSource): RegisterOutcome | Promise<RegisterOutcome> {
    try {
      return this.answered(register, source);
    } catch (error) {
      if (error instanceof SipError) return refusalOf(error);
      throw error;
    }
  }

  private answered(register: Register, source: RegisterSource): RegisterOutcome | Promise<RegisterOutcome> {
    const { aor } = register;
    const before = this.bindings.of(aor);
    const changes = planRegister(register, before, this.now, this.settings);
    if (!this.bindings.hasRoomFor(changes, this.settings.bindingsMax)) return this.overloaded();
    const done = (): RegisterOutcome => {
      for (const change of changes) if (change.kind === 'put') this.flows.registered(change.contact, source);
      const renewed = this.bindings.renewed(before, changes);
      return this.answer(register, renewed === undefined ? this.lookup(aor) : [renewed]);
    };
    const stored = this.bindings.change(aor, changes);
    if (typeof stored === 'boolean') return done();
    return stored.then((whether) => (whether ? done() : STORE_FAILED));
  }

  private answer(register: Register, held: readonly Contact[]): RegisterOutcome {
    const { gruus } = this;
    const { flowTimer, pushProviders } = this.settings;
    const headers: (readonly [string, string])[] = [['Date', this.date.value]]; // RFC 3261 §10.3 step 8
    // RFC 3327 §5.3 leaves it to us whether a phone that does not ask for it is shown the Path.
    if (register.path !== undefined) headers.push(['Path', register.path]);
    if (register.contacts.some(({ regId, expires }) => regId !== undefined && expires > 0)) {
      headers.push(['Require', 'outbound'], ['Supported', registrarOptions.join(', ')]); // RFC 5626 §6
      if (flowTimer > 0) headers.push(['Flow-Timer', String(flowTimer)]);
    }
    if (pushProviders.length > 0 && register.contacts.some(({ uriText }) => uriText.includes(';pn-provider')))
      headers.push(['Feature-Caps', pushProviders.map((name) => `*;+sip.pns="${name}"`).join(', ')]); // RFC 8599 §8
    return answerOf(held, {
      now: this.now,
      more: register.gruu && gruus !== undefined ? (contact) => gruus.paramsFor(contact) : undefined,
      headers,
    });
  }

  private remove(aor: string, which: (contact: Contact) => boolean): Removal | Promise<Removal> {
    const remove = (): Removal | Promise<Removal> => {
      const gone = this.bindings.of(aor).filter(({ contact }) => which(contact));
      const changes = gone.map((old: Binding): Change => ({ kind: 'remove', old }));
      const stored = this.bindings.change(aor, changes);
      if (typeof stored === 'boolean') return removal(changes, stored);
      return stored.then((whether) => removal(changes, whether));
    };
    return this.turns.take(aor, remove) ?? { removed: 0, stored: false };
  }

  private flowEnded(aor: string, ended: string): void {
    void this.remove(aor, (contact) => contact.received === ended && contact.isTied);
  }

  /** Whoever came now would wait too long. */
  private get isBehind(): boolean {
    const { bindings } = this;
    return bindings.waiting >= this.settings.waitingRowsMax || bindings.oldestMs > BEHIND_MS;
  }

  /** Who is told to come back is there: what he had stays until he does, in memory alone, and nobody is told so. */
  private comesBack(register: Register, outcome: RegisterOutcome): RegisterOutcome {
    if (outcome.status !== 503) return outcome;
    const { now, table } = this;
    for (const [{ row }, expiresMs] of renewedBy(
      register,
      this.bindings.of(register.aor),
      now,
      this.settings,
    ))
      table.stay(row, now + Math.min(expiresMs, STAY_MS));
    return outcome;
  }

  private sentAway(): RegisterOutcome {
    this.shed++;
    return this.overloaded();
  }

  private overloaded(): RegisterOutcome {
    const seconds = RETRY_SECONDS_MIN + this.random.below(RETRY_SECONDS_SPREAD);
    const headers = { 'Retry-After': String(seconds) };
    return refusalOf(new SipError('OVERLOADED', 503, errorCodes.OVERLOADED.text, headers));
  }

  private tell(event: LocationEvent, contact: Contact): void {
    for (const listener of this.listeners[event]) listener(contact);
  }

  /** Removes bindings whose time is over. Those of an AOR with rows on their way are left for the next round. */
  private sweep(): void {
    this.jumps.look();
    let found = 0;
    this.table.sweep(this.now, ROWS_A_SWEEP_MAX, REMOVED_A_SWEEP_MAX, (row) => {
      const contact = this.table.contact(row);
      found++;
      if (!this.turns.isHeld(contact.aor)) this.bindings.expire(row, contact);
    });
    const nextMs = found === REMOVED_A_SWEEP_MAX ? SWEEP_AGAIN_MS : SWEEP_MS;
    this.sweeping = this.clock.after(nextMs, () => this.sweep());
  }
}

const NO_CONTACTS: readonly Contact[] = [];
const NOT_THEIRS: RegisterOutcome = { status: 403, headers: [] };

function removal(changes: readonly Change[], stored: boolean): Removal {
  return { removed: stored ? changes.length : 0, stored };
}

function isFound(contact: Contact, part: string): boolean {
  return contact.aor.includes(part) || contact.uriText.includes(part);
}
