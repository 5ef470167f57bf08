/** On which line of a TOML file each key stands. */

const SECTION = /^\s*\[\s*([\w-]+(?:\s*\.\s*[\w-]+)*)\s*\]/;
const ELEMENT = /^\s*\[\[\s*([\w-]+(?:\s*\.\s*[\w-]+)*)\s*\]\]/;
const KEY = /^\s*([\w-]+(?:\s*\.\s*[\w-]+)*)\s*=/;

/**
 * `sip` → 1, `sip.listen` → 2, for sections, keys and dotted keys; `trunk.pools[1].name` for those of the second
 * table `[[trunk.pools]]`.
 * Keys in inline tables and in quotes are not found; their section is named instead.
 */
export function keyLines(toml: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const elements = new Map<string, number>();
  let section = '';
  for (const [i, line] of toml.split('\n').entries()) {
    const list = ELEMENT.exec(line)?.[1]?.replaceAll(/\s/g, '');
    const opened = list ?? SECTION.exec(line)?.[1]?.replaceAll(/\s/g, '');
    if (opened !== undefined) {
      section = opened;
      if (list !== undefined) {
        const index = elements.get(list) ?? 0;
        elements.set(list, index + 1);
        section = `${list}[${index}]`;
      }
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
