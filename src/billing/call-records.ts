/**
 * The record of every call attempt: one row, begun with the INVITE, completed when the call ends. Durations
 * come from the monotonic clock, so that a jump of the wall clock costs nobody anything.
 */
import { SipError, TandemError } from '../base/errors.ts';
import { step } from '../base/machine.ts';
import type { Clock, Logger, Millis, Timer } from '../base/world.ts';
import type { EndedBy } from '../store/schema.ts';
import { WRITER_LIMITS } from '../store/writer.ts';
import type { Done, Value, Writer } from '../store/writer.ts';
import type { UnfinishedCalls } from './call-list.ts';
import { callMachine } from './call-machine.ts';
import type { CallRecordEvent, CallRecordPart, CallRecordState } from './call-machine.ts';
import { CallNumbers } from './call-number.ts';
import { CallTable, NOT_YET } from './call-table.ts';

/** The number of a call's record, see `call-number.ts`: grows, also over restarts. 0 is none. */
export type CallId = number;

/** What is known when the INVITE comes. */
export interface NewCall {
  readonly callId: string;
  readonly fromTag: string;
  /** Whose call it is: `alice@example.com`, or the From of a stranger. */
  readonly caller: string;
  /** What was dialled. */
  readonly callee: string;
  readonly fromUri: string;
  readonly toUri?: string;
  /** `192.0.2.7:5060` */
  readonly source: string;
}

/**
 * How a call ended. `status`: the final status of the INVITE; a call that was answered keeps that of its
 * answer.
 */
export interface CallEnd {
  readonly by: EndedBy | null;
  readonly status: number;
  /** When, by the clock; now when it is missing. */
  readonly at?: Millis;
}

/** What bounds the records in memory. */
export interface CallLimits {
  /** Calls whose records are not complete. */
  readonly callsMax: number;
  /** A call that nobody ended for so long is closed. */
  readonly callMs: number;
}

/** The usual limits. */
export const CALL_LIMITS: CallLimits = { callsMax: 1_000_000, callMs: 86_400_000 };
/** Longer texts from the wire are cut in the record. */
export const RECORD_TEXT_MAX = 255;
/** How long after a failure a record is written again. */
export const REPAIR_MS = 1_000;
/** How often calls that nobody ended are looked for. */
export const SWEEP_MS = 60_000;
/**
 * A restart leaves out so many numbers where they are counted: rows that a crash kept from the disk had them, and a BYE
 * of such a call must not end another one.
 */
export const IDS_LEFT_OUT = WRITER_LIMITS.waitingRowsMax;

const STATES: readonly CallRecordState[] = ['open', 'answered', 'ending', 'ended'];
const ENDERS: readonly (EndedBy | null)[] = [null, 'caller', 'callee', 'us'];

/** What records stand on. */
export interface CallRecordsOptions {
  readonly writer: Writer;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits?: Partial<CallLimits>;
  /** Which of the nodes on its database this is; undefined where no other can be. */
  readonly node?: number | undefined;
}

/** Keeps the records of the calls that go on. */
export class CallRecords {
  private readonly writer: Writer;
  private readonly clock: Clock;
  private readonly log: Logger;
  private readonly limits: CallLimits;
  private readonly calls: CallTable;
  private readonly numbers: CallNumbers;
  /** Records of which a row was not written, with what the first row needs if it was that one. */
  private readonly broken = new Map<CallId, NewCall | undefined>();
  /** What kept the first of them from the disk. */
  private why = '';
  private repairTimer: Timer | undefined;
  private sweepTimer: Timer | undefined;
  // The call that the machine is at, and what it was told.
  private slot = -1;
  private status = 0;
  private by: EndedBy | null = null;
  private endAt: Millis = 0;
  private done: Done | undefined;
  private failure: Error | undefined;
  private readonly part: CallRecordPart = {
    state: 'open',
    answer: () => this.noteAnswer(),
    end: () => this.noteEnd(),
    writeEnd: () => this.writeEnd(this.slot, this.handedDone()),
    repair: () => this.noteBroken(this.calls.ids[this.slot]!, undefined, this.failure),
    release: () => this.calls.release(this.slot),
  };

  /** `node`: see `CallNumbers`. */
  constructor(options: CallRecordsOptions) {
    this.numbers = new CallNumbers(options.node);
    this.writer = options.writer;
    this.clock = options.clock;
    this.log = options.log;
    this.limits = { ...CALL_LIMITS, ...options.limits };
    this.calls = new CallTable(this.limits.callsMax);
  }

  /** Calls whose records are not complete. */
  get count(): number {
    return this.calls.size;
  }

  /** Begins a record. Throws SipError 503 when too many are open. `done`: its row is on disk, or why not. */
  open(call: NewCall, done?: Done): CallId {
    const { callsMax } = this.limits;
    if (this.count >= callsMax) throw new SipError('OVERLOADED', 503, `more than ${callsMax} calls at once`);
    const wall = this.clock.wall();
    const id = this.numbers.next(wall);
    const slot = this.calls.take(id);
    this.calls.startedAt[slot] = this.clock.now();
    this.calls.startedWall[slot] = wall;
    this.writeOpen(slot, call, done);
    this.sweepLater();
    return id;
  }

  /** The call was answered with this 2xx. Means nothing when it was answered or ended before. */
  answered(id: CallId, status: number, done?: Done): void {
    this.status = status;
    this.tell(this.calls.find(id), 'answer', done);
  }

  /**
   * The call ended, answered or not. Told twice, the first one counts. `done`: the complete record is on
   * disk, or why it is not; then it is written again until it is.
   */
  ended(id: CallId, end: CallEnd, done?: Done): void {
    this.status = end.status;
    this.by = end.by;
    this.endAt = end.at ?? this.clock.now();
    this.tell(this.calls.find(id), 'end', done);
  }

  /**
   * Takes up the calls of an earlier run: see `readUnfinishedCalls`. Time that passed is that of the wall
   * clock. Calls of another node are its own business, unless they are so old that it would have closed them: then
   * it is gone for good, and somebody has to.
   */
  restore(unfinished: UnfinishedCalls): void {
    if (unfinished.lastId > 0) this.numbers.goBeyond(unfinished.lastId, IDS_LEFT_OUT);
    const othersMs = this.limits.callMs + 2 * SWEEP_MS;
    for (const row of unfinished.rows) {
      if (this.numbers.isOthers(row.id) && this.clock.wall() - row.started_at <= othersMs) continue;
      const slot = this.calls.take(row.id);
      if (slot < 0) {
        this.log.error('too many unfinished calls to take up', { limit: this.limits.callsMax });
        break;
      }
      const passedMs = Math.max(0, this.clock.wall() - row.started_at);
      this.calls.startedAt[slot] = this.clock.now() - passedMs;
      this.calls.startedWall[slot] = row.started_at;
      if (row.state !== 'answered') continue;
      this.calls.states[slot] = STATES.indexOf('answered');
      this.calls.setupMs[slot] = row.setup_ms ?? 0;
      this.calls.statuses[slot] = row.status ?? 0;
    }
    this.sweep();
  }

  /** Ends the timers; what is in the writer's hands is still written. */
  stop(): void {
    this.repairTimer?.cancel();
    this.sweepTimer?.cancel();
  }

  private tell(slot: number, event: CallRecordEvent, done?: Done): void {
    this.done = done;
    if (slot >= 0) {
      this.slot = slot;
      this.part.state = STATES[this.calls.states[slot]!]!;
      step(callMachine, event, this.part);
      this.calls.states[slot] = STATES.indexOf(this.part.state);
    }
    // Nothing had to be written for it: the record has it already, or is complete.
    const unused = this.handedDone();
    if (unused !== undefined) this.clock.soon(() => unused(undefined));
  }

  private noteAnswer(): void {
    this.calls.setupMs[this.slot] = this.elapsedMs(this.slot);
    this.calls.statuses[this.slot] = this.status;
    this.writeAnswer(this.slot, this.handedDone());
  }

  private noteEnd(): void {
    const { calls, slot } = this;
    calls.endedMs[slot] = this.elapsedMs(slot, this.endAt);
    calls.enders[slot] = ENDERS.indexOf(this.by);
    if (calls.setupMs[slot] === NOT_YET) calls.statuses[slot] = this.status;
    this.writeEnd(slot, this.handedDone());
  }

  /** Goes to the row that is written, so that it is called after its commit. */
  private handedDone(): Done | undefined {
    const { done } = this;
    this.done = undefined;
    return done;
  }

  private writeOpen(slot: number, call: NewCall, done?: Done): void {
    const { callId, fromTag, caller, callee, fromUri, toUri, source } = call;
    const id = this.calls.ids[slot]!;
    const texts = [callId, fromTag, caller, callee, fromUri, toUri, source].map(cut);
    const written: Done = (error) => {
      if (error !== undefined) this.noteBroken(id, call, error);
      done?.(error);
    };
    const values = [id, ...texts, this.calls.startedWall[slot]!];
    this.writer.write('openCall', values, written, done === undefined);
  }

  private writeAnswer(slot: number, done?: Done): void {
    const { ids, startedWall, setupMs, statuses } = this.calls;
    const id = ids[slot]!;
    const setup = setupMs[slot]!;
    const written: Done = (error) => {
      if (error !== undefined) this.noteBroken(id, undefined, error);
      done?.(error);
    };
    const values = [startedWall[slot]! + setup, setup, statuses[slot]!, id];
    this.writer.write('answerCall', values, written, done === undefined);
  }

  private writeEnd(slot: number, done?: Done): void {
    const id = this.calls.ids[slot]!;
    const written: Done = (error) => {
      const failure = error ?? (this.broken.get(id) === undefined ? undefined : firstRowMissing(id));
      this.failure = failure;
      this.tell(this.calls.find(id), failure === undefined ? 'committed' : 'failed');
      done?.(failure);
    };
    this.writer.write('endCall', this.endValues(slot), written, done === undefined);
  }

  private endValues(slot: number): Value[] {
    const { ids, startedWall, setupMs, endedMs, statuses, enders } = this.calls;
    const started = startedWall[slot]!;
    const endedAfter = endedMs[slot]!;
    const endedAt = started + endedAfter;
    const by = ENDERS[enders[slot]!] ?? null;
    const row = [statuses[slot]!, by, ids[slot]!];
    const answeredAfter = setupMs[slot]!;
    if (answeredAfter === NOT_YET) return [null, endedAt, 0, by === null ? null : endedAfter, ...row];
    // Nobody saw such a call end, so nobody knows how long it was.
    const durationMs = by === null ? null : endedAfter - answeredAfter;
    return [started + answeredAfter, endedAt, durationMs, answeredAfter, ...row];
  }

  /** A row of this record was not written. */
  private noteBroken(id: CallId, call: NewCall | undefined, error: Error | undefined): void {
    if (this.broken.size === 0) this.why = error?.message ?? '';
    this.broken.set(id, call ?? this.broken.get(id));
    this.repairTimer ??= this.clock.after(REPAIR_MS, () => this.repair());
  }

  /** Writes broken records from the beginning: rows that are there already are not changed by it. */
  private repair(): void {
    this.repairTimer = undefined;
    const broken = [...this.broken];
    this.broken.clear();
    this.log.error('call records were not written; they are written again', {
      records: broken.length,
      why: this.why,
    });
    for (const [id, call] of broken) {
      const slot = this.calls.find(id);
      if (slot < 0) continue;
      if (call !== undefined) this.writeOpen(slot, call);
      if (this.calls.setupMs[slot] !== NOT_YET) this.writeAnswer(slot);
      if (this.calls.endedMs[slot] !== NOT_YET) this.writeEnd(slot);
    }
  }

  private sweepLater(): void {
    this.sweepTimer ??= this.clock.after(SWEEP_MS, () => this.sweep());
  }

  /** Closes calls that nobody ended: their caller vanished, or a restart lost the end. */
  private sweep(): void {
    this.sweepTimer?.cancel();
    this.sweepTimer = undefined;
    this.calls.each((slot) => {
      if (this.calls.endedMs[slot] === NOT_YET && this.elapsedMs(slot) >= this.limits.callMs) {
        this.ended(this.calls.ids[slot]!, { by: null, status: 0 });
      }
    });
    if (this.count > 0) this.sweepLater();
  }

  private elapsedMs(slot: number, at = this.clock.now()): number {
    return Math.round(at - this.calls.startedAt[slot]!);
  }
}

function firstRowMissing(id: CallId): TandemError {
  return new TandemError(
    'STORE_FAILED',
    `endCall was not written: the first row of call ${id} was not either`,
  );
}

function cut(text: string | undefined): string | null {
  if (text === undefined) return null;
  return text.length > RECORD_TEXT_MAX ? text.substring(0, RECORD_TEXT_MAX) : text;
}
