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
export { byPreference, parallel, type Plan, serial, type Target } from './proxy/plan.ts';
export {
  BranchContext,
  type Context,
  FailureContext,
  ReplyContext,
  RequestContext,
} from './route/context.ts';
export type {
  Drop,
  FailureDecision,
  Forward,
  Pass,
  Redirect,
  Relay,
  RelayOptions,
  Reply,
  RequestDecision,
} from './route/decision.ts';
export {
  type BranchRoute,
  type FailureRoute,
  type Middleware,
  type Next,
  type ReplyRoute,
  type RequestRoute,
  Router,
  type Script,
  script,
} from './route/router.ts';
export type { Caller, Services } from './route/services.ts';
export type { SipRequest, SipResponse } from './sip/message.ts';
export type { NameAddr } from './sip/name-addr.ts';
export type { Uri } from './sip/uri.ts';
