/** `[data]` → where the database is. Secrets come from a file or the environment, so that tandem.toml needs none. */
import { readFileSync } from 'node:fs';
import { TandemError } from '../base/errors.ts';
import { serverPlace } from '../store/database-place.ts';
import type { DatabasePlace } from '../store/database-place.ts';
import { databaseFile } from './settings.ts';
import type { Settings } from './settings.ts';

/** Wins over `[data] url`. */
export const URL_VARIABLE = 'TANDEM_DATA_URL';
/** Wins over `[data] password_file`. */
export const PASSWORD_VARIABLE = 'TANDEM_DATA_PASSWORD';

type Environment = Readonly<Record<string, string | undefined>>;

/** The database of these settings: the file in the data folder, unless they name a server. */
export function databaseOf(
  settings: Pick<Settings, 'data'>,
  environment: Environment = process.env,
): DatabasePlace {
  const { folder, synchronous, url: written, password_file: file } = settings.data;
  const url = environment[URL_VARIABLE] ?? written;
  if (url === '') {
    const mode = synchronous === 'full' ? 'FULL' : 'NORMAL';
    return { dialect: 'sqlite', file: databaseFile(folder), synchronous: mode };
  }
  return serverPlace(url, environment[PASSWORD_VARIABLE] ?? (file === '' ? '' : readPassword(file)));
}

function readPassword(file: string): string {
  try {
    return readFileSync(file, 'utf8').trimEnd();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TandemError('SETTINGS_INVALID', `cannot read [data] password_file: ${why}`, { cause });
  }
}
