/** A body put in place of another one: its length, and what the header fields say of it. RFC 3261 §7.4, §20.14 */
import { SipError } from '../base/errors.ts';
import { asBytes, type Headers } from './headers.ts';

/** A message that a script makes longer is refused: what we put on top must still fit. See MESSAGE_BYTES_MAX. */
export const EDITED_BYTES_MAX = 61_440;

/** What else describes the body that was there: of another one it would be wrong. */
const DESCRIPTIONS = ['Content-Encoding', 'Content-Disposition', 'Content-Language'];

/**
 * Replaces the body. A text is taken as `body` reads one, a character a byte; one that holds more leaves as UTF-8.
 * With a `type` it is another kind of body; without one what the header fields say of it stays.
 */
export function replaceBody(headers: Headers, body: string | Uint8Array, type?: string): void {
  const bytes = typeof body === 'string' ? asBytes(body) : latin1Of(body);
  if (headers.bodyAt + bytes.length > EDITED_BYTES_MAX)
    throw fault(`a body of ${bytes.length} bytes makes a message longer than ${EDITED_BYTES_MAX}`);
  if (bytes !== '' && type === undefined && !headers.has('Content-Type'))
    throw fault('a body where none was needs its type: setBody(body, type)');
  if (bytes === '') headers.remove('Content-Type');
  else if (type !== undefined) headers.set('Content-Type', type);
  if (bytes === '' || type !== undefined) for (const name of DESCRIPTIONS) headers.remove(name);
  headers.splice(headers.bodyAt, headers.text.length, bytes);
  headers.set('Content-Length', bytes.length);
}

function latin1Of({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).latin1Slice();
}

function fault(why: string): SipError {
  return new SipError('BAD_MESSAGE', 500, why);
}
