/** The request of a simulation: made of who calls whom, read from a file, or taken from a call's record. */
import { readFileSync } from 'node:fs';
import { TandemError } from '../base/errors.ts';
import { isIpAddress } from '../base/endpoint.ts';
import type { HostPort } from '../base/world.ts';
import { showCalls } from '../billing/call-list.ts';
import { SESSION } from '../server/dry-run-peers.ts';
import type { Way } from '../server/dry-run-net.ts';
import type { Settings } from '../server/settings.ts';
import { buildRequest } from '../sip/build.ts';
import type { SipRequest } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { parseUri, type Uri } from '../sip/uri.ts';
import { topVia } from '../sip/via.ts';
import type { Database } from '../store/sqlite.ts';

/** The words after `tandem sim`. */
export interface SimOptions {
  readonly from?: string;
  readonly to?: string;
  readonly invite?: string;
  readonly call?: string;
  readonly set?: readonly string[];
  readonly answer?: readonly string[];
  readonly script?: string;
}

/** What `--set` said. */
export interface SimFacts {
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly source: HostPort | undefined;
  readonly transport: Way | undefined;
  readonly proves: boolean;
  readonly wall: number | undefined;
  /** `sip.open_inbound` and its like, with their values. */
  readonly settings: ReadonlyMap<string, string>;
}

/** What is simulated. */
export interface SimRequest {
  readonly request: SipRequest;
  readonly path: { readonly from: HostPort; readonly way: Way };
}

/** Where a caller is of whom nothing is known. RFC 5737 */
const SOMEWHERE: HostPort = { host: '192.0.2.200', port: 5060 };
const WAYS: readonly Way[] = ['udp', 'tcp', 'tls', 'ws', 'wss'];
const KEYS = 'method, source, transport, auth, time, header.NAME or a setting such as sip.open_inbound';

/** Reads `key=value` pairs. Throws USAGE. */
export function parseFacts(pairs: readonly string[]): SimFacts {
  const settings = new Map<string, string>();
  const headers: (readonly [string, string])[] = [];
  const facts = { method: 'INVITE', proves: true } as { -readonly [K in keyof SimFacts]?: SimFacts[K] };
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    const [key, value] = [pair.slice(0, Math.max(0, equals)), pair.slice(equals + 1)];
    if (key === 'method') facts.method = value.toUpperCase();
    else if (key === 'source') facts.source = addressOf(value);
    else if (key === 'transport') facts.transport = wayOf(value);
    else if (key === 'auth') facts.proves = yesOrNo(pair, value);
    else if (key === 'time') facts.wall = wallOf(value);
    else if (key.startsWith('header.')) headers.push([key.slice('header.'.length), value]);
    else if (key.includes('.')) settings.set(key, value);
    else throw new TandemError('USAGE', `--set ${KEYS} expected, not ${pair}`);
  }
  const { method = 'INVITE', proves = true, source, transport, wall } = facts;
  return { method, proves, source, transport, wall, headers, settings };
}

/** The request that the options mean. `db`: undefined before the exchange has ever run. */
export async function simRequest(
  options: SimOptions,
  facts: SimFacts,
  settings: Settings,
  db: Database,
): Promise<SimRequest> {
  if (options.invite !== undefined) {
    const request = requestIn(options.invite);
    return { request, path: await pathOf(parseUri(uriIn(request.headers.get('From') ?? '')), facts, db) };
  }
  if (options.call !== undefined) return recorded(options.call, facts, db);
  const { from, to } = options;
  if (from === undefined || to === undefined) {
    throw new TandemError('USAGE', 'whose call? --from and --to, --invite or --call expected', {
      hint: 'tandem sim --from alice --to bob',
    });
  }
  const [caller, callee] = [await partyOf(from, settings, db), await partyOf(to, settings, db)];
  return made(caller, callee, `<${callee}>`, facts, await pathOf(parseUri(caller), facts, db));
}

/** As its record has it: who called whom, and from where. */
async function recorded(name: string, facts: SimFacts, db: Database): Promise<SimRequest> {
  const call = (await showCalls(db, name)).at(-1);
  if (call === undefined) {
    throw new TandemError('NOT_FOUND', `no call ${name}`, { hint: 'the newest ones:   tandem calls ls' });
  }
  const { from_uri: caller, to_uri: to, callee, source } = call;
  const path = await pathOf(parseUri(caller), { ...facts, source: facts.source ?? addressOf(source) }, db);
  const uri = callee.startsWith('+') && !callee.includes('@') ? `tel:${callee}` : `sip:${callee}`;
  return made(caller, uri, `<${to ?? uri}>`, facts, path);
}

function made(
  caller: string,
  uri: string,
  to: string,
  { method, headers }: SimFacts,
  path: SimRequest['path'],
): SimRequest {
  const { from, way } = path;
  const address = from.host.includes(':') ? `[${from.host}]:${from.port}` : `${from.host}:${from.port}`;
  const param = way === 'udp' ? '' : `;transport=${way === 'wss' ? 'ws' : way}`;
  const scheme = way === 'tls' ? 'sips' : 'sip';
  const talks = method === 'INVITE';
  const given = new Set(headers.map(([name]) => name.toLowerCase()));
  const usual: [string, string][] = [
    ['Via', `SIP/2.0/${way.toUpperCase()} ${address};rport;branch=z9hG4bKsim`],
    ['Max-Forwards', '70'],
    ['From', `<${caller}>;tag=sim`],
    ['To', to],
    ['Call-ID', `sim@${from.host}`],
    ['CSeq', `1 ${method}`],
    ['Contact', `<${scheme}:sim@${address}${param}>`],
  ];
  const request = buildRequest({
    method,
    uri,
    headers: [...usual.filter(([name]) => !given.has(name.toLowerCase())), ...headers],
    ...(talks ? { body: SESSION, contentType: 'application/sdp' } : {}),
  });
  return { request: checked(request.text), path };
}

/** A request from a file, with whatever ends of lines. */
function requestIn(file: string): SipRequest {
  let text: string;
  try {
    text = readFileSync(file, 'latin1');
  } catch (error) {
    throw new TandemError('NOT_FOUND', `no file ${file}`, { cause: error });
  }
  const lines = text.replaceAll(/\r?\n/g, '\r\n');
  return checked(lines.includes('\r\n\r\n') ? lines : `${lines.trimEnd()}\r\n\r\n`);
}

/** What would get no answer whatever the script says is refused: there is nothing to tell of it. */
function checked(text: string): SipRequest {
  const message = parseMessage(text);
  if (message.kind === 'bad') throw new TandemError('INVALID', message.why);
  if (message.kind === 'response') throw new TandemError('INVALID', 'a request expected, not a response');
  if (topVia(message.headers) === undefined)
    throw new TandemError(
      'INVALID',
      'Via is missing or malformed: nobody could be answered, so it would be dropped',
    );
  if (message.method === 'ACK')
    throw new TandemError('INVALID', 'an ACK is never answered', {
      hint: 'simulate the INVITE that it belongs to',
    });
  return message;
}

/** The URI of a From or To. */
export function uriIn(field: string): string {
  return /<([^>]*)>/.exec(field)?.[1] ?? field.split(';')[0]?.trim() ?? '';
}

/** `bob`, `bob@example.com`, `+4930…`, `sip:…` as a URI. */
async function partyOf(name: string, settings: Settings, db: Database): Promise<string> {
  if (/^(sips?|tel):/i.test(name)) return name;
  if (name.includes('@')) return `sip:${name}`;
  const [domain] = settings.sip.domains;
  if (domain !== undefined) return `sip:${name}@${domain}`;
  const rows = await db.selectFrom('subscriber').select('domain').distinct().limit(2).execute();
  if (rows.length === 1 && rows[0] !== undefined) return `sip:${name}@${rows[0].domain}`;
  throw new TandemError('USAGE', `${name} at which domain?`, { hint: `write it as ${name}@example.com` });
}

/** From where he calls: as `--set` says, from where he is registered, or from somewhere. */
async function pathOf({ user, host }: Uri, facts: SimFacts, db: Database): Promise<SimRequest['path']> {
  const { source, transport } = facts;
  if (source !== undefined) return { from: source, way: transport ?? 'udp' };
  const row = await db
    .selectFrom('location')
    .select(['contact', 'received'])
    .where('username', '=', user ?? '')
    .where('domain', '=', host)
    .orderBy('expires', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (row === undefined) return { from: SOMEWHERE, way: transport ?? 'udp' };
  const known = flowIn(row.received) ?? contactIn(row.contact);
  return { from: known?.from ?? SOMEWHERE, way: transport ?? known?.way ?? 'udp' };
}

/** `tcp:192.0.2.13:40000`: the flow that a phone registered by. */
function flowIn(received: string | null): SimRequest['path'] | undefined {
  if (received === null) return undefined;
  const colon = received.indexOf(':');
  return { from: addressOf(received.slice(colon + 1)), way: wayOf(received.slice(0, colon)) };
}

function contactIn(contact: string): SimRequest['path'] | undefined {
  const { host, port = SOMEWHERE.port, params } = parseUri(contact);
  if (!isIpAddress(host)) return undefined;
  return { from: { host, port }, way: WAYS.find((way) => way === params['transport']) ?? 'udp' };
}

function addressOf(text: string): HostPort {
  const { host, port = SOMEWHERE.port } = parseUri(`sip:${text}`);
  if (isIpAddress(host)) return { host, port };
  throw new TandemError('USAGE', `an address such as 192.0.2.7:5060 expected, not ${text}`);
}

function wayOf(text: string): Way {
  const way = WAYS.find((known) => known === text);
  if (way !== undefined) return way;
  throw new TandemError('USAGE', `a transport of ${WAYS.join(', ')} expected, not ${text}`);
}

function wallOf(text: string): number {
  const wall = Date.parse(/[zZ]|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}Z`);
  if (!Number.isNaN(wall)) return wall;
  throw new TandemError('USAGE', `a time such as 2026-12-24T18:00 (UTC) expected, not ${text}`);
}

function yesOrNo(pair: string, value: string): boolean {
  if (value === 'yes' || value === 'no') return value === 'yes';
  throw new TandemError('USAGE', `auth=yes or auth=no expected, not ${pair}`);
}
