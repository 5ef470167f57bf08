/** tandem.toml → Settings: read, checked, and explained when wrong. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import type { z } from 'zod';
import { TandemError } from '../base/errors.ts';
import { placeAuth } from './settings-auth.ts';
import { nearest } from './settings-nearest.ts';
import { keyLines } from './settings-lines.ts';
import { settingsSchema } from './settings-schema.ts';
import type { Settings, SettingsInput } from './settings-schema.ts';

export { parseListen, printEntry, printListen } from './settings-schema.ts';
export type { ListenAddress, Settings, SettingsInput } from './settings-schema.ts';

/** Read when no other file is named and it is there. */
export const SETTINGS_FILE = 'tandem.toml';

/** The script an exchange runs until it is given one of its own. */
export const BUNDLED_SCRIPT = resolve(import.meta.dirname, '../../examples/registrar-proxy.ts');

/** The database in a data folder. */
export function databaseFile(dataFolder: string): string {
  return join(dataFolder, 'tandem.sqlite');
}

/** Where a value came from, and on which line each key stands. */
interface Source {
  readonly file: string;
  readonly lines: ReadonlyMap<string, number>;
}

type Issue = z.core.$ZodIssue;

/**
 * The settings of `file`, else of ./tandem.toml if there is one, else the defaults; `overrides` win over all.
 * Throws SETTINGS_INVALID, which names the file, the line, and the key that was probably meant.
 */
export function loadSettings(file: string | undefined, overrides: SettingsInput = {}): Settings {
  const path = file ?? (existsSync(SETTINGS_FILE) ? SETTINGS_FILE : undefined);
  const text = path === undefined ? '' : readSettings(path);
  const source = { file: path ?? 'settings', lines: keyLines(text) };
  const written = check(source, parseToml(source.file, text));
  const folder = dirname(resolve(path ?? SETTINGS_FILE));
  const placed = place(written, (name) => resolve(folder, name));
  const wins = place(overrides, (name) => resolve(name));
  const settings = settingsSchema.safeParse(merge(placed, wins));
  if (!settings.success)
    throw invalid({ file: 'command line', lines: new Map() }, settings.error.issues, wins);
  return settings.data;
}

function readSettings(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const what = `cannot read the settings file ${file}`;
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')
      throw new TandemError('NOT_FOUND', `${what}: there is none`, { cause });
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TandemError('SETTINGS_INVALID', `${what}: ${why}`, { cause });
  }
}

function parseToml(file: string, text: string): unknown {
  try {
    return parse(text, { unsafeKeyBehaviour: 'throw' });
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    const what = (cause.message.split('\n')[0] ?? '').replace('Invalid TOML document: ', '');
    throw new TandemError('SETTINGS_INVALID', `${file}:${cause.line}: ${what}`, { cause });
  }
}

/** Answers with what was written, so that defaults come in only once, after the overrides. */
function check(source: Source, written: unknown): SettingsInput {
  const result = settingsSchema.safeParse(written);
  if (!result.success) throw invalid(source, result.error.issues, written);
  return written as SettingsInput;
}

/** Makes the paths absolute: those of a file are meant from where the file lies. */
function place(settings: SettingsInput, absolute: (name: string) => string): SettingsInput {
  const { data, script, tls, ...rest } = placeAuth(settings, absolute);
  return {
    ...rest,
    data: placeData(data, absolute),
    ...(tls === undefined ? {} : { tls: placeTls(tls, absolute) }),
    script: {
      ...script,
      ...(script?.file === undefined ? {} : { file: absoluteScript(script.file, absolute) }),
    },
  };
}

function placeTls(
  tls: NonNullable<SettingsInput['tls']>,
  absolute: (name: string) => string,
): NonNullable<SettingsInput['tls']> {
  const { certificates, authorities = '' } = tls;
  const placed = certificates?.map((one) => ({
    certificate: absolute(one.certificate),
    key: absolute(one.key),
  }));
  return {
    ...tls,
    ...(placed === undefined ? {} : { certificates: placed }),
    ...(authorities === '' ? {} : { authorities: absolute(authorities) }),
  };
}

function placeData(
  data: SettingsInput['data'],
  absolute: (name: string) => string,
): NonNullable<SettingsInput['data']> {
  const { folder, password_file: password = '' } = data ?? {};
  return {
    ...data,
    ...(folder === undefined ? {} : { folder: absolute(folder) }),
    ...(password === '' ? {} : { password_file: absolute(password) }),
  };
}

function absoluteScript(name: string, absolute: (name: string) => string): string {
  return name === '' ? BUNDLED_SCRIPT : absolute(name);
}

function merge(under: SettingsInput, over: SettingsInput): SettingsInput {
  const sections = Object.keys(settingsSchema.unwrap().shape) as (keyof SettingsInput)[];
  const [below, above]: { readonly [name in keyof SettingsInput]?: object | undefined }[] = [under, over];
  const defaults = { data: { folder: resolve('data') }, script: { file: BUNDLED_SCRIPT } };
  return Object.fromEntries(
    sections.map((name) => [
      name,
      { ...(name === 'data' || name === 'script' ? defaults[name] : {}), ...below?.[name], ...above?.[name] },
    ]),
  );
}

// ─── what is wrong, in words ──────────────────────────────────────────────────────────────────────

function invalid(source: Source, issues: readonly Issue[], written: unknown): TandemError {
  const complaints = issues.flatMap((issue) => complaintsOf(source, issue, written));
  const hint = 'every key with its default: docs/configuration.md';
  return new TandemError('SETTINGS_INVALID', complaints.join('\n'), { hint });
}

function complaintsOf(source: Source, issue: Issue, written: unknown): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => at(source, [...issue.path, key], `unknown key ${unknownKey(issue, key)}`));
  }
  const name = issue.path.filter((part) => typeof part === 'string').join('.');
  const actual = issue.path.reduce<unknown>(valueIn, written);
  return [at(source, issue.path, `${name} must be ${expectation(issue)}, not ${printValue(actual)}`)];
}

function unknownKey(issue: Issue, key: string): string {
  const full = [...issue.path, key].join('.');
  const meant = nearest(full.toLowerCase(), settingNames());
  return meant === undefined ? full : `${full}; did you mean ${meant}?`;
}

/** Every section, and every key in full: `sip`, `sip.listen`, … */
export function settingNames(): string[] {
  return Object.entries(settingsSchema.unwrap().shape).flatMap(([section, schema]) => {
    const inner = schema.unwrap().unwrap();
    return [section, ...Object.keys(inner.shape).map((key) => `${section}.${key}`)];
  });
}

function expectation(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return EXPECTED_TYPES[issue.expected] ?? `a ${issue.expected}`;
    case 'invalid_value':
      return issue.values.map((value) => printValue(value)).join(' or ');
    case 'too_small':
      if (issue.origin === 'string')
        return `a text of ${issue.minimum} ${issue.minimum === 1 ? 'character' : 'characters'} or more`;
      return issue.origin === 'array' ? `a list of ${issue.minimum} or more` : `${issue.minimum} or more`;
    case 'too_big':
      if (issue.origin === 'string') return `a text of ${issue.maximum} characters or fewer`;
      return issue.origin === 'array' ? `a list of ${issue.maximum} or fewer` : `${issue.maximum} or less`;
    default:
      return issue.message;
  }
}

const EXPECTED_TYPES: Readonly<Record<string, string>> = {
  string: 'a text in quotes',
  array: 'a list in brackets',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a whole number',
  object: 'a section',
};

function printValue(value: unknown): string {
  return JSON.stringify(value) ?? 'nothing';
}

function valueIn(value: unknown, key: PropertyKey): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Record<PropertyKey, unknown>)[key]
    : undefined;
}

/** `tandem.toml:3: …`; what has no line of its own is told by that of what it stands in. */
function at(source: Source, path: readonly PropertyKey[], what: string): string {
  for (let length = path.length; length > 0; length--) {
    const line = source.lines.get(placeOf(path.slice(0, length)));
    if (line !== undefined) return `${source.file}:${line}: ${what}`;
  }
  return `${source.file}: ${what}`;
}

/** `trunk.pools[1].name`, as `keyLines` has it. */
function placeOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (name, part) =>
      typeof part === 'number' ? `${name}[${part}]` : `${name}${name === '' ? '' : '.'}${String(part)}`,
    '',
  );
}
