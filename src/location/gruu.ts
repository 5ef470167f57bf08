/**
 * GRUUs: URIs that lead to one device and to no other of its user. RFC 5627
 *
 *   public     sip:bob@example.com;gr=urn:uuid:…      says whose it is
 *   temporary  sip:tgr.8cX…Q@example.com;gr           says nothing: what it means is encrypted
 *
 *   nonce 12 │ instance 8 │ Call-ID 8 │ user … │ tag 16      bytes of a temporary one: AES-128-GCM, bound to the domain
 *
 * Nothing is kept of them: a temporary one is valid as long as its instance is registered under the Call-ID that it was
 * given out with, so that a phone ends all of its own by another Call-ID (§5.4), and every refresh brings a new one.
 */
import { createCipheriv, createDecipheriv, hash } from 'node:crypto';
import type { Random } from '../base/world.ts';
import { canonicalEscapes } from '../sip/escapes.ts';
import type { Uri } from '../sip/uri.ts';
import type { Contact } from './contact.ts';

const CIPHER = 'aes-128-gcm';
const KEY_BYTES = 16;
const NONCE_BYTES = 12;
const MARK_BYTES = 8;
const TAG_BYTES = 16;
const PREFIX = 'tgr.';

/** What a GRUU of ours names. */
export interface GruuOwner {
  readonly aor: string;
  readonly owns: (contact: Contact) => boolean;
}

/** Both GRUUs of a registered device. */
export interface DeviceGruus {
  readonly publicUri: string;
  readonly temporaryUri: string;
}

/** Makes them and reads them, with one key. */
export class Gruus {
  private readonly key: Buffer;
  private readonly random: Random;

  /** With the same secret temporary GRUUs outlive a restart, as bindings do. */
  constructor(secret: string, random: Random) {
    this.key = hash('sha256', `gruu ${secret}`, 'buffer').subarray(0, KEY_BYTES);
    this.random = random;
  }

  /** The Contact parameters of both, for the answer to a REGISTER; '' where there can be none. RFC 5627 §5.3 */
  paramsFor(contact: Contact): string {
    const gruus = this.of(contact);
    return gruus === undefined ? '' : `;pub-gruu="${gruus.publicUri}";temp-gruu="${gruus.temporaryUri}"`;
  }

  /** Both, the temporary one new at each call; undefined where there can be none. */
  of({ aor, instance, callId, isOther }: Contact): DeviceGruus | undefined {
    const at = aor.lastIndexOf('@');
    if (instance === undefined || at < 0 || isOther) return undefined;
    const domain = aor.substring(at + 1);
    const temporary = this.seal(aor.substring(0, at), domain, marksOf(instance, callId));
    const name = escaped(nameOf(instance));
    return { publicUri: `sip:${aor};gr=${name}`, temporaryUri: `sip:${PREFIX}${temporary}@${domain};gr` };
  }

  /** Whose a URI is; undefined when it is no GRUU, or none that we made. */
  ownerOf(uri: Uri): GruuOwner | undefined {
    const { gr } = uri.params;
    if (gr === undefined || uri.user === undefined || uri.scheme === 'tel') return undefined;
    if (typeof gr === 'string') {
      const owns = ({ instance }: Contact): boolean => instance !== undefined && isNamed(instance, gr);
      return { aor: `${canonicalEscapes(uri.user)}@${uri.host}`, owns };
    }
    const opened = uri.user.startsWith(PREFIX)
      ? this.open(uri.user.substring(PREFIX.length), uri.host)
      : undefined;
    if (opened === undefined) return undefined;
    const { user, marks } = opened;
    const owns = ({ instance, callId }: Contact): boolean =>
      instance !== undefined && marks.equals(marksOf(instance, callId));
    return { aor: `${user}@${uri.host}`, owns };
  }

  private seal(user: string, domain: string, marks: Buffer): string {
    const nonce = this.random.bytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.key, nonce).setAAD(Buffer.from(domain, 'latin1'));
    const text = Buffer.concat([cipher.update(marks), cipher.update(user, 'latin1'), cipher.final()]);
    return Buffer.concat([nonce, text, cipher.getAuthTag()]).toString('base64url');
  }

  private open(token: string, domain: string): { user: string; marks: Buffer } | undefined {
    const sealed = Buffer.from(token, 'base64url');
    const end = sealed.length - TAG_BYTES;
    if (end <= NONCE_BYTES + 2 * MARK_BYTES) return undefined;
    const cipher = createDecipheriv(CIPHER, this.key, sealed.subarray(0, NONCE_BYTES));
    cipher.setAAD(Buffer.from(domain, 'latin1')).setAuthTag(sealed.subarray(end));
    try {
      const text = Buffer.concat([cipher.update(sealed.subarray(NONCE_BYTES, end)), cipher.final()]);
      return { marks: text.subarray(0, 2 * MARK_BYTES), user: text.latin1Slice(2 * MARK_BYTES) };
    } catch {
      return undefined; // Its tag says that somebody else made it.
    }
  }
}

/** Of device and registration as much as tells them from others. */
function marksOf(instance: string, callId: string): Buffer {
  const mark = (text: string): Buffer => hash('sha256', text, 'buffer').subarray(0, MARK_BYTES);
  return Buffer.concat([mark(instance.toLowerCase()), mark(callId)]);
}

/** `<urn:uuid:…>` → `urn:uuid:…` */
function nameOf(instance: string): string {
  return instance.startsWith('<') && instance.endsWith('>') ? instance.slice(1, -1) : instance;
}

/** RFC 8141 §3: the scheme and a UUID in any letter case. */
function isNamed(instance: string, gr: string): boolean {
  return canonicalEscapes(escaped(nameOf(instance))).toLowerCase() === canonicalEscapes(gr).toLowerCase();
}

/** What may not stand in a URI parameter, escaped. RFC 3261 §25.1 `paramchar` */
function escaped(text: string): string {
  return text.replaceAll(
    /[^\w\-.!~*'()[\]/:&+$]/g,
    (c) => `%${c.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`,
  );
}
