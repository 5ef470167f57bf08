/** The tables of docs/script/from-opensips.md: what they show of ours is TypeScript that compiles. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { printUri, type RequestContext, Router } from '../src/index.ts';

const ROOT = join(import.meta.dirname, '..');
const PAGE = readFileSync(join(ROOT, 'docs/script/from-opensips.md'), 'utf8');

/** What stands for the names that a reader fills in, and for `…`. */
const PREAMBLE = `import * as tandem from '${join(ROOT, 'src/index.ts')}';
import type { Callee, Caller, Plan, Target } from '${join(ROOT, 'src/index.ts')}';
type V = { caller: Caller };
declare const app: tandem.Router<V>;
declare const c: tandem.RequestContext<V>, b: tandem.BranchContext<V>;
declare const r: tandem.ReplyContext<V>, f: tandem.FailureContext<V>;
declare const services: tandem.Services;
const { agent, auth, b2b, callees, clock, domains, http, location, log, metrics, numbers } = services;
const { permissions, pools, preferences, subscribers } = services;
const { byPreference, parallel, serial, script, RouteError } = tandem;
declare const desk: Target, mobile: Target, home: Target, mailbox: Target;
declare const carriers: Target[], targets: Target[], plan: Plan & Target;
declare const headers: Record<string, string>, body: string, url: string, callee: Callee, from: string;
declare const credentials: { username: string; password: string };
declare const next: tandem.Next<object>, talkMsMax: number, fill: never;
declare const onBranch: tandem.BranchRoute<V>, onReply: tandem.ReplyRoute<V>, onFailure: tandem.FailureRoute<V>;
`;

/** The cells of a row; a bar between backticks is none of the table's. */
function cellsOf(row: string): string[] {
  const parts = row.split(/(``.+?``|`[^`]+`)/);
  const marked = parts.map((part, i) => (i % 2 === 0 ? part.replaceAll('|', '\n') : part)).join('');
  return marked.split('\n').slice(1, -1);
}

const rows = PAGE.split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (?:OpenSIPS|pseudo)/.test(line))
  .map(cellsOf);

/** What of a cell is ours to compile: not a command, a setting, a file, a word with a dot before it. */
function snippetsOf(cell: string): string[] {
  const codes = [...cell.matchAll(/``(.+?)``|`([^`]+)`/g)].map(([, long, short]) => long ?? short ?? '');
  return codes.filter((code) => !/^(?:tandem |\[|\.|tandem\.toml|=~|\(a )/.test(code));
}

/** As it would stand in a route, or among the options of a relay or of a call of two legs. */
function statement(code: string): string {
  const filled = code.replace(/'[^']*'|…/g, (part) => (part === '…' ? 'fill' : part));
  if (/^(?:onBranch|onReply|onFailure|replyMs|ringMs|recordRoute|advanceOn)\b/.test(filled)) {
    const [name = ''] = /^\w+/.exec(filled) ?? [];
    const option = filled.includes(':') ? filled : `${name}: fill`;
    return `c.relay(plan, { ${option} });`;
  }
  if (/^\w+$/.test(filled) && !/^[bcrf]$/.test(filled)) return `(c as { ${filled}?: unknown });`;
  return /^(?:return|throw|const) /.test(filled) ? `${filled};` : `void (${filled});`;
}

const folder = mkdtempSync(join(tmpdir(), 'tandem-snippets-'));
after(() => rmSync(folder, { recursive: true }));

test('the tables name the sixty functions, and say something of each', () => {
  const [, table = ''] = PAGE.split('## The sixty functions');
  const theirs = (table.split('\n## ')[0] ?? '').split('\n').map((row) => cellsOf(row)[0] ?? '');
  const functions = new Set(theirs.flatMap((cell) => [...cell.matchAll(/`(\w+)/g)].map(([, name]) => name)));

  assert.ok(functions.size >= 60, String(functions.size));
  assert.deepEqual(
    rows.filter(([theirs = '', ours = '']) => theirs.trim() === '' || ours.trim() === ''),
    [],
  );
});

test('every snippet of the tables compiles', () => {
  const snippets = rows.flatMap(([, ours = '']) => snippetsOf(ours));
  const lines = snippets.map(
    (code) => `export const _${snippets.indexOf(code)} = async () => { ${statement(code)} };`,
  );
  writeFileSync(join(folder, 'snippets.ts'), PREAMBLE + [...new Set(lines)].join('\n'));
  const base = JSON.parse(readFileSync(join(ROOT, 'tsconfig.json'), 'utf8')) as { compilerOptions: object };
  const compilerOptions = {
    ...base.compilerOptions,
    typeRoots: [join(ROOT, 'node_modules/@types')],
    noUnusedLocals: false,
    noUnusedParameters: false,
    allowUnreachableCode: true,
  };
  const project = { compilerOptions, files: ['snippets.ts', join(ROOT, 'src/base/latin1.d.ts')] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(project));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');

  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8', cwd: folder });

  const written = readFileSync(join(folder, 'snippets.ts'), 'utf8').split('\n');
  const complaints = stdout.split('\n').filter((line) => line.startsWith('snippets.ts'));
  const said = complaints
    .join('\n')
    .replace(/snippets\.ts\((\d+)/g, (all, line) => `${written[Number(line) - 1]}\n  ${all}`);
  assert.ok(snippets.length > 100, String(snippets.length));
  assert.equal(said, '');
});

/** What the page shows for a function of theirs. */
function shownFor(theirs: string): string {
  const row = rows.find(([cell = '']) => cell.trim() === `\`${theirs}\``);
  return snippetsOf(row?.[1] ?? '')[0] ?? '';
}

for (const [theirs, came, becomes] of [
  ['prefix("0")', 'sip:30200@example.com', 'sip:030200@example.com'],
  ['prefix("0")', 'sip:example.com', 'sip:0@example.com'],
  ['strip(1)', 'sip:030200@example.com', 'sip:30200@example.com'],
  ['strip(1)', 'sip:0@example.com', 'sip:example.com'],
  ['strip(1)', 'sip:example.com', 'sip:example.com'],
] as const) {
  test(`what stands beside ${theirs} makes ${becomes} of ${came}`, async () => {
    const file = join(folder, `${theirs.replace(/\W+/g, '-')}.mjs`);
    writeFileSync(file, `export default (c) => { ${shownFor(theirs)}; };`);
    const { default: edit } = (await import(pathToFileURL(file).href)) as {
      default: (c: RequestContext) => void;
    };
    const app = new Router().invite((c) => {
      edit(c);
      return c.reply(404, printUri(c.uri));
    });

    const decision = await app.decide(`INVITE ${came} SIP/2.0`);

    assert.equal(decision.do === 'reply' ? decision.reason : undefined, becomes);
  });
}
