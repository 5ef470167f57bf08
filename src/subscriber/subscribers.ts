/**
 * The accounts, all in memory: found without waiting, changed through the Writer. A change shows in `find`
 * only after its commit, so that nobody is let in with a password that a crash could take back.
 */
import { assert } from '../base/assert.ts';
import { TandemError } from '../base/errors.ts';
import type { Clock, Random } from '../base/world.ts';
import { digestHa1 } from '../sip/digest.ts';
import type { SubscriberRow } from '../store/sqlite.ts';
import type { StatementName } from '../store/statements.ts';
import type { Value, Writer } from '../store/writer.ts';
import { accountKey, accountProblem } from './account-name.ts';

/** Somebody with credentials of ours. No clear password is kept. */
export interface Subscriber {
  readonly id: number;
  readonly user: string;
  /** Lower case; also the realm its hashes were made for. */
  readonly domain: string;
  /** Hex of MD5(user:domain:password). */
  readonly ha1: string;
  /** The same with SHA-256; empty when the account was imported with an MD5 hash alone. */
  readonly ha1Sha256: string;
  readonly createdAt: number;
}

/** An account with its new password. */
export interface Account {
  readonly user: string;
  readonly domain: string;
  readonly password: string;
}

/** A row of an import: with its password, or with the hashes another server kept. */
export interface ImportRow {
  readonly user: string;
  readonly domain: string;
  readonly password?: string | undefined;
  readonly ha1?: string | undefined;
  readonly ha1Sha256?: string | undefined;
}

/** What became of an import; `row` counts from 1. */
export interface ImportResult {
  readonly added: number;
  readonly changed: number;
  readonly refused: readonly { readonly row: number; readonly error: Error }[];
}

/** Which accounts to list. */
export interface SubscriberFilter {
  readonly domain?: string | undefined;
  /** Stands anywhere in `user@domain`. */
  readonly text?: string | undefined;
  readonly limit?: number | undefined;
}

/** Accounts of one process. */
export const SUBSCRIBERS_MAX = 2_000_000;
/** Longer passwords are refused. */
export const PASSWORD_LENGTH_MAX = 128;
/** Rows of an import that are with the writer at once. */
const IMPORT_ROWS_AT_ONCE = 1_000;
/**
 * Ids of new accounts count on from a place of this process's own, so that two nodes on one database never give the
 * same: 2^22 places of 2^31 ids, which together are the whole numbers that JavaScript knows exactly.
 */
const ID_PLACES = 2 ** 22;
const IDS_OF_A_PLACE = 2 ** 31;
const MD5_HEX = 32;
const SHA256_HEX = 64;

interface Hashes {
  readonly ha1: string;
  readonly ha1Sha256: string;
}

/** Every account of this exchange. */
export class Subscribers {
  private readonly writer: Writer;
  private readonly clock: Clock;
  private readonly byKey = new Map<string, Subscriber>();
  /** Accounts whose change is on its way to the disk. */
  private readonly changing = new Set<string>();
  /** Those that we changed since somebody began to read the database: what was read of them may be older. */
  private readonly changed = new Set<string>();
  private lastId: number;

  /**
   * `rows`: what `readSubscribers` of the store answers; none in a world without a disk. `random` chooses the place of
   * new ids; without it, where no other node can be, they count from 1.
   */
  constructor(options: { writer: Writer; clock: Clock; random?: Random; rows?: readonly SubscriberRow[] }) {
    this.writer = options.writer;
    this.clock = options.clock;
    this.lastId = (options.random?.below(ID_PLACES) ?? 0) * IDS_OF_A_PLACE;
    const beyond = this.lastId + IDS_OF_A_PLACE;
    for (const row of options.rows ?? []) {
      this.byKey.set(accountKey(row.username, row.domain), fromRow(row));
      if (row.id < beyond) this.lastId = Math.max(this.lastId, row.id);
    }
  }

  /** How many there are. */
  get count(): number {
    return this.byKey.size;
  }

  /** The account of that name; the domain in any letter case. */
  find(user: string, domain: string): Subscriber | undefined {
    return this.byKey.get(accountKey(user, domain));
  }

  /** In the order they were read, then in that in which they were added. */
  list(filter: SubscriberFilter = {}): readonly Subscriber[] {
    const domain = filter.domain?.toLowerCase();
    const found: Subscriber[] = [];
    for (const [key, subscriber] of this.byKey) {
      if (found.length >= (filter.limit ?? Infinity)) break;
      if (domain !== undefined && subscriber.domain !== domain) continue;
      if (filter.text === undefined || key.includes(filter.text)) found.push(subscriber);
    }
    return found;
  }

  /** Rejects with CONFLICT when it exists, INVALID when the name or the password is refused. */
  async add(account: Account): Promise<Subscriber> {
    const { user, domain } = checkedName(account);
    const key = accountKey(user, domain);
    if (this.byKey.has(key)) {
      throw new TandemError('CONFLICT', `${key} exists already`, {
        hint: `tandem users set ${key} gives it another password`,
      });
    }
    return this.put(user, domain, hashesOf(account));
  }

  /** Gives an account another password; rejects with NOT_FOUND when there is none. */
  async set(account: Account): Promise<Subscriber> {
    const { user, domain } = this.existing(account);
    return this.put(user, domain, hashesOf(account));
  }

  /** Rejects with NOT_FOUND when there is none. */
  async remove(account: { readonly user: string; readonly domain: string }): Promise<Subscriber> {
    const found = this.existing(account);
    const key = accountKey(found.user, found.domain);
    await this.change(key, 'deleteSubscriber', [found.user, found.domain]);
    this.byKey.delete(key);
    return found;
  }

  /** Adds accounts and changes those that exist. A row that is refused harms no other. */
  async import(rows: readonly ImportRow[]): Promise<ImportResult> {
    let added = 0;
    let changed = 0;
    const refused: { row: number; error: Error }[] = [];
    const importRow = async (row: ImportRow, number: number): Promise<void> => {
      try {
        const { user, domain } = checkedName(row);
        const isNew = this.find(user, domain) === undefined;
        await this.put(user, domain, importedHashes(row));
        if (isNew) added++;
        else changed++;
      } catch (error) {
        if (!(error instanceof TandemError)) throw error;
        refused.push({ row: number, error });
      }
    };
    for (let from = 0; from < rows.length; from += IMPORT_ROWS_AT_ONCE) {
      const part = rows.slice(from, from + IMPORT_ROWS_AT_ONCE);
      await Promise.all(part.map((row, place) => importRow(row, from + place + 1)));
    }
    return { added, changed, refused: refused.sort((a, b) => a.row - b.row) };
  }

  /** From here on our own changes are newer than what is read. */
  beginReading(): void {
    this.changed.clear();
  }

  /** An account as somebody else left it in the database; without a row it is gone. */
  apply(user: string, domain: string, row: SubscriberRow | undefined): void {
    const key = accountKey(user, domain);
    // What we change ourselves is told again when it is written.
    if (this.changing.has(key) || this.changed.has(key)) return;
    if (row === undefined) this.byKey.delete(key);
    else this.byKey.set(key, fromRow(row));
  }

  private existing(account: { readonly user: string; readonly domain: string }): Subscriber {
    const found = this.find(account.user, account.domain);
    if (found !== undefined) return found;
    throw new TandemError('NOT_FOUND', `no user ${accountKey(account.user, account.domain)}`, {
      hint: 'tandem users ls shows them',
    });
  }

  private async put(user: string, domain: string, hashes: Hashes): Promise<Subscriber> {
    const old = this.find(user, domain);
    if (old === undefined && this.byKey.size + this.changing.size >= SUBSCRIBERS_MAX) {
      throw new TandemError('INVALID', `more than ${SUBSCRIBERS_MAX} users`);
    }
    const id = old?.id ?? ++this.lastId;
    const createdAt = old?.createdAt ?? this.clock.wall();
    const { ha1, ha1Sha256 } = hashes;
    const key = accountKey(user, domain);
    await this.change(key, 'upsertSubscriber', [id, user, domain, ha1, ha1Sha256, null, createdAt]);
    const subscriber: Subscriber = { id, user, domain, ha1, ha1Sha256, createdAt };
    this.byKey.set(key, subscriber);
    return subscriber;
  }

  /** Two changes of one account at once could end differently here and on disk: the second is refused. */
  private change(key: string, statement: StatementName, values: readonly Value[]): Promise<void> {
    if (this.changing.has(key)) {
      throw new TandemError('CONFLICT', `${key} is being changed by somebody else`, { hint: 'try again' });
    }
    this.changing.add(key);
    return new Promise((settle, reject) => {
      this.writer.write(statement, values, (error) => {
        assert(this.changing.delete(key), 'a change ends once');
        this.changed.add(key);
        if (error === undefined) settle();
        else reject(error);
      });
    });
  }
}

/** The two hashes digest authentication is checked with. RFC 7616 §3.4.2 */
function hashesOf({ user, domain, password }: Account): Hashes {
  if (password === '' || password.length > PASSWORD_LENGTH_MAX || hasControls(password)) {
    throw new TandemError(
      'INVALID',
      `a password has 1 to ${PASSWORD_LENGTH_MAX} characters and no control characters`,
    );
  }
  const realm = domain.toLowerCase();
  return {
    ha1: digestHa1('MD5', user, realm, password),
    ha1Sha256: digestHa1('SHA-256', user, realm, password),
  };
}

function importedHashes(row: ImportRow): Hashes {
  const { user, domain, password } = row;
  if (password !== undefined && password !== '') return hashesOf({ user, domain, password });
  const ha1 = row.ha1?.toLowerCase() ?? '';
  const ha1Sha256 = row.ha1Sha256?.toLowerCase() ?? '';
  if (!isHex(ha1, MD5_HEX)) {
    throw new TandemError(
      'INVALID',
      `expected a password or an ha1 of ${MD5_HEX} hex digits for ${user}@${domain}`,
    );
  }
  if (ha1Sha256 !== '' && !isHex(ha1Sha256, SHA256_HEX)) {
    throw new TandemError(
      'INVALID',
      `expected an ha1_sha256 of ${SHA256_HEX} hex digits for ${user}@${domain}`,
    );
  }
  return { ha1, ha1Sha256 };
}

function isHex(text: string, length: number): boolean {
  return text.length === length && /^[0-9a-f]*$/.test(text);
}

function hasControls(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const c = text.charCodeAt(at);
    if (c < 32 || c === 127) return true;
  }
  return false;
}

function checkedName(account: { readonly user: string; readonly domain: string }): {
  user: string;
  domain: string;
} {
  const problem = accountProblem(account.user, account.domain);
  if (problem !== '') throw new TandemError('INVALID', problem, { hint: 'write it as alice@example.com' });
  return { user: account.user, domain: account.domain.toLowerCase() };
}

function fromRow(row: SubscriberRow): Subscriber {
  const { id, username, ha1, ha1_sha256: ha1Sha256, created_at: createdAt } = row;
  return { id, user: username, domain: row.domain.toLowerCase(), ha1, ha1Sha256, createdAt };
}
