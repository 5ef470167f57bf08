/**
 * A call flow as text, made from what was sent:
 *
 *   seconds   alice             bob
 *     0.000     │── INVITE ──────▶│    sip:bob@192.0.2.2
 *     0.005     │◀─────────── 180 │
 *
 * A message stands where it was sent. One that was sent again is drawn once, with `×n`. The steps of a script stand at
 * the line of its exchange, before what it sent because of them:
 *
 *     0.000     │                 ├ relay sip:bob@192.0.2.2  route.ts:12
 */
import { parseMessage } from '../sip/parse.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import { Frames } from './frames.ts';
import type { Step } from '../route/steps.ts';
import type { TraceEntry } from './sim-trace.ts';

/** Column titles by `ip:port` or by `ip`, from left to right. Two addresses with one title share a column. */
export type LadderNames = Readonly<Record<string, string>>;

/** What a script did, and by whom, as the columns call it. */
export interface LadderSteps {
  readonly by: string;
  readonly steps: readonly Step[];
}

interface Rung {
  readonly atMs: number;
  readonly from: number;
  readonly to: number;
  readonly label: string;
  readonly note: string;
  times: number;
  missing: number;
}

const LEFT_MARGIN = 12;
/** Columns between two lines, if no label needs more. */
const GAP_MIN = 17;
/** What an arrow needs around its label at least: `── INVITE ─▶`, `◀── 180 `. */
const AROUND_LABEL = { right: 6, left: 5 };

/** Draws the SIP messages of a trace. Hosts without a name get a column with their address, at the right. */
export function ladder(entries: readonly TraceEntry[], names: LadderNames, told?: LadderSteps): string {
  const titles = [...new Set(Object.values(names))];
  const rungs = fold(entries, names, titles);
  const gap = Math.max(GAP_MIN, ...rungs.map(widthOf));
  const lines = [titleLine(titles, gap), ...linesOf(rungs, titles, gap, told)];
  return `${lines.join('\n')}\n`;
}

/** A step stands before the first message of its exchange that is not older. */
function linesOf(
  rungs: readonly Rung[],
  titles: readonly string[],
  gap: number,
  told?: LadderSteps,
): string[] {
  const by = titles.indexOf(told?.by ?? '');
  const steps = (told?.steps ?? []).filter(({ kind }) => kind !== 'branch');
  const lines: string[] = [];
  let next = 0;
  const drawUntil = (isDue: (step: Step) => boolean): void => {
    for (let step = steps[next]; step !== undefined && isDue(step); step = steps[++next]) {
      lines.push(stepLine(step, titles.length, by, gap));
    }
  };
  for (const rung of rungs) {
    drawUntil(({ atMs }) => atMs < rung.atMs || (atMs === rung.atMs && rung.from === by));
    lines.push(rungLine(rung, titles.length, gap));
  }
  drawUntil(() => true);
  return lines;
}

function stepLine(step: Step, columns: number, by: number, gap: number): string {
  const bars = Array.from({ length: columns }, () => '│').join(' '.repeat(gap));
  const text = textOf(step);
  const at = by * (gap + 1);
  const line = `${bars.slice(0, at)}├ ${text} ${bars.slice(at + text.length + 3)}`;
  return `${secondsOf(step.atMs)}${line}`.trimEnd();
}

function textOf(step: Step): string {
  if (step.kind === 'service') return `${step.service} ${step.inputs}`.trimEnd() + `: ${step.result}`;
  if (step.kind === 'branch') return `${step.target}: ${step.status}`;
  const { route, decision, about, leads, at } = step;
  const name = route === 'request' || route === 'in dialog' ? '' : `${route}: `;
  return [`${name}${about === '' ? '' : `${about} → `}${decision}`, leads, at]
    .filter((part) => part !== '')
    .join('  ');
}

/** One rung a message; the same text between the same addresses again is counted, not drawn. */
function fold(entries: readonly TraceEntry[], names: LadderNames, titles: string[]): Rung[] {
  const rungs: Rung[] = [];
  const drawn = new Map<string, Rung>();
  for (const { entry, text } of messagesOf(entries)) {
    const message = parseMessage(text);
    if (message.kind === 'bad') continue;
    const key = `${entry.from} ${entry.to} ${text}`;
    let rung = drawn.get(key);
    if (rung === undefined) {
      const from = columnOf(names[entry.from] ?? names[entry.fromHost] ?? entry.fromHost, titles);
      const to = columnOf(names[entry.to] ?? names[entry.toHost] ?? entry.toHost, titles);
      rung = {
        atMs: entry.atMs,
        from,
        to,
        label: nameOf(message),
        note: noteOf(message),
        times: 0,
        missing: 0,
      };
      drawn.set(key, rung);
      rungs.push(rung);
    }
    rung.times++;
    if (entry.fate !== 'sent') rung.missing++;
  }
  return rungs;
}

/** Datagrams as they are; streams put together to messages, each at the time of its last chunk. */
function* messagesOf(entries: readonly TraceEntry[]): Generator<{ entry: TraceEntry; text: string }> {
  const streams = new Map<number, Frames>();
  for (const entry of entries) {
    if (entry.transport !== 'tcp' && entry.transport !== 'tls') {
      yield { entry, text: entry.text };
      continue;
    }
    let frames = streams.get(entry.stream);
    if (frames === undefined) streams.set(entry.stream, (frames = new Frames()));
    for (const text of frames.push(entry.text)) yield { entry, text };
  }
}

function columnOf(title: string, titles: string[]): number {
  const known = titles.indexOf(title);
  return known < 0 ? titles.push(title) - 1 : known;
}

/** `INVITE`, `180`, `200 (BYE)`. */
function nameOf(message: SipRequest | SipResponse): string {
  if (message.kind === 'request') return message.method;
  return message.method === 'INVITE' ? String(message.status) : `${message.status} (${message.method})`;
}

/** A request that begins something shows whom it is for. */
function noteOf(message: SipRequest | SipResponse): string {
  const begins = message.kind === 'request' && message.toTag === '' && message.method !== 'CANCEL';
  return begins && message.method !== 'ACK' ? message.uriText : '';
}

function widthOf(rung: Rung): number {
  return labelOf(rung).length + (rung.from < rung.to ? AROUND_LABEL.right : AROUND_LABEL.left);
}

function labelOf(rung: Rung): string {
  return rung.times > 1 ? `${rung.label} ×${rung.times}` : rung.label;
}

function titleLine(titles: readonly string[], gap: number): string {
  let line = 'seconds';
  for (const [column, title] of titles.entries()) {
    const middle = LEFT_MARGIN + column * (gap + 1);
    line = `${line.padEnd(middle - Math.floor(title.length / 2))}${title}`;
    if (line.length > middle + gap) line += ' ';
  }
  return line;
}

function rungLine(rung: Rung, columns: number, gap: number): string {
  const bars = Array.from({ length: columns }, () => '│').join(' '.repeat(gap));
  const arrow = arrowOf(rung, gap);
  const left = Math.min(rung.from, rung.to) * (gap + 1) + (rung.from === rung.to ? 0 : 1);
  const line = bars.substring(0, left) + arrow + bars.substring(left + arrow.length);
  const lost = rung.missing === 0 ? '' : rung.times === 1 ? 'lost' : `${rung.missing} lost`;
  const notes = [rung.note, lost].filter((note) => note !== '').join(', ');
  return `${secondsOf(rung.atMs)}${line}    ${notes}`.trimEnd();
}

function secondsOf(atMs: number): string {
  return (atMs / 1000).toFixed(3).padStart(7) + ' '.repeat(LEFT_MARGIN - 7);
}

function arrowOf(rung: Rung, gap: number): string {
  const label = labelOf(rung);
  if (rung.from === rung.to) return `⟲ ${label}`;
  const width = Math.abs(rung.from - rung.to) * (gap + 1) - 1;
  const gone = rung.missing === rung.times;
  const isRight = rung.from < rung.to;
  const dashes = (around: number): string => '─'.repeat(width - label.length - around);
  if (isRight) return `── ${label} ${dashes(AROUND_LABEL.right - 1)}${gone ? '✕' : '▶'}`;
  return `${gone ? '✕' : '◀'}${dashes(AROUND_LABEL.left - 2)} ${label} `;
}
