/** Preferences that outlive the exchange: see preferences.ts. */
import { TandemError } from '../base/errors.ts';
import type { Logger } from '../base/world.ts';
import type { PreferenceStore } from './preferences.ts';
import { splitAccount } from './field.ts';
import { readRow } from './kind.ts';
import { preferences } from './kinds-of-users.ts';
import type { Provisions } from './provisions.ts';

/** Preferences of all users that scripts have set, and that are not on disk yet. */
export const UNWRITTEN_MAX = 10_000;

/** What a script sets holds at once, and is on disk a moment later. */
export class StoredPreferences implements PreferenceStore {
  private readonly provisions: Provisions;
  private readonly log: Logger;
  /** Set or removed (undefined) by a script, and on its way to the disk. */
  private readonly unwritten = new Map<string, string | undefined>();

  constructor(provisions: Provisions, log: Logger) {
    this.provisions = provisions;
    this.log = log;
  }

  get(owner: string, name: string): string | undefined {
    const key = keyOf(owner, name);
    if (this.unwritten.size > 0 && this.unwritten.has(key)) return this.unwritten.get(key);
    return this.provisions.preferences.get(key)?.value;
  }

  set(owner: string, name: string, value: string): void {
    // Refused now, not later when nobody listens.
    readRow(preferences, { owner, name, value });
    this.write(owner, name, value);
  }

  remove(owner: string, name: string): void {
    if (this.get(owner, name) !== undefined) this.write(owner, name, undefined);
  }

  private write(owner: string, name: string, value: string | undefined): void {
    const key = keyOf(owner, name);
    const isOnItsWay = this.unwritten.has(key);
    if (!isOnItsWay && this.unwritten.size >= UNWRITTEN_MAX)
      throw new TandemError('INVALID', `more than ${UNWRITTEN_MAX} preferences wait to be written`);
    this.unwritten.set(key, value);
    if (!isOnItsWay) void this.writeUntilSame(key, owner, name);
  }

  /** What is set while an older value is being written is written after it. */
  private async writeUntilSame(key: string, owner: string, name: string): Promise<void> {
    for (;;) {
      const value = this.unwritten.get(key);
      try {
        await this.writeOnce(owner, name, value);
      } catch (error) {
        if (!(error instanceof TandemError)) throw error;
        this.log.warn('a preference was not written', { owner, name, why: error.message });
      }
      if (this.unwritten.get(key) !== value) continue;
      this.unwritten.delete(key);
      return;
    }
  }

  private async writeOnce(owner: string, name: string, value: string | undefined): Promise<void> {
    const shelf = this.provisions.preferences;
    const isThere = shelf.get(keyOf(owner, name)) !== undefined;
    if (value === undefined) {
      if (isThere) await shelf.remove({ owner, name });
    } else if (isThere) await shelf.set({ owner, name, value });
    else await shelf.add({ owner, name, value });
  }
}

function keyOf(owner: string, name: string): string {
  const { user, domain } = splitAccount(owner);
  return `${user}\t${domain}\t${name}`;
}
