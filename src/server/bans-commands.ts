/** `bans.ls`, `bans.add` and `bans.rm` of a running exchange. */
import { z } from 'zod';
import { TandemError } from '../base/errors.ts';
import type { Ban, Bans } from './bans.ts';
import type { ControlHandler } from './control.ts';

/** A ban as it is shown. */
export interface BanDocument {
  readonly source: string;
  readonly reason: string;
  readonly since: string;
  readonly until: string;
}

const added = z.strictObject({ source: z.string(), reason: z.string(), seconds: z.number() });
const named = z.strictObject({ source: z.string() });

/** Handlers for the commands on bans. */
export function banCommands(bans: Bans): Record<string, ControlHandler> {
  return {
    'bans.ls': () => Promise.resolve(bans.list().map(banDocument)),
    'bans.add': (args) => {
      const { source, reason, seconds } = checked(added, args);
      return Promise.resolve(banDocument(bans.add(source, reason, seconds)));
    },
    'bans.rm': (args) => Promise.resolve(banDocument(bans.remove(checked(named, args).source))),
  };
}

function banDocument({ source, reason, since, until }: Ban): BanDocument {
  return { source, reason, since: new Date(since).toISOString(), until: new Date(until).toISOString() };
}

function checked<T>(schema: z.ZodType<T>, args: unknown): T {
  const result = schema.safeParse(args);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new TandemError('INVALID', `${issue?.path.join('.')}: ${issue?.message}`);
}
