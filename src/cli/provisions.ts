/** `tandem forwards`, `tandem numbers` and their like: every kind of provisions by the same words. */
import { TandemError } from '../base/errors.ts';
import type { AnyKind } from './provisioned-kinds.ts';
import { confirm } from './confirm.ts';
import { type Column, printExport, printResult, printTable } from './output.ts';
import { keyText, matches, type Row, valueText } from './provisioned-kinds.ts';
import { readKind } from './provisions-read.ts';
import type { Session } from './session.ts';

/** Fields by their names, as they were typed. */
export type Typed = Readonly<Record<string, unknown>>;

/** `forwards add`, `forwards set` and `forwards rm`. */
export async function changeOne(
  session: Session,
  kind: AnyKind,
  verb: 'add' | 'set' | 'rm',
  typed: Typed,
  dryRun: boolean,
): Promise<number> {
  const { commands } = session;
  const command = `${kind.name}.${verb}`;
  const row = (await (dryRun ? commands.tryChange(command, typed) : commands.change(command, typed))) as Row;
  const done = doneText(verb, dryRun);
  printResult(session.terminal, session.json, row, () => `${done} ${kind.one} ${keyText(kind, row)}`);
  return 0;
}

/** `added`, or `would be added`. */
export function doneText(verb: 'add' | 'set' | 'rm', dryRun: boolean): string {
  return (dryRun ? 'would be ' : '') + { add: 'added', set: 'changed', rm: 'removed' }[verb];
}

/** `forwards rm`: asks first, or wants `--yes`. */
export async function removeOne(
  session: Session,
  kind: AnyKind,
  typed: Typed,
  { yes, dryRun }: { readonly yes: boolean; readonly dryRun: boolean },
): Promise<number> {
  const named = Object.values(typed).join(' ');
  if (!yes && !dryRun) await confirm(session.terminal, `Remove ${kind.one} ${named}?`);
  return changeOne(session, kind, 'rm', typed, dryRun);
}

/** `forwards ls [OWNER]`: whose they are, or what stands anywhere in them. */
export async function listKind(session: Session, kind: AnyKind, wanted: string | undefined): Promise<number> {
  const all = await session.commands.readIfThere((db) => readKind(db, kind), []);
  const rows = wanted === undefined ? all : all.filter((row) => matches(kind, row, wanted));
  if (session.json) printResult(session.terminal, true, rows, String);
  else if (rows.length > 0) printTable(session.terminal, rows, columnsOf(kind), session.wide);
  else session.terminal.note(`none; add one:   tandem ${kind.name} add --help`);
  return 0;
}

/** `forwards show KEY…` */
export async function showOne(session: Session, kind: AnyKind, typed: Typed): Promise<number> {
  const all = await session.commands.readIfThere((db) => readKind(db, kind), []);
  const names = Object.keys(typed);
  const row = all.find((one) => names.every((name) => String(one[name]) === String(typed[name])));
  if (row === undefined) {
    const named = Object.values(typed).join(' ');
    throw new TandemError('NOT_FOUND', `no ${kind.one} ${named}`, {
      hint: `tandem ${kind.name} ls   shows them`,
    });
  }
  printResult(session.terminal, session.json, row, (one) => {
    const width = Math.max(...Object.keys(one).map((name) => name.length));
    return Object.entries(one)
      .map(([name, value]) => `${name.padEnd(width)}  ${valueText(value)}`.trimEnd())
      .join('\n');
  });
  return 0;
}

/** `forwards export`: CSV, or JSON with `--json`; `import` takes both. */
export async function exportKind(session: Session, kind: AnyKind): Promise<number> {
  const rows = await session.commands.readIfThere((db) => readKind(db, kind), []);
  const names = Object.keys(kind.fields);
  printExport(session.terminal, session.json, names, rows);
  return 0;
}

function columnsOf(kind: AnyKind): readonly Column<Row>[] {
  return Object.keys(kind.fields).map((name, rank) => {
    return { title: titleOf(name), rank, cell: (row) => valueText(row[name]) };
  });
}

/** `ringMs` → `RING MS` */
function titleOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter}`).toUpperCase();
}
