/** Who may what by his address: named groups of networks. */
import { TandemError } from '../base/errors.ts';
import type { PermissionService, PickSubject } from '../route/services.ts';
import { type AddressRule, AddressTable } from './address-table.ts';

/** Where the rules come from: the settings, a table of the database. */
export interface AddressRules {
  /** Every rule there is now. */
  list(): Iterable<AddressRule>;
}

/** See {@link PermissionService}. */
export class Permissions implements PermissionService {
  private readonly rules: AddressRules;
  private table = new AddressTable();
  private groups: ReadonlySet<string> = new Set();

  constructor(rules: AddressRules) {
    this.rules = rules;
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
    // A misspelt name must not silently keep everybody out, or in.
    if (!this.groups.has(group)) throw new TandemError('NOT_FOUND', `no address group ${group}`);
    return this.find(c, group) !== undefined;
  }

  groupOf(c: Pick<PickSubject, 'source'>): string | undefined {
    return this.find(c)?.group;
  }

  private find({ source }: Pick<PickSubject, 'source'>, group?: string): AddressRule | undefined {
    return this.table.find(source.remote.host, source.remote.port, source.transport, group);
  }
}
