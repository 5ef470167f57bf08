/** The steps of a script, and what came of them, as a table. */
import type { BranchDocument, RouteDocument, StepDocument } from '../server/control-steps.ts';
import { type Column, printTable } from './output.ts';
import type { Session } from './session.ts';

/** One line of such a table. */
export interface StepRow {
  readonly afterMs: number;
  readonly step: string;
  readonly result: string;
  readonly took: string;
  readonly line: string;
}

const COLUMNS: readonly Column<StepRow>[] = [
  { title: 'SECONDS', rank: 1, right: true, cell: ({ afterMs }) => (afterMs / 1000).toFixed(3) },
  { title: 'STEP', rank: 0, cell: ({ step }) => step },
  { title: 'RESULT', rank: 0, cell: ({ result }) => result },
  { title: 'TOOK', rank: 3, right: true, cell: ({ took }) => took },
  { title: 'LINE', rank: 2, cell: ({ line }) => line },
];
/** What took less is not told: it was there at once. */
const TOOK_MS_MIN = 0.1;

/** Prints them; a column that would be empty is left out. */
export function printSteps(session: Session, rows: readonly StepRow[]): void {
  const shown = COLUMNS.filter(({ cell }) => rows.some((row) => cell(row) !== ''));
  printTable(session.terminal, rows, shown, session.wide);
}

/** A step as a line: what a route asked stands indented before its decision. */
export function rowOf(step: StepDocument): StepRow {
  const { afterMs } = step;
  switch (step.kind) {
    case 'service': {
      const { service, inputs, tookMs } = step;
      const took = tookMs !== null && tookMs >= TOOK_MS_MIN ? `${tookMs.toFixed(1)} ms` : '';
      const result = service.startsWith('log.') ? '' : step.result;
      return row(afterMs, `  ${service} ${inputs}`.trimEnd(), result, '', took);
    }
    case 'branch':
      return row(afterMs, `  branch ${step.target}`, branchEnd(step));
    case 'route': {
      const { route, method, line } = step;
      return row(afterMs, route === 'request' ? method : `${method}, ${route}`, decided(step), line ?? '');
    }
  }
}

function branchEnd({ status, timedOut }: BranchDocument): string {
  if (status === 0) return '✕ passed over: full or out';
  return timedOut ? '✕ nobody answered' : signed(status);
}

/** `relay sip:…`, `send sip:…`; of routes that are asked about a status `486 → relay sip:…`. */
function decided({ route, decision, about, leads }: RouteDocument): string {
  const made = leads === null ? decision : `${decision} ${leads}`;
  if (about === null) return made;
  return route === 'failure' || route === 'reply' ? `${about} → ${made}` : `${made} ${about}`;
}

/** One line; what strangers sent may hold what a terminal obeys. */
export function row(afterMs: number, step: string, result: string, line = '', took = ''): StepRow {
  return { afterMs, step: printable(step), result: printable(result), line: printable(line), took };
}

/** A text without the characters that steer a terminal. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '·');
}

/** `● 200`, `✕ 486`, `183`. */
export function signed(status: number): string {
  if (status < 200) return String(status);
  return status < 300 ? `● ${status}` : `✕ ${status}`;
}
