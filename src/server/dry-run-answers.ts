/**
 * What the far ends of a dry run do: `bob=486,carrier=silent,*=rings`. A name is a user, `user@host`, a host or an
 * address; `*` is everybody else. Whoever is not named answers.
 */
import { TandemError } from '../base/errors.ts';

/** What one of them does with a call. `rings`: and nobody answers; `silent`: nothing comes back at all. */
export type FarAnswer = 'answers' | 'rings' | 'silent' | 'busy' | number;

const WORDS: Readonly<Record<string, FarAnswer>> = {
  answers: 'answers',
  ok: 'answers',
  rings: 'rings',
  silent: 'silent',
  timeout: 'silent',
  busy: 'busy',
};
const EVERYBODY = '*';
const STATUS_MIN = 200;
const STATUS_MAX = 699;
const EXPECTED = 'answers, rings, silent, busy or a final status such as 486';

/** What all of them do. */
export class FarAnswers {
  private readonly byName: ReadonlyMap<string, FarAnswer>;
  private readonly met = new Set<string>();

  constructor(byName: ReadonlyMap<string, FarAnswer> = new Map()) {
    this.byName = byName;
  }

  /** Throws USAGE for what is none. */
  static parse(text: string): FarAnswers {
    const answers = new Map<string, FarAnswer>();
    for (const part of text.split(',')) {
      const [name = '', word = '', ...more] = part.trim().split('=');
      const answer = Object.hasOwn(WORDS, word) ? WORDS[word] : statusOf(word);
      if (name === '' || answer === undefined || more.length > 0) {
        throw new TandemError(
          'USAGE',
          `an answer such as bob=486 expected, not ${part.trim() || 'nothing'}`,
          {
            hint: `an answer is ${EXPECTED}`,
          },
        );
      }
      answers.set(name.toLowerCase(), answer);
    }
    return new FarAnswers(answers);
  }

  /** What whoever has one of these names does; the first name counts. */
  of(names: readonly string[]): FarAnswer {
    return this.given(names) ?? this.given([EVERYBODY]) ?? 'answers';
  }

  /** The same, if somebody said so; `*` says nothing of servers that are no SIP servers. */
  given(names: readonly string[]): FarAnswer | undefined {
    for (const text of names) {
      const name = text.toLowerCase();
      const answer = this.byName.get(name);
      if (answer === undefined) continue;
      this.met.add(name);
      return answer;
    }
    return undefined;
  }

  /** Names that nobody had who was asked for so far. */
  get unmet(): readonly string[] {
    return [...this.byName.keys()].filter((name) => name !== EVERYBODY && !this.met.has(name));
  }
}

/** The final status; undefined when none comes. */
export function finalStatus(answer: FarAnswer): number | undefined {
  if (typeof answer === 'number') return answer;
  return { answers: 200, busy: 486, rings: undefined, silent: undefined }[answer];
}

function statusOf(word: string): number | undefined {
  const status = /^\d{3}$/.test(word) ? Number(word) : 0;
  return status >= STATUS_MIN && status <= STATUS_MAX ? status : undefined;
}
