/** Messages that nobody would send on purpose: seeded changes to those that somebody does. */
import type { Random } from '../base/world.ts';

/** Changes that one message gets at most. */
const CHANGES_MAX = 4;
/** A message does not grow beyond this. */
const LENGTH_MAX = 70_000;

/** What parsers trip over. */
const FRAGMENTS: readonly string[] = [
  '',
  ' ',
  '\t',
  '\r',
  '\n',
  '\r\n',
  '\r\n ',
  '\r\n\r\n',
  '\0',
  '\xff',
  '\x7f',
  '\xe2\x80\xa8',
  ':',
  '::',
  ';',
  ',',
  '"',
  '\\',
  '<',
  '>',
  '<>',
  '@',
  '%',
  '%00',
  '%0d%0a',
  '%zz',
  '=',
  '?',
  '[',
  ']',
  '[::]',
  '*',
  ';tag=',
  ';tag=x',
  ';branch=z9hG4bK',
  ';rport',
  ';rport=0',
  ';received=',
  ';maddr=255.255.255.255',
  ';lr',
  ';lr;d=1.2',
  ';transport=tcp',
  ';expires=',
  ';q=',
  'sip:',
  'sips:',
  'tel:',
  'sip:@',
  'SIP/2.0',
  'SIP/3.0',
  '__proto__',
  'constructor',
  'Via: ',
  'Contact: *\r\n',
  'Route: <sip:192.0.2.1;lr>\r\n',
  'To: <sip:x>;tag=1\r\n',
  'l: 5\r\n',
  'Max-Breadth: 0\r\n',
  'Require: x\r\n',
];
const NUMBERS: readonly string[] = [
  '0',
  '-1',
  '1',
  '00',
  '255',
  '256',
  '65535',
  '65536',
  '2147483647',
  '2147483648',
  '4294967295',
  '4294967296',
  '18446744073709551616',
  '1e9',
  '0x10',
  ' ',
  '99999999999999999999999999',
];

type Change = (text: string, random: Random, others: readonly string[]) => string;

/** The same seed gives the same message. `others` lend parts of themselves. */
export function mutate(text: string, random: Random, others: readonly string[]): string {
  let changed = text;
  for (let left = 1 + random.below(CHANGES_MAX); left > 0; left--) {
    changed = CHANGES[random.below(CHANGES.length)]!(changed, random, others);
  }
  return changed.substring(0, LENGTH_MAX);
}

const replaceByte: Change = (text, random) => {
  const at = place(text, random);
  return text.substring(0, at) + String.fromCharCode(random.below(256)) + text.substring(at + 1);
};

const insertFragment: Change = (text, random) => {
  const at = place(text, random);
  return text.substring(0, at) + FRAGMENTS[random.below(FRAGMENTS.length)]! + text.substring(at);
};

const replaceWord: Change = (text, random) => {
  const [from, to] = run(text, random, isWordChar);
  return text.substring(0, from) + FRAGMENTS[random.below(FRAGMENTS.length)]! + text.substring(to);
};

const replaceNumber: Change = (text, random) => {
  const [from, to] = run(text, random, isDigit);
  return text.substring(0, from) + NUMBERS[random.below(NUMBERS.length)]! + text.substring(to);
};

const cutRange: Change = (text, random) => {
  const from = place(text, random);
  return text.substring(0, from) + text.substring(from + random.below(40));
};

const cutShort: Change = (text, random) => text.substring(0, place(text, random));

const repeatRange: Change = (text, random) => {
  const from = place(text, random);
  const part = text.substring(from, from + 1 + random.below(20));
  return (
    text.substring(0, from) +
    part.repeat(1 + random.below(random.below(20) === 0 ? 500 : 5)) +
    text.substring(from)
  );
};

const dropLine: Change = (text, random) =>
  withLines(text, (lines) => void lines.splice(random.below(lines.length), 1));

const repeatLine: Change = (text, random) =>
  withLines(text, (lines) => {
    const at = random.below(lines.length);
    const times = random.below(50) === 0 ? 300 : 1 + random.below(3);
    lines.splice(at, 0, ...Array.from({ length: times }, () => lines[at]!));
  });

const moveLine: Change = (text, random) =>
  withLines(text, (lines) => {
    const [line = ''] = lines.splice(random.below(lines.length), 1);
    lines.splice(random.below(lines.length + 1), 0, line);
  });

const borrowLine: Change = (text, random, others) =>
  withLines(text, (lines) => {
    const lent = others[random.below(others.length)]!.split('\r\n');
    lines.splice(1 + random.below(lines.length), 0, lent[random.below(lent.length)]!);
  });

const crossOver: Change = (text, random, others) => {
  const other = others[random.below(others.length)]!;
  return text.substring(0, place(text, random)) + other.substring(place(other, random));
};

const swapCase: Change = (text, random) => {
  const [from, to] = run(text, random, isWordChar);
  return text.substring(0, from) + text.substring(from, to).toUpperCase() + text.substring(to);
};

const CHANGES: readonly Change[] = [
  replaceByte,
  insertFragment,
  insertFragment,
  replaceWord,
  replaceNumber,
  cutRange,
  cutShort,
  repeatRange,
  dropLine,
  repeatLine,
  moveLine,
  borrowLine,
  crossOver,
  swapCase,
];

function place(text: string, random: Random): number {
  return random.below(text.length + 1);
}

/** The run of such characters around a place; empty when none stands there. */
function run(text: string, random: Random, belongs: (c: number) => boolean): [from: number, to: number] {
  let from = place(text, random);
  while (from < text.length && !belongs(text.charCodeAt(from))) from++;
  let to = from;
  while (to < text.length && belongs(text.charCodeAt(to))) to++;
  while (from > 0 && belongs(text.charCodeAt(from - 1))) from--;
  return [from, to];
}

function isDigit(c: number): boolean {
  return c >= 48 && c <= 57;
}

function isWordChar(c: number): boolean {
  return isDigit(c) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122) || c === 45 || c === 46;
}

function withLines(text: string, edit: (lines: string[]) => void): string {
  const lines = text.split('\r\n');
  edit(lines);
  return lines.join('\r\n');
}
