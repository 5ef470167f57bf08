/** Where the database is: a file in the data folder, or a server with its address. */
import { TandemError } from '../base/errors.ts';
import type { Dialect } from './dialect.ts';
import type { Synchronous } from './sqlite-connection.ts';

/** An SQLite file of ours. */
export interface FilePlace {
  readonly dialect: 'sqlite';
  readonly file: string;
  readonly synchronous: Synchronous;
}

/** A database on a server. */
export interface ServerPlace {
  readonly dialect: Exclude<Dialect, 'sqlite'>;
  /** With its password: never shown; see `placeName`. */
  readonly url: string;
}

/** Either. */
export type DatabasePlace = FilePlace | ServerPlace;

const SERVERS: Readonly<Record<string, ServerPlace['dialect']>> = {
  'postgres:': 'postgres',
  'postgresql:': 'postgres',
  'mysql:': 'mysql',
  'mariadb:': 'mysql',
};

/** Whether a text is the address of a server: `postgres://…`, `mysql://…`. */
export function isServerUrl(text: string): boolean {
  return URL.canParse(text) && SERVERS[new URL(text).protocol] !== undefined;
}

/** The server with that address; a password given apart goes into it. Throws SETTINGS_INVALID. */
export function serverPlace(text: string, password = ''): ServerPlace {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const dialect = SERVERS[url?.protocol ?? ''];
  if (url === undefined || dialect === undefined || url.pathname.length < 2) {
    throw new TandemError('SETTINGS_INVALID', 'the address of a database is none of a server and database', {
      hint: 'write it as postgres://tandem@db.example.com/tandem or mysql://tandem@db.example.com/tandem',
    });
  }
  if (password !== '') url.password = encodeURIComponent(password);
  // mysql2 knows one scheme.
  if (dialect === 'mysql') return { dialect, url: `mysql:${url.href.slice(url.protocol.length)}` };
  return { dialect, url: url.href };
}

/** For people: without its password. */
export function placeName(place: DatabasePlace): string {
  if (place.dialect === 'sqlite') return place.file;
  const url = new URL(place.url);
  url.password = '';
  url.search = '';
  return url.href;
}
