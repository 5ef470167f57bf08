/** `tandem sim`: what would become of a call, told step by step. */
import type { StepDocument } from '../server/control-steps.ts';
import { reasonPhrase } from '../sip/words.ts';
import { printResult, printTime } from './output.ts';
import type { SimOptions } from './sim-request.ts';
import { inThread, type SimDocument } from './sim-thread.ts';
import { printable, printSteps, row, rowOf, signed, type StepRow } from './steps-table.ts';
import type { Session } from './session.ts';

/** Answers 0 whatever becomes of the call. */
export async function simulate(session: Session, options: SimOptions): Promise<number> {
  const { settings, clock } = session.commands;
  const told = await inThread({ settings, options }, clock);
  if (session.json) printResult(session.terminal, true, told, String);
  else printSim(session, told);
  return 0;
}

function printSim(session: Session, told: SimDocument): void {
  const { terminal } = session;
  const { method, uri, from, source, at, status, why } = told;
  terminal.result(printable(`${method} ${uri} from ${from} at ${source}, ${printTime(at)} UTC`));
  terminal.result('');
  printSteps(session, rowsOf(told));
  terminal.result('');
  if (status === null) terminal.result('✕ the caller would hear no final answer');
  else terminal.result(why === null ? `${signed(status)} ${reasonPhrase(status)}` : printable(`✕ ${why}`));
  list(
    session,
    'not taken',
    told.notTaken.map(({ line, text }) => `${line}  ${text}`),
  );
  list(session, 'not tried', told.notTried);
  list(session, 'held back', heldBack(told));
  list(session, 'logged', told.logged);
  list(session, 'named by --answer, but not asked', told.unmet);
  terminal.note('(a simulation: nothing was sent, nothing was written)');
}

/** At one moment the script decides first, then it is sent, then something is heard. */
function rowsOf({ steps, asked, heard }: SimDocument): readonly StepRow[] {
  const sent = asked.map(({ atMs, method, uri, to, way, answer }) =>
    row(atMs, `  → ${method} ${uri}`, `${way}:${to} ${typeof answer === 'number' ? signed(answer) : answer}`),
  );
  const back = heard.map(({ atMs, status, reason }) =>
    row(atMs, '← to the caller', `${signed(status)} ${reason}`),
  );
  return [...steps.map((step: StepDocument) => rowOf(step)), ...sent, ...back].toSorted(
    (a, b) => a.afterMs - b.afterMs,
  );
}

function heldBack({ rows, fetched }: SimDocument): readonly string[] {
  return [...Object.entries(rows).map(([name, count]) => `${count} × ${name}`), ...fetched];
}

function list({ terminal }: Session, title: string, lines: readonly string[]): void {
  if (lines.length === 0) return;
  terminal.result('');
  terminal.result(title);
  for (const line of lines) terminal.result(printable(`  ${line}`));
}
