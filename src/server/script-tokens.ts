/** JavaScript as a list of words and signs: enough to see what stands at a module's top level, no more. */

/** `text` of a string is what it says, of anything else what is written. */
export interface Token {
  readonly kind: 'word' | 'sign' | 'string' | 'other';
  readonly text: string;
  readonly line: number;
  readonly column: number;
  /** How many brackets of any kind are open around it. */
  readonly depth: number;
}

const WORD = /[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*/uy;
const NUMBER = /(?:0[xob][\da-f_]+|[\d_]*\.?\d[\d_]*(?:e[+-]?\d+)?)n?/iy;
const REGEX = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y;
const SIGN = /=>|\?\.|\.\.\.|[-+*/%=<>!&|^~?:;,.@#]/y;
/** After these words a slash begins a regular expression. */
const BEFORE_REGEX = new Set('return typeof case in of new delete void throw await yield else do'.split(' '));

/** Reads a whole module whose types have been stripped. */
export function tokensOf(source: string): Token[] {
  return new Reader(source).read();
}

class Reader {
  private readonly source: string;
  private readonly tokens: Token[] = [];
  private at = 0;
  private line = 1;
  private lineStart = 0;
  private depth = 0;
  /** For each template we are inside of: the depth its `${` was opened at. */
  private readonly templates: number[] = [];

  constructor(source: string) {
    this.source = source;
  }

  read(): Token[] {
    while (this.at < this.source.length) this.next();
    return this.tokens;
  }

  private next(): void {
    const { source, at } = this;
    const sign = source[at] ?? '';
    if (sign.trim() === '') this.skip(1);
    else if (source.startsWith('//', at)) this.skip(this.distanceTo('\n'));
    else if (source.startsWith('/*', at)) this.skip(this.distanceTo('*/', 2) + 2);
    else if (sign === "'" || sign === '"') this.readString(sign);
    else if (sign === '`') this.readTemplate(1);
    else if ('([{'.includes(sign)) this.open(sign);
    else if (')]}'.includes(sign)) this.close(sign);
    else if (this.readBy(WORD, 'word') || this.readBy(NUMBER, 'other')) return;
    else if (sign === '/' && this.mayBeRegex() && this.readBy(REGEX, 'other')) return;
    else if (!this.readBy(SIGN, 'sign')) this.skip(1);
  }

  private open(sign: string): void {
    this.add('sign', sign, 1);
    this.depth++;
  }

  private close(sign: string): void {
    this.depth--;
    if (sign === '}' && this.templates.at(-1) === this.depth) {
      this.templates.pop();
      this.readTemplate(1);
    } else this.add('sign', sign, 1);
  }

  /** From after the backtick, or the brace that ended an expression in it. */
  private readTemplate(skipped: number): void {
    let end = this.at + skipped;
    for (; end < this.source.length; end++) {
      if (this.source[end] === '\\') end++;
      else if (this.source[end] === '`') break;
      else if (this.source.startsWith('${', end)) {
        this.templates.push(this.depth);
        this.add('other', '`', end + 2 - this.at);
        this.depth++;
        return;
      }
    }
    this.add('other', '`', end + 1 - this.at);
  }

  private readString(quote: string): void {
    let end = this.at + 1;
    while (end < this.source.length && this.source[end] !== quote) end += this.source[end] === '\\' ? 2 : 1;
    this.add('string', this.source.slice(this.at + 1, end), end + 1 - this.at);
  }

  private readBy(pattern: RegExp, kind: Token['kind']): boolean {
    pattern.lastIndex = this.at;
    const text = pattern.exec(this.source)?.[0] ?? '';
    if (text !== '') this.add(kind, text, text.length);
    return text !== '';
  }

  private mayBeRegex(): boolean {
    const last = this.tokens.at(-1);
    if (last === undefined) return true;
    if (last.kind === 'word') return BEFORE_REGEX.has(last.text);
    return last.kind === 'sign' && last.text !== ')' && last.text !== ']';
  }

  private add(kind: Token['kind'], text: string, length: number): void {
    const { line, depth } = this;
    this.tokens.push({ kind, text, line, column: this.at - this.lineStart + 1, depth });
    this.skip(length);
  }

  private skip(length: number): void {
    const end = Math.min(this.source.length, this.at + length);
    for (; this.at < end; this.at++) {
      if (this.source[this.at] !== '\n') continue;
      this.line++;
      this.lineStart = this.at + 1;
    }
  }

  private distanceTo(text: string, from = 0): number {
    const found = this.source.indexOf(text, this.at + from);
    return (found < 0 ? this.source.length : found) - this.at;
  }
}
