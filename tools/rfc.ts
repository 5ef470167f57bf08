/**
 * docs/rfc.md: which section of which RFC is obeyed where, made of the citations in the source.
 *
 *   node tools/rfc.ts     writes it again
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isTest, ROOT, sourceFiles } from './source-files.ts';
import type { SourceFile } from './source-files.ts';

/** Where the table lies. */
export const RFC_TABLE = join(ROOT, 'docs', 'rfc.md');

const HEADER = `# RFCs, section by section

Made by \`node tools/rfc.ts\` of the citations in the source; a test holds it current.
\`–\` stands for the RFC as a whole.

| RFC | section | obeyed in |
|---|---|---|
`;

/** A citation opens with its RFC; sections that follow belong to it until another RFC is named. */
const TOKEN = /\bRFC (\d{3,5})\b|§([\dA-Z]+(?:\.\d+)*)/g;

/** The text of docs/rfc.md. */
export function rfcTable(files: readonly SourceFile[] = sourceFiles(['src'])): string {
  const cited = new Map<string, Set<string>>();
  for (const file of files) {
    if (isTest(file.path)) continue;
    for (const key of citations(file.text)) {
      const paths = cited.get(key) ?? new Set<string>();
      cited.set(key, paths.add(file.path));
    }
  }
  return (
    HEADER +
    [...cited]
      .toSorted(([a], [b]) => bySection(a, b))
      .map(row)
      .join('')
  );
}

/** `3261 17.2.1` for each section, `3261 –` for an RFC named without one. */
function citations(text: string): Set<string> {
  const found = new Set<string>();
  let rfc = '';
  let bare = false;
  for (const match of text.matchAll(TOKEN)) {
    if (match[1] !== undefined) {
      if (bare) found.add(`${rfc} –`);
      rfc = match[1];
      bare = true;
    } else if (rfc !== '') {
      found.add(`${rfc} ${match[2]}`);
      bare = false;
    }
  }
  if (bare) found.add(`${rfc} –`);
  return found;
}

function bySection(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

function row([key, paths]: [string, Set<string>]): string {
  const [rfc, section] = key.split(' ');
  const name = section === '–' ? '–' : `§${section}`;
  const links = [...paths].toSorted().map((path) => `[${path.replace('src/', '')}](../${path})`);
  return `| [${rfc}](https://www.rfc-editor.org/rfc/rfc${rfc}) | ${name} | ${links.join(', ')} |\n`;
}

if (import.meta.main) writeFileSync(RFC_TABLE, rfcTable());
