/** `pools.*` of a running exchange: what its pools carry, and the operator's hand on their servers. */
import { z } from 'zod';
import { TandemError } from '../base/errors.ts';
import type { ServerState } from '../route/services.ts';
import type { Pool } from '../trunk/pool.ts';
import type { PoolServer } from '../trunk/pool-server.ts';
import type { Pools } from '../trunk/pools.ts';
import type { ControlHandler } from './control.ts';
import type { PoolDocument } from './control-documents.ts';

/** One of its servers. */
export interface PoolServerDocument {
  readonly server: string;
  readonly state: ServerState;
  readonly since: string;
  /** Why it gets no requests; empty while it does. */
  readonly why: string;
  readonly weight: number;
  readonly priority: number;
  readonly calls: number;
  /** Channels by kind. */
  readonly channels: Readonly<Record<string, { readonly taken: number; readonly all: number }>>;
  readonly sent: number;
  readonly failed: number;
}

const nothing = z.strictObject({});
const named = z.strictObject({ pool: z.string() });
const oneServer = z.strictObject({ pool: z.string(), server: z.string() });

/** Handlers for `pools.ls`, `pools.show`, `pools.enable` and `pools.disable`. */
export function poolCommands(pools: Pools): Record<string, ControlHandler> {
  const change = (args: unknown, act: (server: PoolServer) => void): PoolServerDocument => {
    const { pool, server } = checked(oneServer, args);
    const found = pools.server(pool, server);
    act(found);
    return serverDocument(found);
  };
  return {
    'pools.ls': async (args) => {
      checked(nothing, args);
      return pools.list().map(poolDocument);
    },
    'pools.show': async (args) => pools.pool(checked(named, args).pool).servers.map(serverDocument),
    'pools.enable': async (args) => change(args, (server) => server.enable()),
    'pools.disable': async (args) => change(args, (server) => server.disable()),
  };
}

/** A pool as it is shown. */
export function poolDocument({ name, pickName, servers, up, calls, overdue }: Pool): PoolDocument {
  return { name, pick: pickName, servers: servers.length, up, calls, overdue };
}

function serverDocument(server: PoolServer): PoolServerDocument {
  const { name, state, since, why, weight, priority, calls, sent, failed } = server;
  const kinds = [...server.channels].map(
    ([kind, all]) => [kind, { taken: server.takenOf(kind), all }] as const,
  );
  return {
    server: name,
    state,
    since: new Date(since).toISOString(),
    why,
    weight,
    priority,
    calls,
    channels: Object.fromEntries(kinds),
    sent,
    failed,
  };
}

function checked<T>(schema: z.ZodType<T>, args: unknown): T {
  const result = schema.safeParse(args);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new TandemError('INVALID', `${issue?.path.join('.')}: ${issue?.message}`);
}
