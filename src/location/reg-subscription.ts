/** One subscription to somebody's registration: its dialog, its time, and its NOTIFYs, one after the other. RFC 3680 */
import type { AgentCore } from '../agent/core.ts';
import { type NoResponse, OutgoingRequest } from '../agent/outgoing.ts';
import { contactFor } from '../agent/ways.ts';
import { step } from '../base/machine.ts';
import type { Millis, Timer } from '../base/world.ts';
import type { Dialog, DialogUser, HeaderLine } from '../dialog/dialog.ts';
import { recordRoutes } from '../dialog/dialog.ts';
import { replyTo } from '../sip/build.ts';
import { EXPIRES } from '../sip/header-table.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import { seconds } from './contact-field.ts';
import type { Contact } from './contact.ts';
import type { DeviceGruus } from './gruu.ts';
import { type ContactState, REG_INFO, regInfoText } from './reg-info.ts';
import {
  type RegSubscriptionPart,
  regSubscriptionMachine,
  type RegSubscriptionState,
} from './reg-subscription-machine.ts';

/** How long a subscription lasts when it does not ask, at least, and at most, in seconds. RFC 3680 §4.4 */
export const SUBSCRIPTION_SECONDS = { usual: 3_761, least: 60, most: 7_200 };
/** Changes come to a subscriber not sooner after each other. RFC 3680 §4.10 */
export const NOTIFY_EVERY_MS = 5_000;

/** What a subscription asks of whoever keeps them. */
export interface RegSubscriptionUser {
  /** Everybody who is registered now. */
  contactsOf(aor: string): readonly ContactState[];
  /** Their GRUUs; temporary ones only for who is registered. */
  gruusOf(contact: Contact, own: boolean): Partial<DeviceGruus> | undefined;
  ended(subscription: RegSubscription): void;
}

/** The seconds a SUBSCRIBE asks for, cut to the most; what is too brief is undefined. 0 ends or asks once. */
export function subscribedSeconds(request: SipRequest): number | undefined {
  const text = request.headers.raw(EXPIRES);
  const asked = text === undefined ? SUBSCRIPTION_SECONDS.usual : seconds(text, 0, text.length);
  if (asked > 0 && asked < SUBSCRIPTION_SECONDS.least) return undefined;
  return Math.min(asked, SUBSCRIPTION_SECONDS.most);
}

/** Whose registration, and whether it is that of who asks. */
export interface Watched {
  readonly aor: string;
  readonly isOwn: boolean;
}

/** See above. */
export class RegSubscription implements RegSubscriptionPart, DialogUser {
  readonly aor: string;
  /** Whether who asks is who is registered. */
  readonly isOwn: boolean;
  state: RegSubscriptionState = 'active';
  private readonly core: AgentCore;
  private readonly dialog: Dialog;
  private readonly user: RegSubscriptionUser;
  private endsAt: Millis = 0;
  private lapse: Timer | undefined = undefined;
  private version = 0;
  private told: Millis = -NOTIFY_EVERY_MS;
  private pause: Timer | undefined = undefined;
  private telling = false;
  private wantsAll = false;
  private lastReason: string | undefined = undefined;
  private changes = new Map<string, ContactState>();

  constructor(core: AgentCore, dialog: Dialog, watched: Watched, user: RegSubscriptionUser) {
    this.core = core;
    this.dialog = dialog;
    this.aor = watched.aor;
    this.isOwn = watched.isOwn;
    this.user = user;
    dialog.user = this;
    dialog.accepted();
  }

  // ─── what comes ──────────────────────────────────────────────────────────────────────────────

  /** The first SUBSCRIBE, and each that follows within the dialog. */
  subscribed(server: ServerTransaction, request: SipRequest, isFirst: boolean): void {
    const asked = subscribedSeconds(request);
    if (asked === undefined) {
      const headers = [['Min-Expires', String(SUBSCRIPTION_SECONDS.least)]] as const;
      return server.respond(423, replyTo(request, 423, { headers, toTag: this.dialog.localTag }));
    }
    const routes = isFirst ? recordRoutes(request.headers) : [];
    const headers: (readonly [string, string])[] = [
      ...routes.map((route) => ['Record-Route', route] as const),
      ['Contact', contactFor(server.flow, undefined, this.dialog.secure)],
      ['Expires', String(asked)],
    ];
    if (!isFirst) this.dialog.refreshTarget(request.headers, server.flow);
    server.respond(200, replyTo(request, 200, { headers, toTag: this.dialog.localTag }));
    this.lapse?.cancel();
    if (asked === 0) return step(regSubscriptionMachine, 'unsubscribe', this);
    this.endsAt = this.core.world.clock.now() + asked * 1000;
    this.lapse = this.core.world.clock.after(asked * 1000, () => step(regSubscriptionMachine, 'lapse', this));
    step(regSubscriptionMachine, 'subscribe', this);
  }

  /** Within the dialog nothing but SUBSCRIBE has a meaning. */
  receive(server: ServerTransaction, request: SipRequest): void {
    if (request.method === 'SUBSCRIBE') return this.subscribed(server, request, false);
    server.respond(405, replyTo(request, 405, { headers: [['Allow', 'SUBSCRIBE']] }));
  }

  acknowledged(): void {}

  /** Something happened to a contact: the last word about each is what counts. */
  changed(change: ContactState): void {
    this.changes.set(`${change.contact.uriText} ${change.contact.params}`, change);
    step(regSubscriptionMachine, 'change', this);
  }

  /** The exchange stops: whoever wants to know may ask again elsewhere. */
  stop(): void {
    step(regSubscriptionMachine, 'stop', this);
  }

  // ─── what the figure asks for ────────────────────────────────────────────────────────────────

  tellAll(): void {
    this.wantsAll = true;
    this.tell();
  }

  tellChange(): void {
    const { clock } = this.core.world;
    const waitMs = this.told + NOTIFY_EVERY_MS - clock.now();
    if (waitMs <= 0) return this.tell();
    this.pause ??= clock.after(waitMs, () => {
      this.pause = undefined;
      this.tell();
    });
  }

  tellEnd(reason: 'timeout' | 'probation'): void {
    this.lastReason = reason;
    this.wantsAll = true;
    this.lapse?.cancel();
    this.tell();
  }

  leave(): void {
    this.lapse?.cancel();
    this.pause?.cancel();
    this.dialog.end();
    this.user.ended(this);
  }

  // ─── NOTIFY ──────────────────────────────────────────────────────────────────────────────────

  /** One at a time, so that versions arrive in order. RFC 3680 §5.1 */
  private tell(): void {
    if (this.telling || (!this.wantsAll && this.changes.size === 0)) return;
    const { clock } = this.core.world;
    const all = this.user.contactsOf(this.aor);
    const contacts = this.wantsAll ? all : Array.from(this.changes.values());
    const body = regInfoText({
      aor: this.aor,
      version: this.version++,
      state: this.wantsAll ? 'full' : 'partial',
      active: all.length > 0,
      contacts,
      now: clock.now(),
      gruusOf: (contact) => this.user.gruusOf(contact, this.isOwn),
    });
    this.telling = true;
    this.wantsAll = false;
    this.changes.clear();
    this.told = clock.now();
    this.notify(body, (end) => this.notified(end));
  }

  private notified(end: SipResponse | NoResponse): void {
    this.telling = false;
    const failed = typeof end === 'string' || end.status >= 300;
    if (this.state === 'terminated' && !this.wantsAll) this.leave();
    else if (failed) this.fail();
    else if (this.wantsAll) this.tell();
    else if (this.changes.size > 0) this.tellChange();
  }

  /** RFC 6665 §4.2.2: who does not take a NOTIFY is no subscriber any more. */
  private fail(): void {
    if (this.state === 'terminated') this.leave();
    else step(regSubscriptionMachine, 'fail', this);
  }

  private notify(body: string, ended: (end: SipResponse | NoResponse) => void): void {
    const { dialog } = this;
    const within = dialog.within();
    const headers: readonly HeaderLine[] = [
      ...within.headers,
      ['Event', 'reg'],
      ['Subscription-State', this.subscriptionState()],
    ];
    const draft = { method: 'NOTIFY', uri: within.uri, headers, body, contentType: REG_INFO, contact: true };
    const nextCSeq = (): number => dialog.nextCSeq();
    const { way: flow, asker, order } = dialog;
    const options = { next: within.next, flow, asker, order, nextCSeq, isSips: dialog.secure };
    new OutgoingRequest(this.core, draft, options, { ended }).send();
  }

  private subscriptionState(): string {
    if (this.lastReason !== undefined) return `terminated;reason=${this.lastReason}`;
    const left = Math.max(0, Math.ceil((this.endsAt - this.core.world.clock.now()) / 1000));
    return `active;expires=${left}`;
  }
}
