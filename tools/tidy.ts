/**
 * The part of STYLE.md a machine can check. What the linter has a rule for stands in .oxlintrc.json:
 * functions of at most 60 lines, files of at most 400, no `any`, no console, kebab-case names.
 * The rest stands here.
 *
 *   node tools/tidy.ts     prints every complaint
 */
import { isTest, sourceFiles } from './source-files.ts';
import type { SourceFile } from './source-files.ts';

/** STYLE.md rule 5. */
export const COLUMNS_MAX = 120;

/** A rule looks at one file and answers with `line: complaint` pairs. */
interface Rule {
  readonly name: string;
  readonly applies: (path: string) => boolean;
  readonly find: (file: SourceFile) => Complaint[];
}

/** One breach: where and what. */
export interface Complaint {
  readonly line: number;
  readonly text: string;
}

const FORBIDDEN_NAMES = /(^|\/)(utils?|helpers?|common|types|misc|constants)(\.ts|\/)/;
const OUTSIDE_TIME = /^(src\/(world|cli|testing)|tools|bench|testing|bin|examples)\/|worker|\.test\.ts$/;
const TIME_OR_CHANCE =
  /(?<![.\w])(Date\.now|Math\.random|performance\.now|setTimeout|setInterval)\b|new Date\(\)/;
const TODO = /\b(TODO|FIXME|XXX)\b(?!\(#\d+\):)/;
const EXPORTED =
  /^export (?:default |declare |abstract |async )*(function|class|const|let|interface|type)\*? (\w+)/;
const WRONG_CITATIONS = [
  /\brfc[ -]?\d{3,4}\b/,
  /\bRFC[-_]?\d{3,4}\b/,
  /\bRFC \d+,? (?:sections?|sec\.|chapter)/i,
  /\bRFC \d+§/,
  /§ \d/,
  /\bRFC \d+[,.] ?\d+\.\d/,
];

const everywhere = (): boolean => true;

/** Every rule, in the order of STYLE.md. */
export const rules: readonly Rule[] = [
  {
    name: 'no file is called utils, helpers, common or types',
    applies: everywhere,
    find: (file) => (FORBIDDEN_NAMES.test(file.path) ? [{ line: 1, text: 'name the one thing in it' }] : []),
  },
  {
    name: `a line has at most ${COLUMNS_MAX} columns`,
    applies: everywhere,
    find: (file) =>
      lines(
        file,
        (line) => columns(line) > COLUMNS_MAX,
        (line) => `${columns(line)} columns`,
      ),
  },
  {
    name: 'time and chance come from the World',
    applies: (path) => !OUTSIDE_TIME.test(path),
    find: (file) =>
      lines(
        file,
        (line) => TIME_OR_CHANCE.test(codeOf(line)),
        () => 'take a Clock or a Random',
      ),
  },
  {
    name: 'a TODO names its issue',
    applies: (path) => !path.startsWith('tools/tidy'),
    find: (file) =>
      lines(
        file,
        (line) => TODO.test(line),
        () => 'write TODO(#12): …',
      ),
  },
  {
    name: 'RFCs are cited as RFC 3261 §17.2.1',
    applies: (path) => !path.startsWith('tools/tidy'),
    find: (file) =>
      lines(
        file,
        (line) => WRONG_CITATIONS.some((wrong) => wrong.test(commentOf(line))),
        () => 'cite it so',
      ),
  },
  {
    name: 'every exported thing has a doc comment',
    applies: (path) => !isTest(path),
    find: undocumented,
  },
];

/** Every complaint about every file, as `path:line: rule: complaint`. */
export function untidy(
  files: readonly SourceFile[] = sourceFiles(),
  only: readonly Rule[] = rules,
): string[] {
  return files.flatMap((file) =>
    only
      .filter((rule) => rule.applies(file.path))
      .flatMap((rule) =>
        rule.find(file).map(({ line, text }) => `${file.path}:${line}: ${rule.name}: ${text}`),
      ),
  );
}

function lines(
  file: SourceFile,
  isWrong: (line: string) => boolean,
  say: (line: string) => string,
): Complaint[] {
  return file.text
    .split('\n')
    .flatMap((line, i) => (isWrong(line) ? [{ line: i + 1, text: say(line) }] : []));
}

/** Code points, so that an arrow counts as one. */
function columns(line: string): number {
  return Array.from(line).length;
}

function codeOf(line: string): string {
  return /^\s*(\*|\/\*|\/\/)/.test(line) ? '' : line.replace(/'[^']*'|"[^"]*"| \/\/ .*$/g, '');
}

function commentOf(line: string): string {
  return /^\s*(\*|\/\*)/.test(line) ? line : (/\/\/ .*$/.exec(line)?.[0] ?? '');
}

/** Overloads share the comment of the first, and so do constants that stand together. */
function undocumented(file: SourceFile): Complaint[] {
  const all = file.text.split('\n');
  let shared = { line: -1, name: '' };
  return all.flatMap((line, i) => {
    const [, kind = '', name = ''] = EXPORTED.exec(line) ?? [];
    if (name === '') return [];
    const continues = kind === 'function' ? shared.name === name : kind === 'const' && shared.line === i - 1;
    if (!continues && all[i - 1]?.trimEnd().endsWith('*/') !== true) return [{ line: i + 1, text: name }];
    shared = { line: kind === 'const' ? i : -1, name };
    return [];
  });
}

if (import.meta.main) {
  const complaints = untidy();
  for (const complaint of complaints) console.log(complaint);
  process.exitCode = complaints.length === 0 ? 0 : 1;
}
