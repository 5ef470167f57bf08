/** On which line of a TOML file each key stands. */

const SECTION = /^\s*\[\s*([\w-]+(?:\s*\.\s*[\w-]+)*)\s*\]/;
const KEY = /^\s*([\w-]+(?:\s*\.\s*[\w-]+)*)\s*=/;

/**
 * `sip` → 1, `sip.listen` → 2, for sections, keys and dotted keys.
 * Keys in inline tables and in quotes are not found; their section is named instead.
 */
export function keyLines(toml: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  let section = '';
  for (const [i, line] of toml.split('\n').entries()) {
    const opened = SECTION.exec(line)?.[1];
    if (opened !== undefined) {
      section = opened.replaceAll(/\s/g, '');
      note(found, section, i + 1);
      continue;
    }
    const key = KEY.exec(line)?.[1]?.replaceAll(/\s/g, '');
    if (key !== undefined) note(found, section === '' ? key : `${section}.${key}`, i + 1);
  }
  return found;
}

function note(found: Map<string, number>, name: string, line: number): void {
  if (!found.has(name)) found.set(name, line);
}
