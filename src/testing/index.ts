/** The door `tandem/testing`: decisions, towns, phones, carriers, simulated Worlds, ladders. */
export { Carrier } from './carriers.ts';
export { decide, printDecision } from './decide.ts';
export type { FarAnswer } from '../server/dry-run-answers.ts';
export type { Step } from '../route/steps.ts';
export { fakes } from './fakes.ts';
export { ladder, type LadderNames, type LadderSteps } from './ladder.ts';
export { assertQuiet } from './quiet.ts';
export { Phone, type PhoneOptions } from './phone.ts';
export type { Call, CallState, Misbehaviour } from './phone-call.ts';
export type { DialledCall, DialOptions } from './phone-dialled.ts';
export type { Answers, IncomingCall } from './phone-incoming.ts';
export type { LinkConditions } from './sim-links.ts';
export type { NatKind, NatOptions, SimNat } from './sim-nat.ts';
export type { SimNet } from './sim-net.ts';
export type { Fate, TraceEntry } from './sim-trace.ts';
export { type LogLine, simWorld, SimWorld } from './sim-world.ts';
export { Town, town, type Person, type TownOptions, TownPhone, type TownRecord } from './town.ts';
