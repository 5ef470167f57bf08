/** Whether a message says of itself that it comes from a scanner: most of them do. */

const LF = 10;
const FIELD = 'user-agent';
/** A name behind this is not looked at. */
const VALUE_MAX = 128;

/** `scanners` in lower case; the first User-Agent field counts. Looks at the text as it came. */
export function isScanner(text: string, scanners: readonly string[]): boolean {
  if (scanners.length === 0) return false;
  for (let line = text.indexOf('\n') + 1; line > 0; line = text.indexOf('\n', line) + 1) {
    const first = text.charCodeAt(line);
    if (first === 13 || first === LF) return false; // The empty line before the body.
    if ((first | 32) !== 117) continue;
    if (text.substring(line, line + FIELD.length).toLowerCase() !== FIELD) continue;
    const colon = text.indexOf(':', line);
    if (colon < 0 || text.substring(line + FIELD.length, colon).trim() !== '') continue;
    return names(text, colon + 1, scanners);
  }
  return false;
}

function names(text: string, from: number, scanners: readonly string[]): boolean {
  const end = text.indexOf('\n', from);
  const to = Math.min(end < 0 ? text.length : end, from + VALUE_MAX);
  const value = text.substring(from, to).toLowerCase();
  return scanners.some((scanner) => value.includes(scanner));
}
