/** The thread of a dry start: an exchange that listens nowhere, with nothing in its stores. */
import { parentPort, workerData } from 'node:worker_threads';
import { CallRecords } from '../billing/call-records.ts';
import { TandemError } from '../base/errors.ts';
import { silentLogger } from '../base/silent-logger.ts';
import type { World } from '../base/world.ts';
import { Location } from '../location/location.ts';
import { scriptLineOf, type SourceLine } from '../route/source-line.ts';
import { MemoryWriter } from '../store/memory-writer.ts';
import { Subscribers } from '../subscriber/subscribers.ts';
import { nodeWorld } from '../world/node-world.ts';
import { Exchange, type Stores } from './exchange.ts';
import type { DryStart, DryStarted } from './script-dry-start.ts';
import { ScriptLoader } from './script-loader.ts';
import type { Settings } from './settings.ts';
import { locationSettings } from './settings-registrar.ts';

const BINDINGS_MAX = 100;

parentPort?.postMessage(await started(workerData as DryStart)); // `dryStart` has made it.

async function started({ file, settings }: DryStart): Promise<DryStarted> {
  const world = nodeWorld({ log: silentLogger, udp: 'dgram' });
  const quiet: Settings = { ...settings, sip: { ...settings.sip, listen: [] } };
  try {
    const { script } = await new ScriptLoader(world.clock).load(file);
    const exchange = await Exchange.open({
      world,
      settings: quiet,
      script,
      stores: emptyStores(world, quiet),
    });
    exchange.stop();
    return {};
  } catch (error) {
    return { problem: problemOf(error) };
  }
}

function emptyStores({ clock, random, log }: World, settings: Settings): Stores {
  const writer = new MemoryWriter(clock);
  return {
    subscribers: new Subscribers({ writer, clock }),
    location: new Location({
      clock,
      random,
      settings: { ...locationSettings(settings, BINDINGS_MAX), durable: false },
    }),
    calls: new CallRecords({ writer, clock, log }),
    secrets: { route: random.token(128), nonce: random.token(128) },
  };
}

function problemOf(error: unknown): Required<DryStarted>['problem'] {
  const cause = error instanceof TandemError && error.cause !== undefined ? error.cause : error;
  const place: SourceLine | undefined = scriptLineOf(cause);
  const why = cause instanceof Error ? cause.message : String(cause);
  const said = hintOf(error) ?? hintOf(cause);
  if (place === undefined) return { message: why, hint: said ?? 'look at what it does as it starts' };
  const hint = said ?? 'mend that line';
  const { line, column } = place;
  return { line, column, message: why, hint };
}

function hintOf(error: unknown): string | undefined {
  return error instanceof TandemError ? error.hint : undefined;
}
