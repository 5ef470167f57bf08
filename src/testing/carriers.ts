/** Carriers of a town: they take calls without knowing who calls, and do with them what they are told. */
import { type FarAnswer, finalStatus } from '../server/dry-run-answers.ts';
import type { Phone } from './phone.ts';
import type { Answers, IncomingCall } from './phone-incoming.ts';

/** From the INVITE to the answer of a carrier that answers. */
const ANSWER_MS = 1_000;
const REFUSE_MS = 20;

/** One of them: `carrier.does('silent')`, `carrier.does(503)`. */
export class Carrier {
  /** Its side of the wire: what it got, and what else it can be told. */
  readonly phone: Phone;

  constructor(phone: Phone) {
    this.phone = phone;
  }

  /** From now on; the same words as `tandem sim --answer` takes. */
  does(what: FarAnswer): this {
    this.phone.answers = answersFor(what);
    return this;
  }

  /** The calls that came, oldest first. */
  get calls(): readonly IncomingCall[] {
    return this.phone.incoming;
  }

  /** What was dialled, as it came: the user of each Request-URI. */
  get dialled(): readonly string[] {
    return this.calls.map(({ invite }) => invite.uri.user ?? '');
  }
}

function answersFor(what: FarAnswer): Answers {
  if (what === 'silent') return 'silent';
  if (what === 'rings') return 'ring';
  const status = finalStatus(what) ?? 200;
  return status < 300 ? { afterMs: ANSWER_MS, status } : { afterMs: REFUSE_MS, ringMs: REFUSE_MS, status };
}
