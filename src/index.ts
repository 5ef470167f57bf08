/**
 * What a routing script imports.
 *
 * @example
 * import { script, Router, byPreference } from 'tandem';
 *
 * export default script(({ location }) => {
 *   const app = new Router();
 *   app.request(async (c) => {
 *     const phones = await location.lookup(c.uri);
 *     return phones.length === 0 ? c.reply(480) : c.relay(byPreference(phones));
 *   });
 *   return app;
 * });
 */
export { printUri } from './sip/uri.ts';
export { byPreference, parallel, type Plan, serial, type Target } from './proxy/plan.ts';
export {
  BranchContext,
  type Context,
  ErrorContext,
  FailureContext,
  LocalContext,
  ReplyContext,
  RequestContext,
  type StatusLine,
} from './route/context.ts';
export type { Asked } from './agent/asked.ts';
export type { B2bOptions } from './agent/b2b.ts';
export type { PushEvent } from './location/wake-ups.ts';
export type { ClientOutcome, ClientRequest } from './agent/client.ts';
export type { InviteAnswer } from './agent/invite-answer.ts';
export type { CallHandlers, LocalApp, LocalCall } from './agent/local-call.ts';
export type { Session } from './agent/session.ts';
export type {
  Answer,
  Drop,
  FailureDecision,
  Forward,
  Pass,
  Redirect,
  Relay,
  RelayOptions,
  Reply,
  RequestDecision,
  Serve,
} from './route/decision.ts';
export type {
  BanEvent,
  CallEndedEvent,
  ContactEvent,
  EventName,
  Events,
  PoolEvent,
  TrunkEvent,
} from './route/events.ts';
export { RouteError } from './route/route-error.ts';
export { parseUri } from './route/script-uri.ts';
export {
  type BranchRoute,
  type ErrorRoute,
  type FailureRoute,
  type LocalRoute,
  type Middleware,
  type Next,
  type ReplyRoute,
  type RequestRoute,
  Router,
  type Script,
  script,
} from './route/router.ts';
export type {
  Caller,
  Counter,
  Gauge,
  Histogram,
  HttpAnswer,
  HttpOptions,
  PickName,
  Pool,
  PoolOptions,
  PoolServerOptions,
  ProbeOptions,
  Services,
  TrunkOptions,
  TrunkOrCaller,
} from './route/services.ts';
export type { Callee, Refusal, Right, Ringing, RingOptions } from './route/user-services.ts';
export type { RouteKind, RouteStep } from './route/step.ts';
export type { SipRequest, SipResponse } from './sip/message.ts';
export type { NameAddr } from './sip/name-addr.ts';
export type { Uri } from './sip/uri.ts';
