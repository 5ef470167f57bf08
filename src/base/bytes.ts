/**
 * The text that is being read, as bytes. A string answers each question for a character by way of its kind; an array
 * of bytes is read three times as fast, and filling it costs no more than looking at thirty characters.
 */

/** Room for the longest message, with the three bytes that UTF-8 may need for a character; made larger on demand. */
export const BYTES_AHEAD = 256 * 1024;
/** Zeros behind the text: a reader that looks ahead finds no rest of the text before. */
const ZEROS = 4;
/** Stands for a character that is no byte: one that no grammar tells from other letters beyond ASCII. */
const NO_BYTE = 255;

let bytes = new Uint8Array(BYTES_AHEAD);
let writer = Buffer.from(bytes.buffer);
/** Whose bytes they are. */
let held = '';

/**
 * The bytes of a latin1 text, one a character, zeros behind them. They are those of the next text as soon as this is
 * called for it: a function that asks for them reads them and calls nothing that reads another text.
 */
export function bytesOf(text: string): Uint8Array {
  if (text !== held) hold(text);
  return bytes;
}

function hold(text: string): void {
  const { length } = text;
  if (length * 3 + ZEROS > bytes.length) makeRoom(length * 3 + ZEROS);
  // Two for one test: what UTF-8 writes with one byte a character is ASCII.
  if (writer.utf8Write(text, 0, bytes.length) !== length) holdBeyondAscii(text);
  for (let at = length; at < length + ZEROS; at++) bytes[at] = 0;
  held = text;
}

function holdBeyondAscii(text: string): void {
  writer.latin1Write(text, 0, text.length);
  if (writer.latin1Slice(0, text.length) === text) return;
  for (let at = 0; at < text.length; at++) bytes[at] = Math.min(text.charCodeAt(at), NO_BYTE);
}

function makeRoom(length: number): void {
  bytes = new Uint8Array(length);
  writer = Buffer.from(bytes.buffer);
}
