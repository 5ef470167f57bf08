/**
 * Words that nearly every message brings, each as the one string that stands for it: the engine finds a property by it
 * and compares it without looking at its letters, and nothing is copied out of the message.
 */
export class UsualWords<Meaning = string> {
  private readonly places: (readonly Word<Meaning>[])[] = Array.from({ length: PLACES }, () => []);

  /** Each with what it stands for. */
  constructor(words: Iterable<readonly [string, Meaning]>) {
    for (const [text, meaning] of words) {
      const letters = Uint8Array.from(Buffer.from(text, 'latin1'));
      const place = placeOf(letters[0]!, letters.length);
      this.places[place] = [...this.places[place]!, { meaning, letters }];
    }
  }

  /** What the word stands for that fills [from, to) letter for letter, if it is one of these. */
  between(bytes: Uint8Array, from: number, to: number): Meaning | undefined {
    const length = to - from;
    if (length === 0) return undefined;
    for (const word of this.places[placeOf(bytes[from]!, length)]!)
      if (word.letters.length === length && isAt(bytes, from, word.letters)) return word.meaning;
    return undefined;
  }
}

interface Word<Meaning> {
  readonly meaning: Meaning;
  readonly letters: Uint8Array;
}

const PLACES = 256;

function placeOf(first: number, length: number): number {
  return (first ^ (length << 4)) & (PLACES - 1);
}

/** From the end: words that share a beginning differ there. */
function isAt(bytes: Uint8Array, from: number, letters: Uint8Array): boolean {
  for (let at = letters.length - 1; at >= 0; at--) if (bytes[from + at] !== letters[at]) return false;
  return true;
}

/** Parameters of URIs and of addresses. RFC 3261 §25.1, 3327, 3840, 5626, 5627, and what phones add. */
const NAMES = `lr transport user maddr ttl method ob gr d tag q expires line reg-id +sip.instance rinstance received
  alias r2 ftag did nat x-nat index`;
/** What stands behind their `=`. */
const VALUES = 'udp tcp tls ws wss UDP TCP TLS WS WSS phone on yes 1';

const TRANSPORTS = ['udp', 'tcp', 'tls', 'ws', 'wss', 'UDP', 'TCP', 'TLS', 'WS', 'WSS'];

/** What stands behind the host of most URIs, as a whole. */
export const usualParamTexts: readonly string[] = [
  ...TRANSPORTS.map((transport) => `;transport=${transport}`),
  ...TRANSPORTS.map((transport) => `;transport=${transport};lr`),
  ...TRANSPORTS.map((transport) => `;lr;transport=${transport}`),
  ...TRANSPORTS.map((transport) => `;transport=${transport};ob`),
  ';lr',
  ';ob',
  ';user=phone',
];

/** Those of NAMES. */
export const usualNames = new UsualWords(themselves(NAMES.split(/\s+/)));
/** Those of VALUES. */
export const usualValues = new UsualWords(themselves(VALUES.split(' ')));

function themselves(words: readonly string[]): (readonly [string, string])[] {
  return words.map((word) => [word, word]);
}
