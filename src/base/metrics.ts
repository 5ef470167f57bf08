/** Counters, gauges and histograms, and the text that Prometheus reads. Counting is an addition and nothing more. */
import { BoundedMap } from './bounded.ts';
import { TandemError } from './errors.ts';
import { checkNumber, refused } from './options.ts';

/** Names with labels of one registry. */
export const SERIES_MAX = 10_000;
/** Bounds of one histogram. */
export const BOUNDS_MAX = 64;

/** What one figure is told apart by. */
export type Labels = Readonly<Record<string, string>>;

type Kind = 'counter' | 'gauge' | 'histogram';

/** How the names of what is read begin: another figure of the same name would stand beside it. */
const OURS = 'tandem_';
const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** A value that only grows. */
export class Counter {
  value = 0;

  add(amount = 1): void {
    if (amount > 0) this.value += amount;
  }
}

/** A value that goes up and down. */
export class Gauge {
  value = 0;

  /** Throws INVALID unless it is a number, and so does `add`: no other can be printed. */
  set(value: number): void {
    checkNumber('the value of a gauge', value);
    this.value = value;
  }

  add(amount: number): void {
    checkNumber('what a gauge is changed by', amount);
    this.value += amount;
  }
}

/** How often values fell below each bound. */
export class Histogram {
  /** Ascending. */
  readonly bounds: readonly number[];
  /** How many fell between the bound before and this one; the last: above all. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = [...bounds].sort((a, b) => a - b);
    this.counts = new Float64Array(this.bounds.length + 1);
  }

  observe(value: number): void {
    checkNumber('what a histogram is told', value);
    let at = 0;
    while (at < this.bounds.length && value > this.bounds[at]!) at++;
    this.counts[at]!++;
    this.sum += value;
  }
}

interface Family {
  readonly name: string;
  readonly kind: Kind;
  readonly help: string;
  readonly series: Map<string, Counter | Gauge | Histogram>;
}

/** What is read only when somebody looks: costs nothing until then. */
export type Reading = (
  say: (name: string, kind: 'counter' | 'gauge', help: string, value: number, labels?: Labels) => void,
) => void;

/** Every figure, by name and labels. The same name and labels give the same figure. */
export class MetricRegistry {
  private readonly families = new BoundedMap<string, Family>(SERIES_MAX);
  private readonly readings: Reading[] = [];
  private seriesCount = 0;

  counter(name: string, help: string, labels: Labels = {}): Counter {
    return this.figure(name, 'counter', help, labels, () => new Counter()) as Counter; // Its kind was checked.
  }

  gauge(name: string, help: string, labels: Labels = {}): Gauge {
    return this.figure(name, 'gauge', help, labels, () => new Gauge()) as Gauge;
  }

  histogram(name: string, help: string, bounds: readonly number[], labels: Labels = {}): Histogram {
    if (!Array.isArray(bounds) || !bounds.every(Number.isFinite))
      throw refused(`the bounds of ${name}`, 'a list of numbers', bounds);
    if (bounds.length > BOUNDS_MAX)
      throw new TandemError('INVALID', `${name} has more than ${BOUNDS_MAX} bounds`);
    return this.figure(name, 'histogram', help, labels, () => new Histogram(bounds)) as Histogram;
  }

  /** Adds what is read at each look. */
  read(reading: Reading): void {
    this.readings.push(reading);
  }

  /** In the text format of Prometheus, version 0.0.4. */
  text(): string {
    const families = new Map<string, { kind: Kind; help: string; lines: string[] }>();
    const linesOf = (name: string, kind: Kind, help: string): string[] => {
      let family = families.get(name);
      if (family === undefined) families.set(name, (family = { kind, help, lines: [] }));
      return family.lines;
    };
    for (const { name, kind, help, series } of this.families.values()) {
      for (const [labels, figure] of series)
        linesOf(name, kind, help).push(...linesFor(name, labels, figure));
    }
    for (const reading of this.readings) {
      reading((name, kind, help, value, labels = {}) => {
        linesOf(name, kind, help).push(`${name}${braced(labelText(labels))} ${value}`);
      });
    }
    let out = '';
    for (const [name, { kind, help, lines }] of families) {
      out += `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${kind}\n${lines.join('\n')}\n`;
    }
    return out;
  }

  private figure(
    name: string,
    kind: Kind,
    help: string,
    labels: Labels,
    make: () => Counter | Gauge | Histogram,
  ): Counter | Gauge | Histogram {
    const family = this.families.get(name) ?? this.begin(name, kind, help);
    if (family.kind !== kind) throw new TandemError('CONFLICT', `${name} is a ${family.kind}, not a ${kind}`);
    const key = labelText(labels);
    const known = family.series.get(key);
    if (known !== undefined) return known;
    if (this.seriesCount >= SERIES_MAX) throw new TandemError('INVALID', `more than ${SERIES_MAX} metrics`);
    this.seriesCount++;
    const made = make();
    family.series.set(key, made);
    return made;
  }

  private begin(name: string, kind: Kind, help: string): Family {
    if (!NAME.test(name)) throw new TandemError('INVALID', `${name} is no name of a metric`);
    if (name.startsWith(OURS)) throw refused('the name of a metric', `none that begins with ${OURS}`, name);
    const family: Family = { name, kind, help, series: new Map() };
    this.families.set(name, family);
    return family;
  }
}

function linesFor(name: string, labels: string, figure: Counter | Gauge | Histogram): string[] {
  if (!(figure instanceof Histogram)) return [`${name}${braced(labels)} ${figure.value}`];
  const before = labels === '' ? '' : `${labels},`;
  let below = 0;
  const buckets = [...figure.bounds, Infinity].map((bound, at) => {
    below += figure.counts[at]!;
    return `${name}_bucket{${before}le="${bound === Infinity ? '+Inf' : bound}"} ${below}`;
  });
  return [
    ...buckets,
    `${name}_sum${braced(labels)} ${figure.sum}`,
    `${name}_count${braced(labels)} ${below}`,
  ];
}

function labelText(labels: Labels): string {
  return Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => {
      if (!LABEL.test(name)) throw new TandemError('INVALID', `${name} is no name of a label`);
      return `${name}="${escaped(value).replaceAll('"', '\\"')}"`;
    })
    .join(',');
}

function braced(labels: string): string {
  return labels === '' ? '' : `{${labels}}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
