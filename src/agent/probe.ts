/** Asks somebody by OPTIONS, again and again, whether they live. RFC 3261 §11 */
import type { Millis, Timer } from '../base/world.ts';
import type { Uri } from '../sip/uri.ts';
import { Client } from './client.ts';
import type { AgentCore } from './core.ts';

/** Whom, how often, and what counts. */
export interface ProbeOptions {
  readonly uri: Uri;
  /** The value of From, without a tag. */
  readonly from: string;
  readonly everyMs: Millis;
  /** Longest wait for an answer. Default 4 s. */
  readonly replyMs?: Millis;
  /** So many failures in a row mean down, so many answers in a row mean up. Default 3 and 1. */
  readonly downAfter?: number;
  readonly upAfter?: number;
  /** Told when it changes; `status` is that of the last answer, 408 for none. */
  readonly told: (up: boolean, status: number) => void;
}

const REPLY_MS = 4_000;
const DOWN_AFTER = 3;
const UP_AFTER = 1;

/** One probe; it counts as up until it failed often enough. */
export class Probe {
  up = true;
  private readonly core: AgentCore;
  private readonly options: ProbeOptions;
  private readonly client: Client;
  private timer: Timer | undefined = undefined;
  private stopped = false;
  /** Answers that speak against `up`, in a row. */
  private against = 0;

  constructor(core: AgentCore, options: ProbeOptions) {
    this.core = core;
    this.options = options;
    this.client = new Client(core);
  }

  start(): void {
    this.stopped = false;
    void this.ask();
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private async ask(): Promise<void> {
    const { uri, from, everyMs, replyMs = REPLY_MS } = this.options;
    const { status } = await this.client.ask({ method: 'OPTIONS', uri, from, replyMs });
    if (this.stopped) return;
    this.count(status);
    this.timer = this.core.world.clock.after(everyMs, () => void this.ask());
  }

  /** Whoever answers lives, also one who refuses; a 5xx or silence is none. */
  private count(status: number): void {
    const { upAfter = UP_AFTER, downAfter = DOWN_AFTER, told } = this.options;
    const alive = status !== 408 && (status < 500 || status >= 600);
    this.against = alive === this.up ? 0 : this.against + 1;
    if (this.against < (this.up ? downAfter : upAfter) || this.against === 0) return;
    this.up = alive;
    this.against = 0;
    told(alive, status);
  }
}
