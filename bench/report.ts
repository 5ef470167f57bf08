/** Rows of all repeats → one line a load: both peers, the ratio, its spread, the bar. */
import type { Bar, Load, Scenario } from './scenarios.ts';
import { FAILED_SHARE_MAX, type Row } from './sitting.ts';

/** One load of one scenario, both peers beside each other. */
export interface Line {
  readonly scenario: string;
  readonly load: string;
  readonly unit: string;
  readonly figures: readonly PeerFigures[];
  /** Ours / the other's, median and range over pairs of turns; undefined when only one peer ran. */
  readonly ratio?: Spread;
  readonly bar?: Bar;
  readonly barIsMet?: boolean;
}

/** What one peer came to. */
export interface PeerFigures {
  readonly peer: string;
  /** CPU microseconds a unit, bytes a contact, or units a second: by the scenario's kind. */
  readonly value: Spread;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  readonly done: number;
  readonly failed: number;
  readonly repeated: number;
  /** Runs in which others used the machine too; they count only where there is no other. */
  readonly noisy: number;
}

/** Of a few repeats. */
export interface Spread {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

/** One line for each load; `peers` names ours first. */
export function summarize(
  scenario: Scenario,
  rows: readonly Row[],
  peers: readonly string[],
): readonly Line[] {
  return scenario.loads.map((load) => {
    const ofLoad = rows.filter((row) => row.load === load.name);
    const figures = peers.map((peer) =>
      figuresOf(
        scenario,
        peer,
        ofLoad.filter((row) => row.peer === peer),
      ),
    );
    const ratio = ratioOf(scenario, ofLoad, peers);
    const line = { scenario: scenario.name, load: load.name, unit: scenario.unit, figures };
    return { ...line, ...(ratio && { ratio }), ...verdict(load, figures[0], ratio) };
  });
}

/** The table that goes into the README. The other is Kamailio, or where it says so another form of ours. */
export function markdown(lines: readonly Line[]): string {
  const peers = lines.find((line) => line.figures.length > 1)?.figures ?? lines[0]?.figures ?? [];
  const heads = peers.flatMap(({ peer }, place) => [place === 0 ? peer : 'other', 'p50 / p99 ms', 'failed']);
  const titles = [
    'scenario',
    'load',
    'figure',
    ...heads,
    ...(peers.length > 1 ? ['ratio [min..max]', 'bar'] : ['bar']),
  ];
  const rows = lines.map((line) => [
    line.scenario,
    line.load,
    nameOf(line),
    ...peers.flatMap((_, place) => cellsOf(line.figures[place], place)),
    ...(peers.length > 1 ? [spread(line.ratio)] : []),
    barCell(line),
  ]);
  return [titles, titles.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function figuresOf(scenario: Scenario, peer: string, rows: readonly Row[]): PeerFigures {
  const sum = (of: (row: Row) => number): number => rows.reduce((total, row) => total + of(row), 0);
  const counted = quietOf(rows);
  return {
    peer,
    value: spreadOf(counted.map((row) => valueOf(scenario, row))),
    p50Ms: spreadOf(counted.map((row) => row.p50Ms)),
    p99Ms: spreadOf(counted.map((row) => row.p99Ms)),
    done: sum((row) => row.done),
    failed: sum((row) => row.failed),
    repeated: sum((row) => row.repeated),
    noisy: sum((row) => (row.noisy ? 1 : 0)),
  };
}

function valueOf(scenario: Scenario, row: Row): number {
  if (scenario.kind === 'memory') return row.bytesPerUnit ?? Number.NaN;
  return scenario.kind === 'max' ? row.rate : row.cpuMicrosPerUnit;
}

/** Each of ours against the other's of the same turn. */
function ratioOf(scenario: Scenario, rows: readonly Row[], peers: readonly string[]): Spread | undefined {
  const [ours, other] = peers;
  const pairs = rows.flatMap((row) => {
    const against = rows.find(
      (one) => one.peer === other && one.repeat === row.repeat && one.slice === row.slice,
    );
    if (row.peer !== ours || against === undefined) return [];
    const ratio = valueOf(scenario, row) / valueOf(scenario, against);
    return [{ ratio, noisy: row.noisy || against.noisy }];
  });
  return pairs.length === 0 ? undefined : spreadOf(quietOf(pairs).map(({ ratio }) => ratio));
}

/** Those that nobody disturbed; all, when there are none. */
function quietOf<T extends { readonly noisy: boolean }>(all: readonly T[]): readonly T[] {
  const quiet = all.filter(({ noisy }) => !noisy);
  return quiet.length === 0 ? all : quiet;
}

/** A bar is not met by a server that failed calls meanwhile. */
function verdict(load: Load, ours: PeerFigures | undefined, ratio: Spread | undefined): Partial<Line> {
  const { bar } = load;
  if (bar === undefined) return {};
  if (ours === undefined || ours.peer === 'kamailio') return { bar };
  const absolute = bar.of === 'p99Ms' ? ours.p99Ms.median : ours.value.median;
  const value = bar.of === 'p99Ms' || bar.of === 'bytes' ? absolute : ratio?.median;
  if (value === undefined) return { bar };
  const isWithin = bar.of === 'maxRate' ? value >= bar.limit : value <= bar.limit;
  return { bar, barIsMet: isWithin && ours.failed <= FAILED_SHARE_MAX * (ours.done + ours.failed) };
}

/** An empty list has no median: NaN, printed as a dash. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  const lower = sorted[Math.ceil(middle) - 1] ?? Number.NaN;
  return {
    median: (upper + lower) / 2,
    lowest: sorted[0] ?? Number.NaN,
    highest: sorted.at(-1) ?? Number.NaN,
  };
}

function cellsOf(figures: PeerFigures | undefined, place: number): readonly string[] {
  if (figures === undefined) return ['–', '–', '–'];
  const name = place === 0 ? '' : `${figures.peer}: `;
  const noisy = figures.noisy > 0 ? ` (${figures.noisy} noisy)` : '';
  const latency = `${milliseconds(figures.p50Ms.median)} / ${milliseconds(figures.p99Ms.median)}`;
  return [`${name}${spread(figures.value)}${noisy}`, latency, String(figures.failed)];
}

function nameOf(line: Line): string {
  if (line.bar?.of === 'bytes') return `bytes a ${line.unit}`;
  return line.bar?.of === 'maxRate' ? `${line.unit}s a second` : `µs CPU a ${line.unit}`;
}

function barCell(line: Line): string {
  const { bar, barIsMet } = line;
  if (bar === undefined) return '';
  const names: Readonly<Record<Bar['of'], string>> = {
    cpu: `ratio ≤ ${bar.limit}`,
    bytes: `≤ ${Math.round(bar.limit)} bytes`,
    maxRate: `ratio ≥ ${bar.limit}`,
    p99Ms: `p99 ≤ ${bar.limit} ms`,
  };
  return barIsMet === undefined ? names[bar.of] : `${names[bar.of]}: ${barIsMet ? 'met' : '**missed**'}`;
}

function spread(of: Spread | undefined): string {
  if (of === undefined || Number.isNaN(of.median)) return '–';
  return `${short(of.median)} [${short(of.lowest)}..${short(of.highest)}]`;
}

/** SIPp counts whole milliseconds. */
function milliseconds(value: number): string {
  return value === 0 ? '< 1' : short(value);
}

function short(value: number): string {
  if (Number.isNaN(value)) return '–';
  return Math.abs(value) >= 100 ? String(Math.round(value)) : value.toPrecision(3);
}
