/** Node's own methods of Buffer for one encoding, without the look-up of its name. Latin1: one byte a character. */
declare global {
  interface Buffer {
    latin1Slice(start?: number, end?: number): string;
    /** Answers how many bytes were written. */
    latin1Write(text: string, offset: number, length: number): number;
    /** Answers how many bytes were written. */
    utf8Write(text: string, offset: number, length: number): number;
  }
}

export {};
