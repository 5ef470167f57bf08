/** What is known of a user beside his account: names and values. What a user has not, his domain may have. */
import { BoundedMap } from '../base/bounded.ts';
import { TandemError } from '../base/errors.ts';
import { checkUri } from '../base/options.ts';
import type { PreferenceService } from '../route/services.ts';
import { aorOf, type Uri } from '../sip/uri.ts';

/** Users and domains that have preferences. */
export const OWNERS_MAX = 1_000_000;
/** Preferences of one of them. */
export const PREFERENCES_MAX = 256;
/** Characters of a value. */
export const VALUE_CHARACTERS_MAX = 1_024;

/** Where preferences are kept. `owner` is `alice@example.com`, or `example.com` for the whole domain. */
export interface PreferenceStore {
  get(owner: string, name: string): string | undefined;
  /** Throws INVALID when a limit is reached. */
  set(owner: string, name: string, value: string): void;
  remove(owner: string, name: string): void;
}

/** Keeps them in memory: they are gone with the exchange. */
export class MemoryPreferences implements PreferenceStore {
  private readonly owners = new BoundedMap<string, BoundedMap<string, string>>(OWNERS_MAX);

  get(owner: string, name: string): string | undefined {
    return this.owners.get(owner)?.get(name);
  }

  set(owner: string, name: string, value: string): void {
    if (value.length > VALUE_CHARACTERS_MAX)
      throw new TandemError('INVALID', `a preference has at most ${VALUE_CHARACTERS_MAX} characters`);
    const known = this.owners.get(owner);
    const preferences = known ?? new BoundedMap<string, string>(PREFERENCES_MAX);
    if (known === undefined && !this.owners.set(owner, preferences))
      throw new TandemError('INVALID', `more than ${OWNERS_MAX} users with preferences`);
    if (!preferences.set(name, value))
      throw new TandemError('INVALID', `more than ${PREFERENCES_MAX} preferences of ${owner}`);
  }

  remove(owner: string, name: string): void {
    const preferences = this.owners.get(owner);
    preferences?.delete(name);
    if (preferences?.size === 0) this.owners.delete(owner);
  }
}

const TRUE = new Set(['1', 'true', 'yes', 'on']);

/** See {@link PreferenceService}. */
export class Preferences implements PreferenceService {
  private readonly store: PreferenceStore;

  constructor(store: PreferenceStore) {
    this.store = store;
  }

  get(aor: Uri, name: string): string | undefined {
    return this.store.get(ownerOf(aor), name) ?? this.store.get(aor.host, name);
  }

  isSet(aor: Uri, name: string): boolean {
    return TRUE.has(this.get(aor, name)?.toLowerCase() ?? '');
  }

  set(aor: Uri, name: string, value: string): void {
    this.store.set(ownerOf(aor), name, value);
  }

  remove(aor: Uri, name: string): void {
    this.store.remove(ownerOf(aor), name);
  }
}

function ownerOf(aor: Uri): string {
  checkUri('the user of preferences', aor);
  return aorOf(aor);
}
