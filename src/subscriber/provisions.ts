/** All that operators and users provision beside accounts: one shelf a kind. */
import { accountKey } from './account-name.ts';
import { addresses, TrustedAddresses } from './kind-of-addresses.ts';
import { type AnyShelf, type Follower, Shelf, type ShelfParts } from './shelf.ts';
import {
  type Alias,
  aliases,
  type Forward,
  forwards,
  type GlobalEntry,
  globalList,
  groups,
  type ListEntry,
  lists,
  type Membership,
  type Preference,
  preferences,
  type SpeedDial,
  speedDials,
} from './kinds-of-users.ts';
import {
  type Domain,
  domains,
  numbers,
  type OwnNumber,
  type RingGroup,
  ringGroups,
  type RingMember,
  ringMembers,
  type Schedule,
  schedules,
} from './kinds-of-domains.ts';

/** Every kind, as commands list them. */
export const kinds = [
  domains,
  numbers,
  aliases,
  groups,
  lists,
  globalList,
  speedDials,
  forwards,
  ringGroups,
  ringMembers,
  schedules,
  preferences,
  addresses,
] as const;

/** The name of one. */
export type KindName = (typeof kinds)[number]['name'];

/** See above. */
export class Provisions {
  readonly domains: Shelf<Domain>;
  readonly numbers: Shelf<OwnNumber>;
  readonly aliases: Shelf<Alias>;
  readonly groups: Shelf<Membership>;
  readonly lists: Shelf<ListEntry>;
  readonly globalList: Shelf<GlobalEntry>;
  readonly speedDials: Shelf<SpeedDial>;
  readonly forwards: Shelf<Forward>;
  readonly ringGroups: Shelf<RingGroup>;
  readonly ringMembers: Shelf<RingMember>;
  readonly schedules: Shelf<Schedule>;
  readonly preferences: Shelf<Preference>;
  readonly addresses: TrustedAddresses;
  readonly all: readonly AnyShelf[];

  constructor(parts: ShelfParts) {
    this.domains = new Shelf(domains, parts);
    this.numbers = new Shelf(numbers, parts);
    this.aliases = new Shelf(aliases, parts);
    this.groups = new Shelf(groups, parts);
    this.lists = new Shelf(lists, parts);
    this.globalList = new Shelf(globalList, parts);
    this.speedDials = new Shelf(speedDials, parts);
    this.forwards = new Shelf(forwards, parts);
    this.ringGroups = new Shelf(ringGroups, parts);
    this.ringMembers = new Shelf(ringMembers, parts);
    this.schedules = new Shelf(schedules, parts);
    this.preferences = new Shelf(preferences, parts);
    this.addresses = new TrustedAddresses(addresses, parts);
    this.all = Object.values(this).filter((part): part is AnyShelf => part instanceof Shelf);
  }

  /** Everything that is kept current while others change the database. */
  get followers(): readonly Follower[] {
    return this.all;
  }

  /** Whether a domain was provisioned, itself or as a subdomain. */
  isDomain(host: string): boolean {
    if (this.domains.size === 0) return false;
    if (this.domains.get(host) !== undefined) return true;
    for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1))
      if (this.domains.get(host.substring(dot + 1))?.subdomains === true) return true;
    return false;
  }

  /** The account that has this other name. */
  aliasOf(user: string, domain: string): string | undefined {
    return this.aliases.size === 0 ? undefined : this.aliases.get(`${user}\t${domain}`)?.user;
  }

  /** Whether a user is in a group, himself or as one of his domain. */
  isIn(group: string, user: string, domain: string): boolean {
    if (this.groups.size === 0) return false;
    const isMember = this.groups.get(`${user}\t${domain}\t${group}`) !== undefined;
    return isMember || this.groups.get(`*\t${domain}\t${group}`) !== undefined;
  }

  /** What a user, or else his domain, has under this name. */
  preference(user: string, domain: string, name: string): string | undefined {
    if (this.preferences.size === 0) return undefined;
    const own = this.preferences.get(`${user}\t${domain}\t${name}`);
    return (own ?? this.preferences.get(`\t${domain}\t${name}`))?.value;
  }

  /** Takes out all that belonged to an account. */
  async removeOf(user: string, domain: string): Promise<void> {
    const owner = accountKey(user, domain);
    for (const shelf of this.all) if (shelf !== this.numbers) await shelf.removeOf(owner);
    for (const { number } of this.numbers.ofOwner(owner)) await this.numbers.set({ number, target: null });
  }
}
