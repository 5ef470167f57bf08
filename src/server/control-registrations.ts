/** `regs.ls` and `regs.rm` of a running exchange: the bindings in memory. */
import { z } from 'zod';
import { TandemError } from '../base/errors.ts';
import type { Clock } from '../base/world.ts';
import type { Contact } from '../location/contact.ts';
import type { Location } from '../location/location.ts';
import type { ControlHandler } from './control.ts';
import { contactDocument } from './control-documents.ts';
import { ROWS_MAX } from './control-queries.ts';

const PAGE = 1000;

const asked = z.strictObject({ user: z.string().optional() });
const named = z.strictObject({ user: z.string().includes('@') });

/** The handlers of `regs.ls` and `regs.rm`; between two pages calls have their turn. */
export function registrationCommands(
  location: Location,
  clock: Pick<Clock, 'now' | 'wall'>,
): Record<string, ControlHandler> {
  return {
    'regs.ls': async (args) => {
      const { success, data } = asked.safeParse(args);
      if (!success) throw new TandemError('INVALID', 'regs.ls takes a user or nothing');
      const contacts = await contactsOf(location, data.user);
      return contacts
        .map((contact) => contactDocument(contact, clock))
        .toSorted((a, b) => a.user.localeCompare(b.user, 'en'));
    },
    'regs.rm': async (args) => {
      const { success, data } = named.safeParse(args);
      if (!success) throw new TandemError('INVALID', 'regs.rm takes a user such as alice@example.com');
      const { removed, stored } = await location.removeAll(data.user);
      if (!stored)
        throw new TandemError('STORE_FAILED', `the registrations of ${data.user} stay as they were`);
      return { removed };
    },
  };
}

async function contactsOf(location: Location, user: string | undefined): Promise<readonly Contact[]> {
  if (user?.includes('@')) return location.lookup(user);
  const found: Contact[] = [];
  const filter = user === undefined ? {} : { filter: `${user}@` };
  let offset: number | undefined = 0;
  while (offset !== undefined && found.length < ROWS_MAX) {
    const page = location.list({ limit: Math.min(PAGE, ROWS_MAX - found.length), offset, ...filter });
    found.push(...page.contacts.filter(({ aor }) => user === undefined || aor.startsWith(`${user}@`)));
    offset = page.next;
    await new Promise(setImmediate);
  }
  return found;
}
