/**
 * Numbers of nine digits as texts. The engine keeps the text of every number that it prints, in a table that is written
 * all over and whose texts outlive their messages: good for a status, bad for what is never seen again.
 */

/** `000000042`, of an integer from 0 to 999,999,999. */
export function nineDigits(value: number): string {
  return String.fromCharCode(
    digit(value, 100_000_000),
    digit(value, 10_000_000),
    digit(value, 1_000_000),
    digit(value, 100_000),
    digit(value, 10_000),
    digit(value, 1_000),
    digit(value, 100),
    digit(value, 10),
    digit(value, 1),
  );
}

function digit(value: number, place: number): number {
  return 48 + (((value / place) | 0) % 10);
}
