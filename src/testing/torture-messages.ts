/** The messages of RFC 4475 and RFC 5118 as they go on the wire, and what is expected of whoever gets them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** `response`: no request, nobody waits for an answer. `tolerant`: both views are defended. */
export type TortureVerdict = 'accept' | 'reject' | 'tolerant' | 'drop' | 'response';

/** One message and its verdict. */
export interface TortureCase {
  /** As the RFC names it: `wsinv`. */
  readonly id: string;
  readonly verdict: TortureVerdict;
  /** What a refusal may say. */
  readonly codes: readonly number[];
  readonly mustNotCodes: readonly number[];
  /** What the answer to an accepted one shows. */
  readonly mustContain: readonly string[];
  readonly maxAnsweredRequests: number | undefined;
  /** Over a stream it never becomes whole: closing the connection is an answer too. */
  readonly mayWaitOnStream: boolean;
  /** Latin1: one character a byte. */
  readonly text: string;
}

interface Row {
  readonly id: string;
  readonly file: string;
  readonly verdict: TortureVerdict;
  readonly codes: readonly number[];
  readonly must_not_codes?: readonly number[];
  readonly must_contain?: readonly string[];
  readonly max_answered_requests?: number;
  readonly tcp?: string;
  readonly wire?: string;
}

const FOLDER = join(import.meta.dirname, '../../torture');

/** All 61, in the order of the RFCs. */
export function tortureCases(): readonly TortureCase[] {
  return ['rfc4475.json', 'rfc5118.json'].flatMap((index) => {
    const { cases } = JSON.parse(readFileSync(join(FOLDER, index), 'utf8')) as { cases: readonly Row[] };
    return cases.map(tortureCase);
  });
}

function tortureCase(row: Row): TortureCase {
  const printed = readFileSync(join(FOLDER, row.file), 'latin1');
  const text = row.wire === undefined ? printed : asSent(printed);
  return {
    id: row.id,
    verdict: row.verdict,
    codes: row.codes,
    mustNotCodes: row.must_not_codes ?? [],
    mustContain: row.must_contain ?? [],
    maxAnsweredRequests: row.max_answered_requests,
    // The file of baddn ends before its empty line.
    mayWaitOnStream: row.tcp === 'wait-or-close' || !text.includes('\r\n\r\n'),
    text,
  };
}

/** RFC 5118 prints its messages with bare line feeds and lengths that did not survive the printing. */
function asSent(printed: string): string {
  const text = printed.replace(/\r?\n/g, '\r\n');
  const end = text.indexOf('\r\n\r\n');
  const head = end < 0 ? text.replace(/(\r\n)*$/, '') : text.substring(0, end);
  const body = end < 0 ? '' : text.substring(end + 4);
  return `${head.replace(/^(Content-Length|l)( *):.*$/im, `$1$2: ${body.length}`)}\r\n\r\n${body}`;
}
