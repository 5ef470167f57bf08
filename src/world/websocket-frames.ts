/**
 * Whether the bytes of a WebSocket stand within a message. RFC 6455 §5.2
 *
 *    0                     7 8                    15
 *   │FIN│ RSV │   opcode    │MASK│ length, 126, 127 │
 *   │ length, 16 bits after 126, 64 bits after 127  │
 *   │ masking key, 32 bits, with MASK               │
 *   │ payload …
 */
const FIN = 0x80;
const OPCODE = 0x0f;
const MASK = 0x80;
const LENGTH = 0x7f;
/** Opcodes from here on are of control frames, which may come between the fragments of a message. §5.4 */
const CONTROL_FROM = 8;
const KEY_OCTETS = 4;

/** Counts along; what is wrong with a frame is not for it to say. */
export class FrameProgress {
  /** Whether the last bytes brought the end of a message, or of a control frame outside one. */
  ended = false;
  private first = 0;
  private headRead = 0;
  private headOctets = 2;
  private lengthUntil = 2;
  private length = 0;
  private payloadLeft = 0;
  private inFragments = false;

  /** Whether something has begun and is not whole. */
  get waiting(): boolean {
    return this.inFragments || this.headRead > 0;
  }

  push(bytes: Uint8Array): void {
    this.ended = false;
    for (let at = 0; at < bytes.length;) {
      if (this.payloadLeft === 0) this.readHead(bytes[at++]!);
      else {
        const taken = Math.min(this.payloadLeft, bytes.length - at);
        at += taken;
        this.payloadLeft -= taken;
        if (this.payloadLeft === 0) this.endFrame();
      }
    }
  }

  private readHead(octet: number): void {
    const at = this.headRead++;
    if (at === 0) this.first = octet;
    else if (at === 1) this.readLength(octet);
    else if (at < this.lengthUntil) this.length = this.length * 256 + octet;
    if (this.headRead < this.headOctets) return;
    this.payloadLeft = this.length;
    if (this.length === 0) this.endFrame();
  }

  private readLength(octet: number): void {
    const short = octet & LENGTH;
    this.lengthUntil = short === 126 ? 4 : short === 127 ? 10 : 2;
    this.length = short < 126 ? short : 0;
    this.headOctets = this.lengthUntil + ((octet & MASK) === 0 ? 0 : KEY_OCTETS);
  }

  private endFrame(): void {
    this.headRead = 0;
    this.headOctets = 2;
    if ((this.first & OPCODE) < CONTROL_FROM) this.inFragments = (this.first & FIN) === 0;
    if (!this.inFragments) this.ended = true;
  }
}
