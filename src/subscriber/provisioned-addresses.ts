/**
 * Networks of the table `address`: trusted without credentials. They are provisioned with SQL, or taken over from
 * OpenSIPS. A row whose `context_info` names an account stands for it; any other belongs to the group of its number.
 */
import { TandemError } from '../base/errors.ts';
import { accountProblem } from './account-name.ts';
import { type AddressRule, AddressTable } from './address-table.ts';
import { splitAccount } from './field.ts';
import { type Columns, numberOrNull, text } from './kind.ts';
import type { Follower, ShelfParts } from './shelf.ts';

/** See above. Nobody changes them here. */
export class ProvisionedAddresses implements Follower {
  readonly table = 'address';
  private readonly unreadable: ShelfParts['unreadable'];
  private readonly rules = new Map<string, AddressRule>();

  constructor({ unreadable }: Pick<ShelfParts, 'unreadable'>) {
    this.unreadable = unreadable;
  }

  /** All of them. */
  list(): Iterable<AddressRule> {
    return this.rules.values();
  }

  keys(): Iterable<string> {
    return this.rules.keys();
  }

  restore(rows: readonly Columns[]): void {
    for (const columns of rows) this.apply(text(columns, 'id'), columns);
  }

  beginReading(): void {} // We change none.

  apply(key: string, columns: Columns | undefined): void {
    this.rules.delete(key);
    if (columns === undefined) return;
    const rule = ruleOf(columns);
    try {
      new AddressTable().add(rule);
      this.rules.set(key, rule);
    } catch (error) {
      if (!(error instanceof TandemError)) throw error;
      this.unreadable(this.table, `${key}: ${error.message}`);
    }
  }
}

function ruleOf(columns: Columns): AddressRule {
  const named = text(columns, 'context_info');
  const { user, domain } = splitAccount(named);
  const proto = text(columns, 'proto').toLowerCase();
  return {
    group: accountProblem(user, domain) === '' ? `${user}@${domain.toLowerCase()}` : text(columns, 'grp'),
    host: text(columns, 'ip'),
    bits: numberOrNull(columns, 'mask') ?? undefined,
    port: numberOrNull(columns, 'port') ?? undefined,
    transport: proto === 'any' || proto === '' ? undefined : proto,
  };
}
