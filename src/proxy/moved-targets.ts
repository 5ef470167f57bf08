/**
 * Remote targets that were changed within their dialog (RFC 3261 §12.2). A route set is made once, so what it proves
 * about the other side's address is over when that side moves: from then on it is known here.
 *
 * Four places a bucket, the oldest of them is given up for a new dialog. Whoever finds his place taken is led to the
 * address that the dialog began with, or nowhere.
 */
import type { RouteSigner } from './route-signer.ts';

/** Dialogs whose targets are remembered, both sides counted. */
export const MOVED_MAX = 131_072;

const WAYS = 4;
const BUCKETS = MOVED_MAX / WAYS;

/** A table of fixed size; it takes its memory when the first target moves. */
export class MovedTargets {
  private readonly signer: RouteSigner;
  private keys: Int32Array | undefined = undefined;
  private marks = new Int32Array(0);
  private targets = new Int32Array(0);

  /** Its hashes are keyed: nobody can choose dialogs that push another's out of its bucket. */
  constructor(signer: RouteSigner) {
    this.signer = signer;
  }

  /** `side` names one side of one dialog, `target` is the hash of its new address. */
  note(side: string, target: number): void {
    this.keys ??= this.make();
    const { keys, marks, targets } = this;
    const key = this.signer.hashOf(side);
    const mark = this.signer.secondHashOf(side);
    const start = ((key >>> 0) % BUCKETS) * WAYS;
    let at = start;
    while (at < start + WAYS - 1 && !(keys[at] === key && marks[at] === mark)) at++;
    for (; at > start; at--) {
      keys[at] = keys[at - 1]!;
      marks[at] = marks[at - 1]!;
      targets[at] = targets[at - 1]!;
    }
    keys[start] = key;
    marks[start] = mark;
    targets[start] = target;
  }

  /** Whether this side has moved to this address. */
  holds(side: string, target: number): boolean {
    const { keys, marks, targets } = this;
    if (keys === undefined) return false;
    const key = this.signer.hashOf(side);
    const mark = this.signer.secondHashOf(side);
    const start = ((key >>> 0) % BUCKETS) * WAYS;
    for (let at = start; at < start + WAYS; at++) {
      if (keys[at] === key && marks[at] === mark) return targets[at] === target;
    }
    return false;
  }

  private make(): Int32Array {
    this.marks = new Int32Array(MOVED_MAX);
    this.targets = new Int32Array(MOVED_MAX);
    return new Int32Array(MOVED_MAX);
  }
}
