/**
 * When somebody is there: hours by the day of the week, and days that are otherwise, as the clock on his wall shows.
 *
 *   [{ "days": "mon-fri", "from": "09:00", "to": "17:30" },
 *    { "date": "12-25", "closed": true },
 *    { "date": "2026-12-24", "from": "09:00", "to": "12:00" }]
 *
 * A date with a year wins over one without, any date over days of the week. Hours that end before they begin go on
 * past midnight, into a day that may be a holiday.
 */
import { TandemError } from '../base/errors.ts';

/** Hours of some days, or a day on which nobody is there. */
export interface Period {
  /** `mon-fri`, `sat`, `mon,wed,fri`; all unless given. */
  readonly days?: string;
  /** `2026-12-24`, or `12-25` in every year. */
  readonly date?: string;
  /** `09:00`; midnight unless given. */
  readonly from?: string;
  /** `17:30`; midnight at the end unless given. */
  readonly to?: string;
  /** Nobody is there on that date. */
  readonly closed?: boolean;
}

/** Periods of one schedule. */
export const PERIODS_MAX = 200;
/** Characters of their JSON. */
export const PERIODS_LENGTH_MAX = 16_384;

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const DAY_MINUTES = 1_440;
const WEEK_DAYS = 7;
const DAY_MS = 86_400_000;
const KNOWN = new Set(['days', 'date', 'from', 'to', 'closed']);
const DATE = /^(\d{4}-)?(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;
const TIME = /^(?:([01]\d|2[0-3]):([0-5]\d)|24:00)$/;

/** What a time zone is called, for refusals. */
export const ZONE = 'a time zone such as Europe/Berlin';

/** Whether there is such a zone. */
export function isZone(name: string): boolean {
  if (name.length > 64 || !/^[A-Za-z]/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat('en-GB', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false; // RangeError: there is none of that name.
  }
}

/** The periods that were written, as JSON or as a list. Throws INVALID. */
export function parsePeriods(given: unknown, name: string): readonly Period[] {
  const list = typeof given === 'string' ? parsedJson(given, name) : given;
  if (!Array.isArray(list)) throw refused(name, 'a list of periods');
  if (list.length > PERIODS_MAX || JSON.stringify(list).length > PERIODS_LENGTH_MAX)
    throw refused(name, `at most ${PERIODS_MAX} periods and ${PERIODS_LENGTH_MAX} characters`);
  return list.map((one: unknown) => periodOf(one, name));
}

function parsedJson(given: string, name: string): unknown {
  if (given.length > PERIODS_LENGTH_MAX) throw refused(name, `at most ${PERIODS_LENGTH_MAX} characters`);
  try {
    return JSON.parse(given);
  } catch (cause) {
    throw new TandemError('INVALID', `${name}: expected JSON`, { cause });
  }
}

function periodOf(given: unknown, name: string): Period {
  if (typeof given !== 'object' || given === null) throw refused(name, 'periods in braces');
  const unknown = Object.keys(given).find((key) => !KNOWN.has(key));
  if (unknown !== undefined)
    throw refused(name, `only ${[...KNOWN].join(', ')}, not ${JSON.stringify(unknown)}`);
  const { days, date, from, to, closed } = given as Record<string, unknown>;
  if (days !== undefined && (typeof days !== 'string' || daysOf(days) === undefined))
    throw refused(name, 'days such as mon-fri or sat,sun');
  if (date !== undefined && (typeof date !== 'string' || !DATE.test(date)))
    throw refused(name, 'a date such as 2026-12-24 or 12-25');
  for (const time of [from, to])
    if (time !== undefined && (typeof time !== 'string' || !TIME.test(time)))
      throw refused(name, 'a time such as 09:00');
  if (closed !== undefined && (closed !== true || date === undefined))
    throw refused(name, 'closed true, with a date');
  if (days !== undefined && date !== undefined) throw refused(name, 'days or a date, not both');
  return given;
}

function refused(name: string, expected: string): TandemError {
  return new TandemError('INVALID', `${name}: expected ${expected}`);
}

/** The days of the week that are meant, 0 for Sunday; undefined when it says none. */
function daysOf(text: string): ReadonlySet<number> | undefined {
  const found = new Set<number>();
  for (const part of text.toLowerCase().split(',')) {
    const [first = '', last = first, more] = part.trim().split('-');
    const [from, to] = [DAYS.indexOf(first), DAYS.indexOf(last)];
    if (from < 0 || to < 0 || more !== undefined) return undefined;
    for (let day = from; ; day = (day + 1) % WEEK_DAYS) {
      found.add(day);
      if (day === to) break;
    }
  }
  return found;
}

/** A moment as a clock on the wall of a zone shows it. */
interface WallTime {
  /** `2026-12-24` */
  readonly date: string;
  readonly day: number;
  readonly minute: number;
}

interface Hours {
  readonly days: ReadonlySet<number> | undefined;
  readonly date: string | undefined;
  readonly from: number;
  readonly to: number;
  readonly closed: boolean;
}

/** Hours that are asked: their periods are read once. */
export class OpenHours {
  private readonly hours: readonly Hours[];
  private readonly wall: Intl.DateTimeFormat;

  constructor(timezone: string, periods: readonly Period[]) {
    this.wall = new Intl.DateTimeFormat('en-CA', {
      timeZone: timezone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    this.hours = periods.map(hoursOf);
  }

  /** Whether that moment, in milliseconds since 1970, lies within them. */
  isOpen(wallMs: number): boolean {
    const now = this.at(wallMs);
    if (this.ruling(now).some((hours) => isWithin(hours, now.minute))) return true;
    const yesterday = dayBefore(now);
    return this.ruling(yesterday).some((hours) => isWithin(hours, now.minute + DAY_MINUTES));
  }

  private at(wallMs: number): WallTime {
    const parts = new Map(this.wall.formatToParts(wallMs).map(({ type, value }) => [type, value]));
    const of = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? '';
    return {
      date: `${of('year')}-${of('month')}-${of('day')}`,
      day: DAYS.indexOf(of('weekday').slice(0, 3).toLowerCase()),
      minute: Number(of('hour')) * 60 + Number(of('minute')),
    };
  }

  /** The most exact ones that speak of this day. */
  private ruling({ date, day }: WallTime): readonly Hours[] {
    const exact = this.hours.filter((hours) => hours.date === date);
    if (exact.length > 0) return exact;
    const yearly = this.hours.filter((hours) => hours.date === date.slice('2026-'.length));
    if (yearly.length > 0) return yearly;
    return this.hours.filter((hours) => hours.date === undefined && (hours.days?.has(day) ?? true));
  }
}

function hoursOf({ days, date, from = '00:00', to = '24:00', closed = false }: Period): Hours {
  const begins = minuteOf(from);
  const ends = minuteOf(to);
  const set = days === undefined ? undefined : daysOf(days);
  return { days: set, date, from: begins, to: ends > begins ? ends : ends + DAY_MINUTES, closed };
}

function minuteOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}

function isWithin({ from, to, closed }: Hours, minute: number): boolean {
  return !closed && minute >= from && minute < to;
}

/** Dates alone: no zone has a day without a day before. */
function dayBefore({ date, day, minute }: WallTime): WallTime {
  const before = new Date(Date.parse(`${date}T00:00:00Z`) - DAY_MS).toISOString().slice(0, 10);
  return { date: before, day: (day + WEEK_DAYS - 1) % WEEK_DAYS, minute };
}
