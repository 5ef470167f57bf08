/** The event package `reg`: who subscribes is told who registers, and from where. RFC 3680 */
import type { AgentCore } from '../agent/core.ts';
import { calledDialog } from '../dialog/dialog.ts';
import type { Reply, Serve } from '../route/decision.ts';
import { replyTo } from '../sip/build.ts';
import { EVENT, FROM } from '../sip/header-table.ts';
import type { SipRequest } from '../sip/message.ts';
import { parseNameAddr } from '../sip/name-addr.ts';
import { aorOf } from '../sip/uri.ts';
import type { Contact } from './contact.ts';
import type { DeviceGruus } from './gruu.ts';
import type { Location } from './location.ts';
import { type ContactNews, type ContactState, REG_INFO } from './reg-info.ts';
import { RegSubscription, subscribedSeconds, SUBSCRIPTION_SECONDS } from './reg-subscription.ts';

/** Subscriptions to one address-of-record: phones, a mailbox, a few supervisors. */
export const SUBSCRIPTIONS_A_USER_MAX = 32;

const PACKAGE = 'reg';
const RETRY_SECONDS = '60';

/** What it stands on. */
export interface RegEventsParts {
  readonly core: AgentCore;
  readonly location: Location;
}

/** All subscriptions. */
export class RegEvents {
  private readonly core: AgentCore;
  private readonly location: Location;
  private readonly subscriptions = new Map<string, Set<RegSubscription>>();

  constructor({ core, location }: RegEventsParts) {
    this.core = core;
    this.location = location;
    location.on('contact.added', (contact) => this.tell(contact, 'created'));
    location.on('contact.refreshed', (contact) => this.tell(contact, 'refreshed'));
    location.on('contact.expired', (contact) => this.tell(contact, 'expired'));
    location.on('contact.removed', (contact) => this.tell(contact, 'unregistered'));
  }

  /** Answers a SUBSCRIBE that whoever calls this has let through: to the registration of `aor`. */
  watch(request: SipRequest, aor: string): Reply | Serve {
    const refusal = refusalOf(request);
    if (refusal !== undefined) return refusal;
    const { dialogs } = this.core;
    const count = this.subscriptions.get(aor)?.size ?? 0;
    if (dialogs.full || count >= SUBSCRIPTIONS_A_USER_MAX)
      return { do: 'reply', status: 503, headers: [['Retry-After', RETRY_SECONDS]] };
    const watched = { aor, isOwn: isFrom(request, aor) };
    return {
      do: 'serve',
      serve: (server, subscribe) => {
        const dialog = dialogs.open(calledDialog(subscribe, dialogs.newTag(), server.flow, server.order));
        if (dialog === undefined) return server.respond(503, replyTo(subscribe, 503));
        const subscription = new RegSubscription(this.core, dialog, watched, this);
        this.keep(subscription);
        subscription.subscribed(server, subscribe, true);
      },
    };
  }

  /** Every subscription ends with a last word. */
  stop(): void {
    for (const all of this.subscriptions.values()) for (const one of Array.from(all)) one.stop();
  }

  contactsOf(aor: string): readonly ContactState[] {
    return this.location.lookup(aor).map((contact) => ({ contact, news: 'registered' }));
  }

  /** A temporary GRUU hides whose it is (RFC 5627 §3.1.2): nobody but the user is told of it. */
  gruusOf(contact: Contact, own: boolean): Partial<DeviceGruus> | undefined {
    const gruus = this.location.gruusOf(contact);
    return gruus === undefined || own ? gruus : { publicUri: gruus.publicUri };
  }

  ended(subscription: RegSubscription): void {
    const all = this.subscriptions.get(subscription.aor);
    if (all?.delete(subscription) === true && all.size === 0) this.subscriptions.delete(subscription.aor);
  }

  private keep(subscription: RegSubscription): void {
    const all = this.subscriptions.get(subscription.aor);
    if (all === undefined) this.subscriptions.set(subscription.aor, new Set([subscription]));
    else all.add(subscription);
  }

  private tell(contact: Contact, news: ContactNews): void {
    if (this.subscriptions.size === 0) return;
    for (const one of this.subscriptions.get(contact.aor) ?? []) one.changed({ contact, news });
  }
}

/** What keeps a SUBSCRIBE from being one of ours. RFC 6665 §4.2.1 */
function refusalOf(request: SipRequest): Reply | undefined {
  const { headers } = request;
  const event = (headers.raw(EVENT) ?? '').split(';')[0]?.trim().toLowerCase();
  if (event !== PACKAGE) return { do: 'reply', status: 489, headers: [['Allow-Events', PACKAGE]] };
  if (headers.has('Accept') && !headers.all('Accept').some(takesRegInfo))
    return { do: 'reply', status: 406, headers: [['Accept', REG_INFO]] };
  if (subscribedSeconds(request) === undefined)
    return { do: 'reply', status: 423, headers: [['Min-Expires', String(SUBSCRIPTION_SECONDS.least)]] };
  return undefined;
}

/** Whether From is the address-of-record itself; the script has seen to it that From is believed. */
function isFrom(request: SipRequest, aor: string): boolean {
  const from = request.headers.raw(FROM);
  return from !== undefined && aorOf(parseNameAddr(from).uri) === aor;
}

function takesRegInfo(accept: string): boolean {
  return accept
    .split(',')
    .map((type) => type.split(';')[0]?.trim().toLowerCase())
    .some((type) => type === REG_INFO || type === '*/*' || type === 'application/*');
}
