/**
 * Cells that a spreadsheet would take for a formula, and carry out: a phone may call itself `=HYPERLINK(…)`. They are
 * written with an apostrophe in front, which spreadsheets take for "this is text", and read without it. Numbers with a
 * sign, such as telephone numbers, are harmless and stay as they are.
 */
const FORMULA = /^'*[=+\-@\t\r\uff0b\uff0d\uff1d\uff20]/;
const MARKED = /^'+[=+\-@\t\r\uff0b\uff0d\uff1d\uff20]/;
const SIGNED = /^[+-][\d.]+$/;

/** As it is written. */
export function markFormula(value: string): string {
  return FORMULA.test(value) && !SIGNED.test(value) ? `'${value}` : value;
}

/** As it was meant. */
export function unmarkFormula(cell: string): string {
  return MARKED.test(cell) ? cell.substring(1) : cell;
}
