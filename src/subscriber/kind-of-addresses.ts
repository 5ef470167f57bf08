/**
 * Networks that are trusted without credentials: the table `address`. A row whose context names an account stands for
 * it; any other belongs to the group of its number.
 */
import { isIpAddress } from '../base/endpoint.ts';
import { TandemError } from '../base/errors.ts';
import { parseNetwork as parseExactNetwork } from '../base/network.ts';
import { accountProblem } from './account-name.ts';
import { type AddressRule, AddressTable, parseNetwork, RULES_MAX } from './address-table.ts';
import { field, optional, splitAccount, whole, words } from './field.ts';
import { type Columns, type Kind, numberOrNull, text, textOrNull } from './kind.ts';
import { Shelf } from './shelf.ts';

/** A network in a group. */
export interface TrustedAddress {
  /** As settings have it: `192.0.2.0/24`, `udp:192.0.2.7:5060`, `[2001:db8::]/32`. */
  readonly address: string;
  readonly group: number;
  /** The account that it stands for, or what people say of it. */
  readonly context: string | null;
  /** What OpenSIPS wants to match as well; nothing of ours looks at it. */
  readonly pattern: string | null;
}

/** The width of the columns. */
const TEXT_MAX = 64;
const GROUP_MAX = 2_147_483_647;
const ANY = 'any';
const KEY = ['grp', 'ip', 'mask', 'port', 'proto'];

const network = field(
  'a network such as 192.0.2.0/24, udp:192.0.2.7:5060 or [2001:db8::]/32, without bits behind its prefix',
  (given) => {
    const parts = parseNetwork(given.toLowerCase());
    const isExact = parts && parseExactNetwork(`${parts.host}/${parts.bits}`) !== undefined;
    return isExact ? printNetwork(parts) : undefined;
  },
);

/** See above. */
export const addresses: Kind<TrustedAddress> = {
  name: 'addresses',
  one: 'address',
  about: 'networks that are trusted without a password: peers and trunks that are known by their address',
  table: 'address',
  fields: {
    address: network,
    group: whole('the number of its group', 0, GROUP_MAX),
    context: optional(
      words('the account that it stands for, such as pbx@example.com, or what it is', TEXT_MAX),
      null,
    ),
    pattern: optional(words('kept for OpenSIPS, which compares it; not looked at here', TEXT_MAX), null),
  },
  keyFields: 2,
  rowsMax: RULES_MAX,
  ownerOf: ({ context }) => accountIn(context ?? '') ?? '',
  columnsOf: ({ address, group, context, pattern }) => {
    const { host = address, bits = 0, port = 0, transport = ANY } = parseNetwork(address) ?? {};
    return { grp: group, ip: host, mask: bits, port, proto: transport, context_info: context, pattern };
  },
  rowOf: (columns) => {
    const rule = ruleIn(columns);
    new AddressTable().add(rule); // Throws INVALID when it is no network.
    return {
      address: printNetwork(rule),
      group: numberOrNull(columns, 'grp') ?? 0,
      context: textOrNull(columns, 'context_info'),
      pattern: textOrNull(columns, 'pattern'),
    };
  },
  // The table takes several rows of one name, so the old one is taken out first.
  upsert: [
    { statement: 'deleteAddress', columns: KEY },
    {
      statement: 'insertAddress',
      columns: ['grp', 'ip', 'mask', 'port', 'proto', 'pattern', 'context_info'],
    },
  ],
  remove: { statement: 'deleteAddress', columns: KEY },
};

/** All of them, and the rules they make. */
export class TrustedAddresses extends Shelf<TrustedAddress> {
  /** What decides of a request by its source. */
  *list(): Iterable<AddressRule> {
    for (const { address, group, context } of this.values()) {
      const parts = parseNetwork(address);
      if (parts !== undefined) yield { group: accountIn(context ?? '') ?? String(group), ...parts };
    }
  }
}

/** The account that a context names. */
function accountIn(context: string): string | undefined {
  const { user, domain } = splitAccount(context);
  return accountProblem(user, domain) === '' ? `${user}@${domain.toLowerCase()}` : undefined;
}

function ruleIn(columns: Columns): AddressRule {
  const host = text(columns, 'ip');
  const proto = text(columns, 'proto').toLowerCase();
  if (!isIpAddress(host))
    throw new TandemError('INVALID', `expected an address, not ${JSON.stringify(host)}`);
  return {
    group: '',
    host,
    bits: numberOrNull(columns, 'mask') ?? undefined,
    port: numberOrNull(columns, 'port') ?? undefined,
    transport: proto === ANY || proto === '' ? undefined : proto,
  };
}

/** As `parseNetwork` reads it. */
function printNetwork({ host, bits, port = 0, transport }: Omit<AddressRule, 'group'>): string {
  const isIp6 = host.includes(':');
  const isWhole = bits === undefined || bits === (isIp6 ? 128 : 32);
  const way = transport === undefined ? '' : `${transport}:`;
  return `${way}${isIp6 ? `[${host}]` : host}${isWhole ? '' : `/${bits}`}${port === 0 ? '' : `:${port}`}`;
}
