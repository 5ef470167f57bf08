/** `tandem status`: the running exchange on one screen; `▲` marks what wants to be looked at. */
import { notRunning } from '../server/control-client.ts';
import type { StatusDocument } from '../server/control-documents.ts';
import { printResult, printTime } from './output.ts';
import type { Session } from './session.ts';

const MINUTE_MS = 60_000;

/** A line of it. */
interface Line {
  readonly name: string;
  readonly text: string;
  /** The next command or step, when it wants to be looked at. */
  readonly look?: string | undefined;
}

/** Figures live in the exchange alone. */
export async function showStatus({ commands, terminal, json }: Session): Promise<number> {
  const asked = await commands.ask('status', {});
  if (asked === undefined) throw notRunning('its control socket', 'nobody listens there');
  printResult(terminal, json, asked.result as StatusDocument, (status) => statusText(status, Date.now()));
  return 0;
}

/** `now`: the wall clock. */
export function statusText(status: StatusDocument, now: number): string {
  const { version, pid, startedAt } = status;
  const since = `up ${durationText(now - Date.parse(startedAt))}, since ${printTime(startedAt)} UTC`;
  const lines = linesOf(status);
  const width = Math.max(...lines.map(({ name }) => name.length));
  return [
    `tandem ${version}, pid ${pid}, ${since}`,
    ...lines.map(({ name, text, look }) => {
      const mark = look === undefined ? ' ' : '▲';
      return `${mark} ${name.padEnd(width)}  ${text}${look === undefined ? '' : ` → ${look}`}`;
    }),
  ].join('\n');
}

function linesOf(status: StatusDocument): readonly Line[] {
  const { listeners, calls, registrations, pools } = status;
  return [
    { name: 'listeners', text: listeners.join(', ') },
    scriptLine(status),
    { name: 'calls', text: `${number(calls)} now` },
    { name: 'registrations', text: number(registrations) },
    transactionsLine(status),
    ...pools.map(poolLine),
    shutOutLine(status),
    databaseLine(status),
  ];
}

function scriptLine({ script }: StatusDocument): Line {
  const { file, generation, errors, slowRoutes } = script;
  const faults =
    errors + slowRoutes === 0 ? '' : `, ${number(errors)} errors, ${number(slowRoutes)} slow routes`;
  const look = faults === '' ? undefined : 'the log names them';
  return { name: 'script', text: `${file}, generation ${generation}${faults}`, look };
}

function transactionsLine({ transactions, isRefusingNew }: StatusDocument): Line {
  const { now, max, refused, refusedOfSource } = transactions;
  const text = `${number(now)} of ${number(max)}`;
  const refusals = [
    ...(refused > 0 ? [`${number(refused)} at the limit`] : []),
    ...(refusedOfSource > 0 ? [`${number(refusedOfSource)} of crowding sources`] : []),
    ...(isRefusingNew ? ['all new ones now'] : []),
  ];
  if (refusals.length === 0) return { name: 'transactions', text };
  const look = 'OVERLOADED in docs/errors.md';
  return { name: 'transactions', text: `${text}, refused: ${refusals.join(', ')}`, look };
}

function poolLine({ name, up, servers, calls }: StatusDocument['pools'][number]): Line {
  const look = up < servers ? `tandem pools show ${name}` : undefined;
  return { name: `pool ${name}`, text: `${up} of ${servers} up, ${number(calls)} calls`, look };
}

function shutOutLine({ banned, failedLogins, droppedOfStrangers }: StatusDocument): Line {
  const dropped = `${number(droppedOfStrangers)} messages of strangers dropped`;
  return {
    name: 'shut out',
    text: `${number(banned)} banned, ${number(failedLogins)} failed logins, ${dropped}`,
  };
}

function databaseLine({ database }: StatusDocument): Line {
  const { name, waitingRows, lostSince, lostWhy } = database;
  const rows = `${name}, ${number(waitingRows)} rows wait`;
  if (lostSince === null) return { name: 'database', text: rows };
  return { name: 'database', text: `${rows}, away since ${printTime(lostSince)} UTC`, look: lostWhy };
}

/** `3 d 4 h`, `4 h 7 min`, `7 min`. */
function durationText(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / MINUTE_MS));
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24];
  if (days > 0) return `${days} d ${hours} h`;
  return hours > 0 ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}

/** `88,120` */
function number(value: number): string {
  return value.toLocaleString('en-US');
}
