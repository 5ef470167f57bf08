import type { Logger } from './world.ts';

/** Says nothing; for tests and for decisions asked for outside an exchange. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
