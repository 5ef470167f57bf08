/** A mistake of our own: never caught but at a room's edge, where it ends one transaction with 500 and is counted. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** States what must be true here; if it is not, our own code is wrong. */
export function assert(holds: boolean, expected: string): asserts holds {
  if (!holds) throw new AssertionError(`assert: ${expected}`);
}

/** The last branch of a switch over a union: reaching it does not compile unless the union is used up. */
export function unreachable(value: never): never {
  throw new AssertionError(`assert: unreachable value ${String(value)}`);
}
