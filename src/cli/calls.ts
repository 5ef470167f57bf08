/** `tandem calls`: the records of calls. */
import { TandemError } from '../base/errors.ts';
import { CALLS_LISTED, listCalls, showCalls } from '../billing/call-list.ts';
import { callDocument } from '../server/control-documents.ts';
import type { CallDocument } from '../server/control-documents.ts';
import type { StepDocument, StepsDocument } from '../server/control-steps.ts';
import { whyItFailed } from '../server/control-steps-verdict.ts';
import { printResult, printTable, printTime } from './output.ts';
import type { Column } from './output.ts';
import { printable, printSteps, rowOf } from './steps-table.ts';
import type { Session } from './session.ts';

/** The exchange looks through all that it keeps, and lets calls have their turn meanwhile. */
const STEPS_ANSWER_MS = 10_000;
const NO_STEPS: StepsDocument = { callId: '', recorded: false, steps: [] };
const UNITS_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The words after `tandem calls ls`. */
export interface CallsOptions {
  readonly last?: string;
  readonly user?: string;
  readonly limit?: number;
}

const COLUMNS: readonly Column<CallDocument>[] = [
  { title: 'ID', rank: 1, right: true, cell: ({ id }) => id },
  { title: 'STARTED (UTC)', rank: 2, cell: ({ startedAt }) => printTime(startedAt) },
  { title: 'CALLER', rank: 0, cell: ({ caller }) => caller },
  { title: 'CALLEE', rank: 0, cell: ({ callee }) => callee },
  { title: 'RESULT', rank: 0, cell: resultOf },
  { title: 'LENGTH', rank: 3, right: true, cell: ({ durationMs }) => printDuration(durationMs) },
  { title: 'SETUP', rank: 4, right: true, cell: ({ setupMs }) => (setupMs === null ? '' : `${setupMs} ms`) },
  { title: 'SOURCE', rank: 5, cell: ({ source }) => source },
];

/** `calls ls`: the newest first. */
export async function listCallRecords(session: Session, options: CallsOptions): Promise<number> {
  const { last, user, limit = CALLS_LISTED } = options;
  const filter = {
    limit,
    ...(last === undefined ? {} : { since: Date.now() - parseDuration(last) }),
    ...(user === undefined ? {} : { user }),
  };
  const rows = await session.commands.readIfThere((db) => listCalls(db, filter), []);
  const calls = rows.map(callDocument);
  if (session.json) printResult(session.terminal, true, calls, String);
  else if (calls.length > 0) printTable(session.terminal, calls, COLUMNS, session.wide);
  else session.terminal.note(noCalls(options));
  if (calls.length === options.limit)
    session.terminal.note(`(the newest ${options.limit}; more with --limit)`);
  return 0;
}

/** A call with why it failed, and with `--steps` what the script did for it. */
type ShownCall = CallDocument & { readonly why: string | null; readonly steps?: readonly StepDocument[] };

/** `calls show ID|CALL-ID`: every field of every record of it, why it failed, with `--steps` what the script did. */
export async function showCall(session: Session, name: string, withSteps: boolean): Promise<number> {
  const rows = await session.commands.readIfThere((db) => showCalls(db, name), []);
  const callId = rows[0]?.call_id ?? name;
  const asked = await session.commands.ask('calls.steps', { callId }, STEPS_ANSWER_MS);
  const { steps, recorded } = (asked?.result ?? NO_STEPS) as StepsDocument;
  if (rows.length === 0 && (!withSteps || steps.length === 0)) {
    throw new TandemError('NOT_FOUND', `no call ${name}`, { hint: 'the newest ones:   tandem calls ls' });
  }
  const calls = rows.map(callDocument).map((call): ShownCall => {
    const why = whyItFailed(call, steps) ?? null;
    return withSteps ? { ...call, why, steps } : { ...call, why };
  });
  if (session.json)
    printResult(session.terminal, true, calls.length === 0 ? [{ callId, steps }] : calls, String);
  else {
    if (calls.length > 0) session.terminal.result(calls.map(callText).join('\n\n'));
    if (withSteps) showSteps(session, steps, asked === undefined ? undefined : recorded);
  }
  return 0;
}

/** `recorded`: undefined when no exchange runs. */
function showSteps(session: Session, steps: readonly StepDocument[], recorded: boolean | undefined): void {
  if (steps.length > 0) {
    session.terminal.result('');
    return printSteps(session, steps.map(rowOf));
  }
  if (recorded === undefined) session.terminal.note('no steps: the exchange that keeps them does not run');
  else if (recorded) session.terminal.note('no steps: they are kept for the newest calls only');
  else session.terminal.note('no steps: [script] steps is off');
}

/** `90s`, `15m`, `1h`, `7d` in milliseconds. */
export function parseDuration(text: string): number {
  const match = /^(\d{1,6})([smhd])$/.exec(text);
  const unit = UNITS_MS[match?.[2] ?? ''];
  if (match !== null && unit !== undefined) return Number(match[1]) * unit;
  throw new TandemError('USAGE', `a time such as 90s, 15m, 1h or 7d expected, not ${text}`);
}

/** `1:02:03`; empty when it is not known. */
export function printDuration(millis: number | null): string {
  if (millis === null) return '';
  const seconds = Math.round(millis / 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  const minutes = Math.floor(seconds / 60) % 60;
  const hours = Math.floor(seconds / 3600);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

function resultOf({ state, status, answeredAt, endedBy }: CallDocument): string {
  if (state === 'answered') return '● talking';
  if (state === 'open') return '● ringing';
  if (answeredAt === null) return status === null || status === 0 ? '✕ no answer' : `✕ ${status}`;
  return endedBy === null ? 'ended' : `ended by ${endedBy}`;
}

function callText(call: ShownCall): string {
  const entries = Object.entries(call).filter(([name, value]) => value !== null && name !== 'steps');
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => printable(`${name.padEnd(width)}  ${value}`)).join('\n');
}

function noCalls({ last, user }: CallsOptions): string {
  const who = user === undefined ? '' : ` of ${user}`;
  return last === undefined
    ? `no calls${who} yet`
    : `no calls${who} in the last ${last}; a wider range: --last 7d`;
}
