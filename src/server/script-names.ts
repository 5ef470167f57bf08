/** What the names of a module mean where they stand: read from its tokens, without a compiler. */
import type { Token } from './script-tokens.ts';

/** Where a name comes from, and from which token to which it counts. */
export interface Declaration {
  /** The token that gives the name. */
  readonly at: number;
  readonly kind: 'parameter' | 'import' | 'const' | 'let' | 'var' | 'function' | 'class';
  readonly from: number;
  readonly to: number;
}

const DECLARING = ['const', 'let', 'var', 'function', 'class'] as const;
const VARIABLES: ReadonlySet<string> = new Set(['const', 'let', 'var']);
/** Brackets after these hold no parameters, though a block follows them. */
const HEADS = new Set(['if', 'while', 'for', 'switch', 'with']);
const BEFORE_BINDING = new Set(['{', '[', '(', ',', ':', '...']);
const AFTER_BINDING = new Set(['}', ']', ')', ',', '=']);

/** The tokens of a module, its brackets in pairs, and its names. */
export class ScriptNames {
  readonly tokens: readonly Token[];
  private readonly openers: number[] = [];
  private readonly closers = new Map<number, number>();
  private readonly opened = new Map<number, number>();
  private readonly declarations = new Map<string, Declaration[]>();

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
    this.pair();
    tokens.forEach((token, at) => {
      const found = token.kind === 'word' ? this.declarationAt(at) : undefined;
      if (found === undefined) return;
      const known = this.declarations.get(token.text);
      if (known === undefined) this.declarations.set(token.text, [found]);
      else known.push(found);
    });
  }

  /** What is written at a place; empty beyond the ends. */
  text(at: number): string {
    const token = this.tokens[at];
    return token === undefined || token.kind === 'string' ? '' : token.text;
  }

  /** The innermost declaration of a name that counts at its place; undefined: a global. */
  meaning(at: number): Declaration | undefined {
    return this.declarations
      .get(this.text(at))
      ?.filter(({ from, to }) => from <= at && at <= to)
      .reduce<Declaration | undefined>(
        (inner, one) => (inner === undefined || one.from >= inner.from ? one : inner),
        undefined,
      );
  }

  /** Whether a word stands for itself: not as the member or the key of something. */
  isName(at: number): boolean {
    if (this.tokens[at]?.kind !== 'word' || this.isMember(at)) return false;
    const [before, after] = [this.text(at - 1), this.text(at + 1)];
    if (before !== '{' && before !== ',') return true;
    return after !== ':' && !(after === '(' && this.text(this.closer(at + 1) + 1) === '{');
  }

  /** `.name`, but not as `globalThis.name`. */
  isMember(at: number): boolean {
    const before = this.text(at - 1);
    return (before === '.' || before === '?.') && !this.isGlobalObject(at - 2);
  }

  /** `globalThis` and `global` hold every global by its name. */
  isGlobalObject(at: number): boolean {
    return this.text(at) === 'globalThis' || this.text(at) === 'global';
  }

  /** The bracket around a place; -1 for none. */
  opener(at: number): number {
    return this.openers[at] ?? -1;
  }

  /** The bracket that ends what is opened here; beyond the last token for none. */
  closer(opener: number): number {
    return this.closers.get(opener) ?? this.tokens.length;
  }

  /** The bracket that is ended here. */
  openerOf(closer: number): number {
    return this.opened.get(closer) ?? -1;
  }

  /** The last token of what an `=>` leads to. */
  private bodyEnd(arrow: number): number {
    const next = arrow + 1;
    if (this.text(next) === '{') return this.closer(next);
    const depth = this.tokens[arrow]?.depth ?? 0;
    let end = next;
    for (; end < this.tokens.length; end++) {
      const token = this.tokens[end]!;
      if (token.depth < depth || (token.depth === depth && (token.text === ',' || token.text === ';'))) break;
    }
    return end - 1;
  }

  private pair(): void {
    const open: number[] = [];
    this.tokens.forEach(({ depth }, at) => {
      while (open.length > 0 && depth <= this.tokens[open.at(-1)!]!.depth) this.close(open.pop()!, at);
      this.openers.push(open.at(-1) ?? -1);
      const next = this.tokens[at + 1];
      if (next !== undefined && next.depth > depth) open.push(at);
      else if (next !== undefined && '([{'.includes(this.text(at) || ' ')) this.close(at, at + 1);
    });
  }

  private close(opener: number, closer: number): void {
    this.closers.set(opener, closer);
    this.opened.set(closer, opener);
  }

  private declarationAt(at: number): Declaration | undefined {
    const kind = DECLARING.find((word) => word === this.text(at - 1));
    if (kind !== undefined) return { at, kind, ...this.blockAround(at) };
    if (this.isImportName(at)) return { at, kind: 'import', from: 0, to: this.tokens.length };
    if (this.text(at + 1) === '=>') return { at, kind: 'parameter', from: at, to: this.bodyEnd(at + 1) };
    const isBinding = BEFORE_BINDING.has(this.text(at - 1)) && AFTER_BINDING.has(this.text(at + 1));
    return isBinding ? this.bindingAt(at) : undefined;
  }

  /** A name in a list of parameters, or in a pattern that is one or is declared. */
  private bindingAt(at: number): Declaration | undefined {
    let opener = this.opener(at);
    for (; opener >= 0 && '{['.includes(this.text(opener) || ' '); opener = this.opener(opener)) {
      const before = this.text(opener - 1);
      const kind = DECLARING.find((word) => word === before);
      if (kind !== undefined && VARIABLES.has(kind)) return { at, kind, ...this.blockAround(opener) };
      if (!BEFORE_BINDING.has(before)) return undefined;
    }
    if (this.text(opener) !== '(' || HEADS.has(this.text(opener - 1))) return undefined;
    const after = this.closer(opener) + 1;
    if (this.text(after) === '=>') return { at, kind: 'parameter', from: opener, to: this.bodyEnd(after) };
    if (this.text(after) !== '{') return undefined;
    return { at, kind: 'parameter', from: opener, to: this.closer(after) };
  }

  private isImportName(at: number): boolean {
    const opener = this.opener(at);
    let start = opener < 0 ? at : opener;
    if (opener >= 0 && (this.text(opener) !== '{' || this.text(at + 1) === 'as')) return false;
    // `import a, { b } from`, `import * as c from`
    while (start > 0 && /^(?:[\w$*,{}]+)$/.test(this.text(start)) && this.text(start) !== 'import') start--;
    return this.text(start) === 'import' && this.text(start + 1) !== '(' && this.text(at) !== 'from';
  }

  private blockAround(at: number): { readonly from: number; readonly to: number } {
    const opener = this.opener(at);
    if (opener < 0) return { from: 0, to: this.tokens.length };
    const to = this.closer(opener);
    // `for (const one of all) …`
    return { from: opener, to: this.text(opener) === '(' ? this.closer(this.opener(opener)) : to };
  }
}
