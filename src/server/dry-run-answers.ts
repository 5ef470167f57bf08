/**
 * What the far ends of a dry run do: `bob=486,carrier=silent,*=rings`. A name is a user, `user@host`, a host or an
 * address; `*` is everybody else. Whoever is not named answers.
 */
import { TandemError } from '../base/errors.ts';

/** What one of them does with a call. `rings`: and nobody answers; `silent`: nothing comes back at all. */
export type FarAnswer = 'answers' | 'rings' | 'silent' | 'busy' | number;

/** By name, as it was given. */
export type FarAnswers = ReadonlyMap<string, FarAnswer>;

const WORDS: Readonly<Record<string, FarAnswer>> = {
  answers: 'answers',
  ok: 'answers',
  rings: 'rings',
  silent: 'silent',
  timeout: 'silent',
  busy: 'busy',
};
const STATUS_MIN = 200;
const STATUS_MAX = 699;
const EXPECTED = 'answers, rings, silent, busy or a final status such as 486';

/** Throws USAGE for what is none. */
export function parseAnswers(text: string): FarAnswers {
  const answers = new Map<string, FarAnswer>();
  for (const part of text.split(',')) {
    const [name = '', word = '', ...more] = part.trim().split('=');
    const answer = Object.hasOwn(WORDS, word) ? WORDS[word] : statusOf(word);
    if (name === '' || answer === undefined || more.length > 0) {
      throw new TandemError('USAGE', `an answer such as bob=486 expected, not ${part.trim() || 'nothing'}`, {
        hint: `an answer is ${EXPECTED}`,
      });
    }
    answers.set(name.toLowerCase(), answer);
  }
  return answers;
}

/** What whoever has one of these names does; the first name counts. */
export function answerOf(answers: FarAnswers, names: readonly string[]): FarAnswer {
  for (const name of names) {
    const answer = answers.get(name.toLowerCase());
    if (answer !== undefined) return answer;
  }
  return answers.get('*') ?? 'answers';
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
