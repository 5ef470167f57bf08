/** CSV as spreadsheets write it. RFC 4180. */
import { TandemError } from '../base/errors.ts';
import { unmarkFormula } from './csv-formula.ts';

/** One record: its fields by the names in the first line, and the line it began on. */
export interface CsvRecord {
  readonly line: number;
  readonly fields: Readonly<Record<string, string>>;
}

const QUOTE = '"';

/** The records after the first line, which holds the names; semicolons separate if it has no comma. */
export function parseCsv(text: string): CsvRecord[] {
  const separator = /^[^\n]*;/.test(text) && !/^[^\n]*,/.test(text) ? ';' : ',';
  const rows = new CsvReader(text.replace(/^\uFEFF/, ''), separator).rows();
  const names = rows[0]?.fields.map((name) => name.trim().toLowerCase()) ?? [];
  return rows.slice(1).map(({ line, fields }) => {
    if (fields.length !== names.length) {
      throw new TandemError(
        'INVALID',
        `line ${line}: ${names.length} fields expected, ${fields.length} found`,
      );
    }
    return { line, fields: Object.fromEntries(names.map((name, i) => [name, meant(name, fields[i]!)])) };
  });
}

/** A password is what it is: none is ever exported. */
function meant(name: string, cell: string): string {
  const value = cell.trim();
  return name === 'password' ? value : unmarkFormula(value);
}

interface Row {
  readonly line: number;
  readonly fields: string[];
}

/** Reads field after field; `at` is the next character, `line` the one it stands on. */
class CsvReader {
  private readonly text: string;
  private readonly separator: string;
  private at = 0;
  private line = 1;

  constructor(text: string, separator: string) {
    this.text = text;
    this.separator = separator;
  }

  rows(): Row[] {
    const rows: Row[] = [];
    while (this.at < this.text.length) {
      const line = this.line;
      const fields = this.row();
      if (fields.length > 1 || fields[0] !== '') rows.push({ line, fields });
    }
    return rows;
  }

  private row(): string[] {
    const fields: string[] = [];
    for (;;) {
      fields.push(this.text[this.at] === QUOTE ? this.quoted() : this.bare());
      const next = this.text[this.at];
      if (next === this.separator) {
        this.at++;
        continue;
      }
      if (next !== undefined && next !== '\n' && next !== '\r') {
        throw new TandemError('INVALID', `line ${this.line}: text after a closing quote`);
      }
      this.endLine();
      return fields;
    }
  }

  private bare(): string {
    const from = this.at;
    while (this.at < this.text.length && !this.endsField(this.text[this.at]!)) this.at++;
    return this.text.slice(from, this.at);
  }

  /** A doubled quote stands for one. */
  private quoted(): string {
    let value = '';
    const line = this.line;
    for (;;) {
      const end = this.text.indexOf(QUOTE, this.at + 1);
      if (end < 0) throw new TandemError('INVALID', `line ${line}: a quote is never closed`);
      const part = this.text.slice(this.at + 1, end);
      this.line += part.split('\n').length - 1;
      value += part;
      this.at = end + 1;
      if (this.text[this.at] !== QUOTE) return value;
      value += QUOTE;
    }
  }

  private endsField(character: string): boolean {
    return character === this.separator || character === '\n' || character === '\r';
  }

  private endLine(): void {
    if (this.text[this.at] === '\r') this.at++;
    if (this.text[this.at] === '\n') this.at++;
    this.line++;
  }
}
