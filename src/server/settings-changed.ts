/** Which settings are others in the file by now: all of them are read at the start, and no reload applies one. */
import { isDeepStrictEqual } from 'node:util';
import { TandemError } from '../base/errors.ts';
import type { Settings } from './settings.ts';

/** What a restart would bring. */
export interface SettingsNews {
  /** `[trunk] pools` and its like. */
  readonly changed: readonly string[];
  /** Why the settings could not be read, and a start would fail; null when they could. */
  readonly unreadable: string | null;
}

/** Compares those that run with those that a start would read now. */
export function settingsNews(running: Settings, readAgain: () => Settings): SettingsNews {
  try {
    return { changed: changedSettings(running, readAgain()), unreadable: null };
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
    return { changed: [], unreadable: error.message };
  }
}

function changedSettings(running: Settings, next: Settings): string[] {
  // The schema has sections with keys, and nothing else.
  const sections = Object.entries(next) as [keyof Settings, Readonly<Record<string, unknown>>][];
  return sections.flatMap(([section, keys]) => {
    const before: Readonly<Record<string, unknown>> = running[section];
    return Object.keys(keys)
      .filter((key) => !isDeepStrictEqual(before[key], keys[key]))
      .map((key) => `[${section}] ${key}`);
  });
}
