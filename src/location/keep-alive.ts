/**
 * Keeps the way to phones behind NATs open, and finds out who is gone.
 *
 * All bindings are walked through once in an interval, a few every tenth of a second: 100,000 phones are as many
 * messages in every second of it, and never a burst. Line ends keep the hole of a NAT open (RFC 5626 §3.5.1 has the
 * phone send them; here it is us); an OPTIONS asks for an answer as well, and who does not give one several times in a
 * row is taken out.
 */
import type { ClientOutcome, ClientRequest } from '../agent/client.ts';
import type { Clock, Millis, Timer } from '../base/world.ts';
import type { Flow } from '../transport/flow.ts';
import type { Hop } from '../transport/transports.ts';
import type { Contact } from './contact.ts';
import type { Location } from './location.ts';

/** What the operator sets in `[location]`. */
export interface KeepAliveSettings {
  readonly kind: 'off' | 'crlf' | 'options';
  readonly everyMs: Millis;
  /** So many answers in a row that do not come end a binding. */
  readonly misses: number;
}

/** What it stands on. */
export interface KeepAliveParts {
  readonly clock: Clock;
  readonly location: Pick<Location, 'boundAmong' | 'removeDead' | 'rows'>;
  readonly flowTo: (hop: Hop) => Flow | undefined;
  readonly ask: (request: ClientRequest) => Promise<ClientOutcome>;
  readonly settings: KeepAliveSettings;
}

const STEP_MS = 100;
/** Longest wait for the answer to an OPTIONS. */
const REPLY_MS = 4_000;
/** OPTIONS that may wait for their answers; phones beyond have their turn in the next round. */
export const ASKED_MAX = 2_000;
/** When so many phones were asked in a round and not one has answered, it is not they who are gone. */
export const ALL_SILENT_MIN = 20;
const LINE_ENDS = '\r\n\r\n';

interface Silence {
  misses: number;
  round: number;
}

/** One for the whole exchange. */
export class KeepAlive {
  /** Messages that were sent, and bindings that were ended. */
  sent = 0;
  removed = 0;
  private readonly parts: KeepAliveParts;
  private readonly silent = new Map<string, Silence>();
  private timer: Timer | undefined = undefined;
  private cursor = 0;
  private due = 0;
  private asking = 0;
  private round = 0;
  private asked = 0;
  private answered = 0;
  private allSilent = false;

  constructor(parts: KeepAliveParts) {
    this.parts = parts;
  }

  start(): void {
    if (this.parts.settings.kind !== 'off') this.stepLater();
  }

  stop(): void {
    this.timer?.cancel();
  }

  private stepLater(): void {
    this.timer = this.parts.clock.after(STEP_MS, () => {
      this.step();
      this.stepLater();
    });
  }

  private step(): void {
    const { location, settings } = this.parts;
    this.due += (location.rows * STEP_MS) / settings.everyMs;
    let rows = Math.floor(this.due);
    this.due -= rows;
    for (let left = location.rows; rows > 0 && left > 0;) {
      const from = this.cursor;
      this.cursor = location.boundAmong(from, rows, this.keep);
      const walked = (this.cursor === 0 ? location.rows : this.cursor) - from;
      if (this.cursor === 0) this.endRound();
      rows -= walked;
      left -= walked;
    }
  }

  private readonly keep = (contact: Contact): void => {
    const { hop } = contact;
    // One that sleeps is woken when it is called.
    if (hop === undefined || contact.push !== undefined) return;
    if (this.parts.settings.kind === 'options') this.ask(contact, hop);
    else if (hop.transport === 'udp') this.send(hop);
  };

  /** A connection needs none: when it is gone, so is its binding. */
  private send(hop: Hop): void {
    if (this.parts.flowTo(hop)?.send(LINE_ENDS, 0) === true) this.sent++;
  }

  private ask(contact: Contact, hop: Hop): void {
    if (this.asking >= ASKED_MAX) return;
    this.asked++;
    if (this.parts.flowTo(hop) === undefined) return this.missed(contact);
    this.asking++;
    this.sent++;
    const uri = { ...contact.uri, headers: undefined };
    const from = `<sip:${contact.aor.substring(contact.aor.lastIndexOf('@') + 1)}>`;
    void this.parts.ask({ method: 'OPTIONS', uri, from, hop, replyMs: REPLY_MS }).then(({ response }) => {
      this.asking--;
      if (response === undefined) this.missed(contact);
      else {
        this.answered++;
        this.silent.delete(keyOf(contact));
      }
    });
  }

  private missed(contact: Contact): void {
    const key = keyOf(contact);
    const silence = this.silent.get(key) ?? { misses: 0, round: this.round };
    silence.misses++;
    silence.round = this.round;
    this.silent.set(key, silence);
    if (silence.misses < this.parts.settings.misses || this.allSilent) return;
    this.silent.delete(key);
    this.removed++;
    this.parts.location.removeDead(contact);
  }

  private endRound(): void {
    this.allSilent = this.asked >= ALL_SILENT_MIN && this.answered === 0;
    this.asked = 0;
    this.answered = 0;
    this.round++;
    // Who was not asked in this round is not registered any more.
    for (const [key, { round }] of this.silent) if (round < this.round - 2) this.silent.delete(key);
  }
}

/** A phone that registers again begins anew. */
function keyOf({ aor, uriText, received, cseq, callId }: Contact): string {
  return `${aor} ${uriText} ${received} ${callId} ${cseq}`;
}
