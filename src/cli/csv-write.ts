/** Rows as CSV, which `csv.ts` reads; no spreadsheet carries out what stands in it. RFC 4180 */
import { markFormula } from './csv-formula.ts';
import { valueText } from './provisioned-kinds.ts';

/** A line with the names, and one for each row. */
export function csvOf(names: readonly string[], rows: readonly Readonly<Record<string, unknown>>[]): string {
  const lines = rows.map((row) =>
    names.map((name) => quotedIfNeeded(markFormula(valueText(row[name])))).join(','),
  );
  return [names.join(','), ...lines].join('\n');
}

function quotedIfNeeded(value: string): string {
  return /[",;\r\n]|^\s|\s$/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
