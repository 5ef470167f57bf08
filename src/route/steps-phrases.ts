/**
 * What many steps say alike (a service and its `yes`; a method, a decision and its line) is a phrase with a number, so
 * that a step names it in two bytes. Phrases are never forgotten: steps that are kept name them.
 */

/** Phrases with a number, and how many characters one may have: a stranger chooses methods. */
export const PHRASES_MAX = 16_384;
export const PHRASE_CHARACTERS_MAX = 160;

/** Places of those that were seen last: a power of two. */
const PLACES = 512;

/** One of them: the first three texts of a step, which kind it is (below 16) and which of them (below 128). */
export class Phrase {
  readonly number: number;
  readonly kind: number;
  readonly code: number;
  readonly first: string;
  readonly second: string;
  readonly third: string;

  constructor(number: number, kind: number, code: number, first = '', second = '', third = '') {
    this.number = number;
    this.kind = kind;
    this.code = code;
    this.first = first;
    this.second = second;
    this.third = third;
  }
}

/** All phrases of one recorder. */
export class PhraseBook {
  private readonly phrases: Phrase[] = [];
  private readonly known = new Map<string, Phrase>();
  /** To compare texts is far quicker than to make a key of them. */
  private readonly seen: (Phrase | undefined)[] = Array.from({ length: PLACES }, () => undefined);

  /** The one that says this; undefined when it is too long, or no number is left for it. */
  of(kind: number, code: number, first: string, second: string, third: string): Phrase | undefined {
    const place = placeOf(code, first, second, third);
    const seen = this.seen[place];
    if (seen !== undefined && seen.first === first && seen.second === second && seen.third === third)
      if (seen.kind === kind && seen.code === code) return seen;
    const key = `${kind} ${code} ${first}\n${second}\n${third}`;
    const phrase = this.known.get(key) ?? this.next(key, kind, code, first, second, third);
    if (phrase !== undefined) this.seen[place] = phrase;
    return phrase;
  }

  at(number: number): Phrase | undefined {
    return this.phrases[number];
  }

  private next(
    key: string,
    ...[kind, code, first, second, third]: [number, number, string, string, string]
  ): Phrase | undefined {
    const number = this.phrases.length;
    if (number >= PHRASES_MAX || key.length > PHRASE_CHARACTERS_MAX) return undefined;
    const phrase = new Phrase(number, kind, code, first, second, third);
    this.phrases.push(phrase);
    this.known.set(key, phrase);
    return phrase;
  }
}

/** Where it stands is told by lengths and by the ends of its longest texts: lines differ there, and services too. */
function placeOf(code: number, first: string, second: string, third: string): number {
  const lengths = first.length + second.length * 37 + third.length * 5 + code * 53;
  return (lengths + endOf(first) * 11 + endOf(third) * 3) & (PLACES - 1);
}

function endOf(text: string): number {
  const { length } = text;
  return length < 2 ? 0 : text.charCodeAt(length - 1) * 3 + text.charCodeAt(length - 2);
}
