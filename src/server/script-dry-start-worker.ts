/** The thread of dry starts: each an exchange that listens nowhere, with nothing in its stores. */
import { parentPort } from 'node:worker_threads';
import { CallRecords } from '../billing/call-records.ts';
import { TandemError } from '../base/errors.ts';
import { silentLogger } from '../base/silent-logger.ts';
import type { World } from '../base/world.ts';
import { Location } from '../location/location.ts';
import { scriptLineOf, type SourceLine } from '../route/source-line.ts';
import { StartFault } from '../route/start-fault.ts';
import { strayText } from '../route/stray-faults.ts';
import { MemoryWriter } from '../store/memory-writer.ts';
import { Subscribers } from '../subscriber/subscribers.ts';
import { nodeWorld } from '../world/node-world.ts';
import { FarAnswers } from './dry-run-answers.ts';
import { capturedHttp, NotAsked } from './dry-run-http.ts';
import { Exchange, type Stores } from './exchange.ts';
import type { DryStart, DryStarted } from './script-dry-start.ts';
import { ScriptLoader } from './script-loader.ts';
import type { Settings } from './settings.ts';
import { locationSettings } from './settings-registrar.ts';
import { onUncaughtError } from './uncaught-errors.ts';

const BINDINGS_MAX = 100;
/** Nothing comes, and those made ahead for calls would take longer than the script. */
const TRANSACTIONS_MAX = 100;

const world = nodeWorld({ log: silentLogger, udp: 'dgram' });
const loader = new ScriptLoader(world.clock);

parentPort?.on('message', (trial: DryStart) => void started(trial).then(tell));

function tell(said: Omit<DryStarted, 'isClean'>): void {
  const isClean = process.getActiveResourcesInfo().every((kind) => kind === 'MessagePort');
  const all: DryStarted = { ...said, isClean };
  parentPort?.postMessage(all);
}

/** What the script lets go of as it starts is heard of a turn later: only then it has started. */
async function started(trial: DryStart): Promise<Omit<DryStarted, 'isClean'>> {
  const stray: unknown[] = [];
  // In this thread there is nothing else that could fail so.
  const deafen = onUncaughtError((error) => wantsHttp(error) || stray.push(error) > 0);
  try {
    const problem = await startFault(trial);
    await new Promise(setImmediate);
    if (problem !== undefined) return { problem };
    return stray.length === 0 ? {} : { problem: strayProblem(stray[0]), isStray: true };
  } finally {
    deafen();
  }
}

async function startFault({ file, settings }: DryStart): Promise<DryStarted['problem']> {
  const sip = { ...settings.sip, listen: [], max_transactions: TRANSACTIONS_MAX };
  const quiet: Settings = { ...settings, sip };
  const stores = emptyStores(world, quiet);
  try {
    const { script } = await loader.load(file);
    const http = capturedHttp(new FarAnswers(), []);
    const exchange = await Exchange.open({ world, settings: quiet, script, stores, http });
    exchange.stop();
    return undefined;
  } catch (error) {
    return wantsHttp(error) ? undefined : problemOf(error);
  } finally {
    stores.location.close();
    stores.calls.stop();
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
  const place: SourceLine | undefined = error instanceof StartFault ? error.place : scriptLineOf(cause);
  const why = cause instanceof Error ? cause.message : String(cause);
  const said = hintOf(error) ?? hintOf(cause);
  if (place === undefined) return { message: why, hint: said ?? 'look at what it does as it starts' };
  const hint = said ?? 'mend that line';
  const { line, column } = place;
  return { line, column, message: why, hint };
}

function strayProblem(error: unknown): Required<DryStarted>['problem'] {
  const place = scriptLineOf(error);
  const why = error instanceof TandemError ? `${error.code} ${error.message}` : strayText(error);
  const message = `nobody waits for what fails here: ${why}`;
  const hint = 'await that promise, or catch what it rejects with';
  return place === undefined ? { message, hint } : { line: place.line, column: place.column, message, hint };
}

/** A start that failed because nobody is asked by HTTP on trial says nothing about the script. */
function wantsHttp(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof NotAsked) return true;
  }
  return false;
}

function hintOf(error: unknown): string | undefined {
  return error instanceof TandemError ? error.hint : undefined;
}
