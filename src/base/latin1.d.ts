/** Node's own per-encoding methods of Buffer: one byte a character, without the look-up of an encoding's name. */
declare global {
  interface Buffer {
    latin1Slice(start?: number, end?: number): string;
    /** Answers how many bytes were written. */
    latin1Write(text: string, offset: number, length: number): number;
  }
}

export {};
