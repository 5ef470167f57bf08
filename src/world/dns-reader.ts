/**
 * Reads the bytes of a DNS message. They are a stranger's: whatever they claim, it reads within them, follows a
 * pointer backwards only, and ends.
 */

/** RFC 1035 §3.1: octets of a whole name. */
export const NAME_OCTETS_MAX = 255;
/** RFC 1035 §3.1: octets of one label. */
export const LABEL_OCTETS_MAX = 63;

const POINTER = 0xc0;
const DOT = 46;
const HYPHEN = 45;
const UNDERSCORE = 95;

/** The message is no DNS message. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError';
}

/** A place in a message. */
export class DnsReader {
  at = 0;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  byte(): number {
    const value = this.bytes[this.at];
    if (value === undefined) throw new MalformedError(`an end at octet ${this.at}`);
    this.at++;
    return value;
  }

  uint16(): number {
    return this.byte() * 256 + this.byte();
  }

  uint32(): number {
    return this.uint16() * 65_536 + this.uint16();
  }

  /** RFC 1035 §3.3 `<character-string>`, one character a byte. */
  text(): string {
    let text = '';
    for (let left = this.byte(); left > 0; left--) text += String.fromCharCode(this.byte());
    return text;
  }

  skip(octets: number): void {
    if (this.at + octets > this.bytes.length) throw new MalformedError(`an end behind octet ${this.at}`);
    this.at += octets;
  }

  /**
   * A name in lower case without the last dot, '' for the root; undefined when it is no host name. RFC 1035 §4.1.4.
   * Every pointer must lead to before all that was read of this name, so there is no way to go round.
   */
  name(): string | undefined {
    let name = '';
    let octets = 1;
    let isHostName = true;
    let before = this.at;
    let resumeAt = -1;
    for (;;) {
      const length = this.byte();
      if (length === 0) break;
      if ((length & POINTER) === POINTER) {
        const target = (length & ~POINTER) * 256 + this.byte();
        if (target >= before) throw new MalformedError(`a pointer to octet ${target}`);
        if (resumeAt < 0) resumeAt = this.at;
        before = target;
        this.at = target;
        continue;
      }
      octets += length + 1;
      if (length > LABEL_OCTETS_MAX || octets > NAME_OCTETS_MAX) throw new MalformedError('a name too long');
      if (name !== '') name += '.';
      for (let left = length; left > 0; left--) {
        const c = lower(this.byte());
        if (isNameOctet(c)) name += String.fromCharCode(c);
        else isHostName = false;
      }
    }
    if (resumeAt >= 0) this.at = resumeAt;
    return isHostName ? name : undefined;
  }
}

/** What may stand in names of hosts and services; anything else could mean something to whoever prints it. */
export function isNameOctet(c: number): boolean {
  return (c >= 97 && c <= 122) || (c >= 48 && c <= 57) || c === HYPHEN || c === UNDERSCORE;
}

/** The labels of a name; undefined when it cannot be asked for. */
export function labelsOf(name: string): readonly string[] | undefined {
  const text = name.charCodeAt(name.length - 1) === DOT ? name.substring(0, name.length - 1) : name;
  if (text.length === 0 || text.length > NAME_OCTETS_MAX - 2) return undefined;
  const labels = text.toLowerCase().split('.');
  return labels.every(isLabel) ? labels : undefined;
}

function isLabel(label: string): boolean {
  if (label.length === 0 || label.length > LABEL_OCTETS_MAX) return false;
  for (let i = 0; i < label.length; i++) if (!isNameOctet(label.charCodeAt(i))) return false;
  return true;
}

function lower(c: number): number {
  return c >= 65 && c <= 90 ? c + 32 : c;
}
