/** Our own REGISTER at other registrars: refreshed before it runs out, tried again after failures, taken back. */
import { step } from '../base/machine.ts';
import type { Millis, Timer } from '../base/world.ts';
import { contactsOf } from '../sip/contacts.ts';
import type { SipResponse } from '../sip/message.ts';
import { parseNameAddr } from '../sip/name-addr.ts';
import { parseUri, sameUri, type Uri } from '../sip/uri.ts';
import type { Flow } from '../transport/flow.ts';
import type { Hop } from '../transport/transports.ts';
import { Client, type ClientOutcome } from './client.ts';
import type { AgentCore } from './core.ts';
import { type Credentials, DigestClient } from './digest-client.ts';
import { enrolmentMachine, type EnrolmentPart, type EnrolmentState } from './enrolment-machine.ts';
import { EnrolmentRound, type Place, type RoundEnd } from './enrolment-round.ts';
import { contactFor } from './ways.ts';

/** Who enrols, and where. */
export interface EnrolmentOptions {
  /** The registrar's domain: `sip:carrier.example`. */
  readonly registrar: Uri;
  /** The address-of-record there: `sip:4930123@carrier.example`. */
  readonly aor: string;
  readonly credentials?: Credentials;
  /** The user in our Contact; the one of the address-of-record unless given. */
  readonly contactUser?: string;
  readonly expiresSeconds?: number;
  /** Where the requests go, when that is not where the registrar's domain lives; not those that it redirects. */
  readonly hop?: Hop | undefined;
  /** Told of each change, with the last status and where we are registered. */
  readonly told?: (state: EnrolmentState, status: number, at: Uri | undefined) => void;
}

const EXPIRES_SECONDS = 3600;
/** What a registrar may ask for by 423, and grant, at most. */
const EXPIRES_SECONDS_MAX = 86_400;
/** RFC 5626 §4.5: the first wait after a failure, and the longest. */
export const BACK_OFF_FIRST_MS: Millis = 30_000;
/** See above. */
export const BACK_OFF_MAX_MS: Millis = 1_800_000;
/** A refresh goes out after this share of the time, between the two: so that not all come at once. */
const REFRESH_FROM_PERCENT = 75;
const REFRESH_TO_PERCENT = 90;
/** What another try with the same credentials will not change. */
const HOPELESS: ReadonlySet<number> = new Set([401, 403, 404, 407]);

/** One registration of ours. */
export class Enrolment implements EnrolmentPart {
  state: EnrolmentState = 'idle';
  /** The status of the last answer, 0 before. */
  status = 0;
  /** For how long we are registered, as the registrar says. */
  grantedSeconds = 0;
  private readonly core: AgentCore;
  private readonly options: EnrolmentOptions;
  private readonly client: Client;
  private readonly registrar: Place;
  /** Who has our binding: the registrar, or whoever it has sent us to. */
  private place: Place | undefined = undefined;
  private readonly contactUser: string | undefined;
  private expiresSeconds: number;
  private failures = 0;
  private retryAfterMs: Millis = 0;
  private timer: Timer | undefined = undefined;
  private removed: Promise<void> = Promise.resolve();

  constructor(core: AgentCore, options: EnrolmentOptions) {
    this.core = core;
    this.options = options;
    this.client = new Client(core);
    this.registrar = { uri: options.registrar, hop: options.hop, digest: this.newDigest() };
    this.contactUser = options.contactUser ?? parseUri(options.aor).user;
    this.expiresSeconds = options.expiresSeconds ?? EXPIRES_SECONDS;
  }

  /** Where we are registered: another place than the registrar when that has redirected us. */
  get registeredAt(): Uri | undefined {
    return this.place?.uri;
  }

  start(): void {
    step(enrolmentMachine, 'start', this);
  }

  /** Takes the binding back; settles when the registrar has answered, or does not. */
  stop(): Promise<void> {
    this.timer?.cancel();
    step(enrolmentMachine, 'stop', this);
    return this.removed;
  }

  // ─── what the figure asks for ────────────────────────────────────────────────────────────────

  ask(): void {
    void this.register();
  }

  rest(): void {
    this.failures = 0;
    const share =
      REFRESH_FROM_PERCENT + this.core.world.random.below(REFRESH_TO_PERCENT - REFRESH_FROM_PERCENT + 1);
    this.wake(this.grantedSeconds * 10 * share);
  }

  /** RFC 5626 §4.5: twice as long after each failure, of which half to all is waited. */
  backOff(): void {
    const most = HOPELESS.has(this.status)
      ? BACK_OFF_MAX_MS
      : Math.min(BACK_OFF_MAX_MS, BACK_OFF_FIRST_MS * 2 ** Math.min(this.failures, 16));
    this.failures++;
    this.wake(Math.max(this.retryAfterMs, most / 2 + this.core.world.random.below(most / 2)));
  }

  remove(): void {
    this.removed = this.unregister();
  }

  tell(): void {
    this.options.told?.(this.state, this.status, this.registeredAt);
  }

  private wake(ms: Millis): void {
    this.timer?.cancel();
    this.timer = this.core.world.clock.after(ms, () => step(enrolmentMachine, 'due', this));
  }

  // ─── asking ──────────────────────────────────────────────────────────────────────────────────

  private async register(): Promise<void> {
    const { place, outcome } = await this.round(
      (asked) => this.sendForLong(asked),
      () => this.state === 'asking',
    );
    const { status, response, flow } = outcome;
    this.status = status;
    this.retryAfterMs = secondsIn(response, 'Retry-After') * 1000;
    const isTaken = response !== undefined && status < 300;
    if (isTaken) this.grantedSeconds = grantedBy(response, flow, this.contactUser) ?? this.expiresSeconds;
    this.place = isTaken && this.grantedSeconds > 0 ? place : undefined;
    step(enrolmentMachine, this.place === undefined ? 'failed' : 'accepted', this);
  }

  private async unregister(): Promise<void> {
    const { outcome } = await this.round(
      (asked) => this.send(asked, 0),
      () => true,
    );
    this.status = outcome.status;
    this.grantedSeconds = 0;
    this.place = undefined;
    if (this.state === 'stopped') this.tell();
  }

  /** Begins where our binding is; the registrar knows when that place is gone. */
  private round(ask: (place: Place) => Promise<ClientOutcome>, isWanted: () => boolean): Promise<RoundEnd> {
    const round = new EnrolmentRound({ ask, isWanted, newDigest: () => this.newDigest() });
    return round.run(this.place ?? this.registrar, this.registrar);
  }

  private newDigest(): DigestClient | undefined {
    const { credentials } = this.options;
    return credentials && new DigestClient(credentials, this.core.world.random);
  }

  /** Once more where it has to be for longer. RFC 3261 §10.2.8 */
  private async sendForLong(place: Place): Promise<ClientOutcome> {
    const outcome = await this.send(place, this.expiresSeconds);
    if (outcome.status !== 423) return outcome;
    this.expiresSeconds = Math.max(this.expiresSeconds, secondsIn(outcome.response, 'Min-Expires'));
    return this.send(place, this.expiresSeconds);
  }

  private send({ uri, hop, digest, asker }: Place, expires: number): Promise<ClientOutcome> {
    const { aor } = this.options;
    const request = {
      method: 'REGISTER',
      uri,
      from: `<${aor}>`,
      to: `<${aor}>`,
      headers: [['Expires', expires]] as const,
      contact: true,
      contactUser: this.contactUser,
      hop,
    };
    return this.client.ask(request, { digest, asker });
  }
}

/** How long our own binding holds; undefined when the answer does not say. RFC 3261 §10.2.4 */
function grantedBy(
  response: SipResponse,
  flow: Flow | undefined,
  user: string | undefined,
): number | undefined {
  if (flow === undefined) return undefined;
  const ours = parseNameAddr(contactFor(flow, user)).uri;
  // Other bindings of the account may have any form.
  const found = contactsOf(response).find(({ uri, params }) => {
    return params['expires'] !== undefined && sameUri(uri, ours);
  });
  if (found !== undefined) return bounded(String(found.params['expires']));
  const expires = response.headers.get('Expires');
  return expires === undefined ? undefined : bounded(expires);
}

function secondsIn(response: SipResponse | undefined, name: string): number {
  return bounded(response?.headers.get(name) ?? '');
}

function bounded(text: string): number {
  const seconds = Number.parseInt(text, 10);
  return seconds >= 0 ? Math.min(seconds, EXPIRES_SECONDS_MAX) : 0;
}
