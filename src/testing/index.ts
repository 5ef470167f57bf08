/** The door `tandem/testing`: towns, phones, simulated Worlds, ladders. */
export { fakes } from './fakes.ts';
export { ladder, type LadderNames } from './ladder.ts';
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
