/**
 * Remote targets that were changed within their dialog (RFC 3261 §12.2). A route set is made once, so what it proves
 * about the other side's address, and about the flow that leads there, is over when that side moves: from then on it is
 * known here.
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
  /** Flow tokens of sides that are reached by their flow alone; made when the first of them moves. */
  private flows: string[] | undefined = undefined;

  /** Its hashes are keyed: nobody can choose dialogs that push another's out of its bucket. */
  constructor(signer: RouteSigner) {
    this.signer = signer;
  }

  /** Whether anybody has moved to where only a flow leads. */
  get hasFlows(): boolean {
    return this.flows !== undefined;
  }

  /** `side` names one side of one dialog, `target` is the hash of its new address, `flow` its flow token or ''. */
  note(side: string, target: number, flow = ''): void {
    this.keys ??= this.make();
    if (flow !== '') this.flows ??= Array.from({ length: MOVED_MAX }, () => '');
    const { keys, marks, targets, flows } = this;
    const key = this.signer.hashOf(side);
    const mark = this.signer.secondHashOf(side);
    const start = ((key >>> 0) % BUCKETS) * WAYS;
    let at = start;
    while (at < start + WAYS - 1 && !(keys[at] === key && marks[at] === mark)) at++;
    for (; at > start; at--) {
      keys[at] = keys[at - 1]!;
      marks[at] = marks[at - 1]!;
      targets[at] = targets[at - 1]!;
      if (flows !== undefined) flows[at] = flows[at - 1]!;
    }
    keys[start] = key;
    marks[start] = mark;
    targets[start] = target;
    if (flows !== undefined) flows[start] = flow;
  }

  /** The flow token of a side that has moved to this address, '' when it needs none; undefined: it has not. */
  flowAt(side: string, target: number): string | undefined {
    const { keys, marks, targets, flows } = this;
    if (keys === undefined) return undefined;
    const key = this.signer.hashOf(side);
    const mark = this.signer.secondHashOf(side);
    const start = ((key >>> 0) % BUCKETS) * WAYS;
    for (let at = start; at < start + WAYS; at++) {
      if (keys[at] !== key || marks[at] !== mark) continue;
      return targets[at] === target ? (flows?.[at] ?? '') : undefined;
    }
    return undefined;
  }

  private make(): Int32Array {
    this.marks = new Int32Array(MOVED_MAX);
    this.targets = new Int32Array(MOVED_MAX);
    return new Int32Array(MOVED_MAX);
  }
}
