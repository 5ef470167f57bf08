import { createRequire } from 'node:module';
import type * as Pino from 'pino';
import { escapeControls } from '../base/escape-controls.ts';
import type { Logger } from '../base/world.ts';
import { BackgroundLines } from './background-lines.ts';

const STDERR = 2;

/** From the most to the least. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** How the log looks and where it goes. */
export interface LogOptions {
  /** The least level that is written; `info` by default. */
  readonly level?: LogLevel;
  /** Lines for people or one JSON object a line; by default lines when stderr is a terminal. */
  readonly form?: 'lines' | 'json';
  /** Takes each finished line with its line feed; stderr by default, written in the background. */
  readonly write?: (line: string) => void;
}

/** The operator's log. No value, whoever sent it, can end a line or move a terminal's cursor. */
export function logLines(options: LogOptions = {}): Logger {
  // Loaded here: only the process that logs pays the 35 ms.
  const pino = createRequire(import.meta.url)('pino') as typeof Pino.pino;
  const write = options.write ?? new BackgroundLines(STDERR).add;
  const level = options.level ?? 'info';
  const form = options.form ?? (process.stderr.isTTY ? 'lines' : 'json');
  return form === 'json' ? jsonLogger(pino, level, write) : humanLogger(level, write);
}

function jsonLogger(pino: typeof Pino.pino, level: LogLevel, write: (line: string) => void): Logger {
  const { err } = pino.stdSerializers;
  const logger = pino(
    {
      level,
      base: null,
      messageKey: 'what',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err, error: err, cause: err },
    },
    // Outside its strings a line of JSON has no control but the line feed, so it stays JSON.
    { write: (line) => write(`${escapeControls(line.slice(0, -1))}\n`) },
  );
  const at =
    (one: LogLevel) =>
    (what: string, facts?: object): void =>
      facts === undefined ? logger[one](what) : logger[one](facts, what);
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** `12:03:07.118 info  what  key=value` */
function humanLogger(least: LogLevel, write: (line: string) => void): Logger {
  const at = (level: LogLevel) => {
    if (levels.indexOf(level) < levels.indexOf(least)) return () => {};
    return (what: string, facts?: object): void => {
      const words = Object.entries(facts ?? {}).map(
        ([key, value]) => `${plainOrQuoted(key)}=${valueText(value)}`,
      );
      write(
        `${[`${timeOfDay(new Date())} ${level.padEnd(5)} ${escapeControls(what)}`, ...words].join('  ')}\n`,
      );
    };
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function timeOfDay(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const seconds = `${two(time.getSeconds())}.${String(time.getMilliseconds()).padStart(3, '0')}`;
  return `${two(time.getHours())}:${two(time.getMinutes())}:${seconds}`;
}

function valueText(value: unknown): string {
  if (typeof value === 'string') return plainOrQuoted(value);
  if (value instanceof Error) return plainOrQuoted(value.stack ?? value.message);
  if (typeof value === 'object' && value !== null) return escapeControls(jsonOf(value));
  return String(value);
}

function jsonOf(value: object): string {
  try {
    return JSON.stringify(value) ?? '[unprintable]';
  } catch {
    // Circular, or a BigInt within: the log line is worth more than this value.
    return '[unprintable]';
  }
}

function plainOrQuoted(text: string): string {
  return /^[\w.:@/<>;?,+*$&()[\]-]+$/.test(text) ? text : escapeControls(JSON.stringify(text));
}
