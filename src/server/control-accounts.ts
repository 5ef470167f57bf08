/** The commands that change accounts: the same in a running exchange and, without one, on its database. */
import { z } from 'zod';
import { TandemError } from '../base/errors.ts';
import type { Provisions } from '../subscriber/provisions.ts';
import type { Subscriber, Subscribers } from '../subscriber/subscribers.ts';
import type { ControlHandler } from './control.ts';
import type { ImportDocument, UserDocument } from './control-documents.ts';

/** Accounts of one import command; the command line sends longer files in parts. */
export const IMPORT_USERS_MAX = 500;

const named = z.strictObject({ user: z.string() });
const withPassword = z.strictObject({ user: z.string(), password: z.string() });
const batch = z.strictObject({
  users: z
    .array(
      z.strictObject({
        user: z.string(),
        password: z.string().optional(),
        ha1: z.string().optional(),
        ha1Sha256: z.string().optional(),
      }),
    )
    .max(IMPORT_USERS_MAX),
});

/** One record of an import: a password, or the hashes another server made of it. */
export type ImportUser = z.output<typeof batch>['users'][number];

/** Handlers for `users.add`, `users.set`, `users.rm` and `users.import`. */
export function accountCommands(
  subscribers: Subscribers,
  provisions?: Provisions,
): Record<string, ControlHandler> {
  return {
    'users.add': async (args) => documentOf(await subscribers.add(account(checked(withPassword, args)))),
    'users.set': async (args) => documentOf(await subscribers.set(account(checked(withPassword, args)))),
    'users.rm': async (args) => {
      const { user, domain } = account(checked(named, args));
      // First what is his: whoever gets the name later must not inherit rights, numbers or forwarding.
      const known = subscribers.find(user, domain);
      if (known !== undefined) await provisions?.removeOf(known.user, known.domain);
      return documentOf(await subscribers.remove({ user, domain }));
    },
    'users.import': (args) => importUsers(subscribers, checked(batch, args).users),
  };
}

/** What becomes of the records; one that is refused spoils no other. `row` counts from 1. */
export async function importUsers(
  subscribers: Subscribers,
  users: readonly ImportUser[],
): Promise<ImportDocument> {
  const { added, changed, refused } = await subscribers.import(users.map(account));
  return { added, changed, refused: refused.map(({ row, error }) => ({ row, reason: error.message })) };
}

/** `alice@example.com` in two; what is wrong with either is told by Subscribers. */
function account<T extends { readonly user: string }>(named: T): T & { domain: string } {
  const at = named.user.lastIndexOf('@');
  if (at < 0) return { ...named, domain: '' };
  return { ...named, user: named.user.slice(0, at), domain: named.user.slice(at + 1) };
}

function documentOf({ user, domain, createdAt }: Subscriber): UserDocument {
  return { user: `${user}@${domain}`, createdAt: new Date(createdAt).toISOString() };
}

function checked<T>(schema: z.ZodType<T>, args: unknown): T {
  const result = schema.safeParse(args);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new TandemError('INVALID', `${issue?.path.join('.')}: ${issue?.message}`);
}
