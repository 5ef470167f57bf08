/** Who may what by his address: named groups of networks. */
import { TandemError } from '../base/errors.ts';
import type { Clock } from '../base/world.ts';
import type { PermissionService, PickSubject } from '../route/services.ts';
import { type AddressRule, AddressTable } from './address-table.ts';

/** Where the rules come from: the settings, a table of the database. */
export interface AddressRules {
  /** Every rule there is now. */
  list(): Iterable<AddressRule>;
  /** Another one when the rules are others; none when they never are. */
  readonly version?: number;
}

/** What changing rules take. */
export interface FollowingRules {
  readonly clock: Pick<Clock, 'now'>;
  /** The new rules cannot be used; the old ones stay. */
  readonly failed: (why: TandemError) => void;
}

/** Reading the rules anew takes this part of the time at most, while they change all the time. */
const RELOAD_SHARE = 0.1;

/** See {@link PermissionService}. */
export class Permissions implements PermissionService {
  private readonly rules: AddressRules;
  private table = new AddressTable();
  private groups: ReadonlySet<string> = new Set();
  private readonly following: FollowingRules | undefined;
  /** Of the rules that were read last. */
  private version: number | undefined;
  private mayReloadAt = 0;

  /** `following`: needed by rules that have a version. */
  constructor(rules: AddressRules, following?: FollowingRules) {
    this.rules = rules;
    this.following = following;
    this.version = rules.version;
    this.reload();
  }

  /** Reads the rules again; if one of them is wrong the old ones stay, and that is thrown. */
  reload(): void {
    const table = new AddressTable();
    const groups = new Set<string>();
    for (const rule of this.rules.list()) {
      table.add(rule);
      groups.add(rule.group);
    }
    this.table = table;
    this.groups = groups;
  }

  isIn(group: string, c: Pick<PickSubject, 'source'>): boolean {
    if (this.rules.version !== this.version) this.follow();
    // A misspelt name must not silently keep everybody out, or in.
    if (!this.groups.has(group)) throw new TandemError('NOT_FOUND', `no address group ${group}`);
    return this.find(c, group) !== undefined;
  }

  groupOf(c: Pick<PickSubject, 'source'>): string | undefined {
    if (this.rules.version !== this.version) this.follow();
    return this.find(c)?.group;
  }

  /** Reads rules that have changed, at once unless there are so many that calls would wait for it again and again. */
  private follow(): void {
    if (this.following === undefined) return;
    const { clock, failed } = this.following;
    const begun = clock.now();
    if (begun < this.mayReloadAt) return;
    this.version = this.rules.version;
    try {
      this.reload();
    } catch (error) {
      if (!(error instanceof TandemError)) throw error;
      failed(error);
    }
    const ended = clock.now();
    this.mayReloadAt = ended + (ended - begun) / RELOAD_SHARE;
  }

  private find({ source }: Pick<PickSubject, 'source'>, group?: string): AddressRule | undefined {
    return this.table.find(source.remote.host, source.remote.port, source.transport, group);
  }
}
