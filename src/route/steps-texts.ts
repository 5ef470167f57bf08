/**
 * Values as recorded steps show them: short, on one line, and without what is secret. A text is shown only where a
 * service is known to be asked about names and numbers; of any other service nobody knows what its texts are.
 */
import { TandemError } from '../base/errors.ts';
import type { Uri } from '../sip/uri.ts';

/** Stands for a text that is not shown. */
export const HIDDEN = '…';

/** Targets and inputs that are shown one by one; of more only the number. */
const SHOWN_MAX = 4;

/** How a text is shown: as it is, of a URL scheme and host alone, or not at all. */
export type Shown = 'text' | 'origin' | 'hidden';

/** What of a service's inputs and result may be seen beside numbers, URIs and yes or no. */
export interface Openness {
  readonly inputs: Shown;
  readonly result: Shown;
}

const OPEN: Openness = { inputs: 'text', result: 'text' };
const CLOSED: Openness = { inputs: 'hidden', result: 'hidden' };

/** Services by `group.method`. Whoever adds one decides what its texts are. */
const SERVICES: Readonly<Record<string, Openness>> = {
  'domains.isLocal': OPEN,
  'location.lookup': OPEN,
  'pool.pick': OPEN,
  'pool.markDown': OPEN,
  'numbers.e164': OPEN,
  'numbers.isEmergency': OPEN,
  'numbers.isShortCode': OPEN,
  'permissions.isIn': OPEN,
  'permissions.groupOf': OPEN,
  'callers.rightFor': OPEN,
  'callers.isIn': OPEN,
  'callers.meant': OPEN,
  'callers.objection': OPEN,
  'callees.find': OPEN,
  'schedules.isOpen': OPEN,
  // A preference may be somebody's PIN: its name is shown, its value is not.
  'preferences.isSet': OPEN,
  'preferences.get': { inputs: 'text', result: 'hidden' },
  'preferences.remove': { inputs: 'text', result: 'hidden' },
  'http.fetch': { inputs: 'origin', result: 'hidden' },
  'log.debug': OPEN,
  'log.info': OPEN,
  'log.warn': OPEN,
  'log.error': OPEN,
};

/** Of a service, by its name. */
export function opennessOf(service: string): Openness {
  return Object.hasOwn(SERVICES, service) ? (SERVICES[service] ?? CLOSED) : CLOSED;
}

/** Takes a text in pieces. */
export interface Pieces {
  add(piece: string): void;
  addUri(uri: Uri): void;
}

/** Makes one text of them. */
export class Text implements Pieces {
  text = '';

  add(piece: string): void {
    this.text += piece;
  }

  addUri(uri: Uri): void {
    addPlainUri(uri, this);
  }
}

/** What a service was asked: contexts are left out, since every step is about its call. */
export function printInputs(inputs: readonly unknown[], shown: Shown, to: Pieces): void {
  let isFirst = true;
  for (const input of inputs) {
    const uri = plainUriOf(input);
    const part = uri !== undefined || input === undefined ? '' : printValue(input, shown);
    if (uri === undefined && part === '') continue;
    if (!isFirst) to.add(', ');
    if (uri === undefined) to.add(part);
    else to.addUri(uri);
    isFirst = false;
  }
}

/** What it answered. */
export function printValue(value: unknown, shown: Shown): string {
  switch (typeof value) {
    case 'undefined':
      return 'nothing';
    case 'boolean':
      return value ? 'yes' : 'no';
    case 'number':
      return String(value);
    case 'string':
      return printText(value, shown);
    case 'object':
      return value === null ? 'nothing' : printObject(value, shown);
    default:
      return HIDDEN;
  }
}

/** Of what was thrown its code alone: a message may quote what is secret. */
export function printThrown(error: unknown): string {
  return `threw ${error instanceof TandemError ? error.code : error instanceof Error ? error.name : HIDDEN}`;
}

/** A URI without its parameters, and without the password that may stand in it. RFC 3261 §19.1.1 */
export function printPlainUri(uri: Uri): string {
  const text = new Text();
  addPlainUri(uri, text);
  return text.text;
}

/** The same in pieces. */
export function addPlainUri({ scheme, user, host, port }: Uri, to: Pieces): void {
  to.add(scheme);
  to.add(':');
  const hasUser = typeof user === 'string'; // From JSON it may be null.
  if (hasUser) to.add(user);
  if (scheme === 'tel') return;
  if (hasUser) to.add('@');
  if (host.includes(':')) to.add(`[${host}]`);
  else to.add(host);
  if (port !== undefined) to.add(`:${port}`);
}

/** The URI that is all that is shown of this value, where there is one. */
export function plainUriOf(value: unknown): Uri | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value)) return value.length === 1 ? plainUriOf(value[0]) : undefined;
  if (isUri(value)) return value;
  const { source, uri, method } = value as { source?: unknown; uri?: unknown; method?: unknown };
  return source === undefined && method === undefined && isUri(uri) ? uri : undefined;
}

function printText(text: string, shown: Shown): string {
  if (shown === 'text') return text;
  return shown === 'origin' && URL.canParse(text) ? new URL(text).origin : HIDDEN;
}

function printObject(value: object, shown: Shown): string {
  if (Array.isArray(value)) return printList(value, shown);
  if (isUri(value)) return printPlainUri(value);
  if ('source' in value) return ''; // A context.
  if ('uri' in value && isUri(value.uri)) {
    const uri = printPlainUri(value.uri);
    return 'method' in value ? `${String(value.method)} ${uri}` : uri;
  }
  if ('do' in value)
    return 'status' in value ? `${String(value.do)} ${String(value.status)}` : String(value.do);
  if ('user' in value && 'domain' in value) return `${String(value.user)}@${String(value.domain)}`;
  if ('status' in value && typeof value.status === 'number') {
    const reason = 'reason' in value && shown === 'text' ? ` ${String(value.reason)}` : '';
    return `${value.status}${reason}`;
  }
  return ''; // Options.
}

function printList(values: readonly unknown[], shown: Shown): string {
  if (values.length === 0) return 'none';
  if (values.length > SHOWN_MAX) return `${values.length} of them`;
  return values.map((value) => printValue(value, shown) || HIDDEN).join(', ');
}

/** Whether it is one, whoever made it. */
export function isUri(value: unknown): value is Uri {
  if (typeof value !== 'object' || value === null) return false;
  const { scheme, host } = value as Partial<Uri>; // To ask whether they are there takes many times as long.
  return typeof scheme === 'string' && typeof host === 'string';
}
