/**
 * What the far ends of a dry run do: `bob=486,carrier=silent,*=rings`. A name is a user, `user@host`, a host or an
 * address; `*` is everybody else. Whoever is not named answers. A status may have a text, which goes to the end: the
 * body of an HTTP server's answer, or the Contact of a redirection; `@` and a file's name is what the file says.
 *
 *   api.example.com=200:{"carrier":"b"}     api.example.com=200:@answer.json     bob=302:sip:carol@example.com
 */
import { readFileSync } from 'node:fs';
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
  private readonly byName: ReadonlyMap<string, Answer>;
  private readonly met = new Set<string>();

  constructor(byName: ReadonlyMap<string, Answer> = new Map()) {
    this.byName = byName;
  }

  /** Throws USAGE for what is none, NOT_FOUND for a file that cannot be read. */
  static parse(...given: readonly string[]): FarAnswers {
    const answers = new Map<string, Answer>();
    for (const all of given) {
      for (let rest: string | undefined = all; rest !== undefined;) {
        const found: readonly string[] = FIRST_ANSWER.exec(rest) ?? [];
        const [, part = '', end = '', more] = found;
        const [name = '', word = '', ...others] = part.trim().split('=');
        const answer = Object.hasOwn(WORDS, word) ? WORDS[word] : statusOf(word);
        const hasText = end === ':';
        const isWrong = name === '' || answer === undefined || others.length > 0;
        if (isWrong || (hasText && typeof answer !== 'number')) throw noAnswer(part.trim());
        answers.set(name.toLowerCase(), { answer, text: hasText ? textOf(more ?? '') : undefined });
        rest = hasText ? undefined : more;
      }
    }
    return new FarAnswers(answers);
  }

  /** What whoever has one of these names does; the first name counts. */
  of(names: readonly string[]): FarAnswer {
    return this.given(names) ?? this.given([EVERYBODY]) ?? 'answers';
  }

  /** The same, if somebody said so; `*` says nothing of servers that are no SIP servers. */
  given(names: readonly string[]): FarAnswer | undefined {
    return this.entry(names)?.answer;
  }

  /** The text that goes with {@link of}; undefined when there is none. */
  textOf(names: readonly string[]): string | undefined {
    return (this.entry(names) ?? this.entry([EVERYBODY]))?.text;
  }

  /** The text that goes with {@link given}. */
  givenText(names: readonly string[]): string | undefined {
    return this.entry(names)?.text;
  }

  /** Names that nobody had who was asked for so far. */
  get unmet(): readonly string[] {
    return [...this.byName.keys()].filter((name) => name !== EVERYBODY && !this.met.has(name));
  }

  private entry(names: readonly string[]): Answer | undefined {
    for (const text of names) {
      const name = text.toLowerCase();
      const entry = this.byName.get(name);
      if (entry === undefined) continue;
      this.met.add(name);
      return entry;
    }
    return undefined;
  }
}

/** An answer, and its text where it has one. */
interface Answer {
  readonly answer: FarAnswer;
  readonly text: string | undefined;
}

/** Up to the comma, or the colon behind a status, and what follows. */
const FIRST_ANSWER = /^([^=,]*(?:=[^,:]*)?)(?:([,:])([^]*))?$/;

function textOf(text: string): string {
  if (!text.startsWith('@')) return text;
  const file = text.slice(1);
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new TandemError('NOT_FOUND', `no file ${file}`, { cause: error });
  }
}

function noAnswer(part: string): TandemError {
  return new TandemError('USAGE', `an answer such as bob=486 expected, not ${part || 'nothing'}`, {
    hint: `an answer is ${EXPECTED}; a status may have a text: api.example.com=200:{"a":1}`,
  });
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
