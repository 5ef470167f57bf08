/** The thread of a simulation: the real script on the real data; nothing is sent, nothing is written. */
import { parentPort, workerData } from 'node:worker_threads';
import { TandemError } from '../base/errors.ts';
import { whyItFailed } from '../server/control-steps-verdict.ts';
import { asItRuns, dryRun, type DryRunReport } from '../server/dry-run.ts';
import { FarAnswers } from '../server/dry-run-answers.ts';
import { type NotTaken, ScriptCoverage } from '../server/dry-run-coverage.ts';
import { ScriptLoader } from '../server/script-loader.ts';
import { restoreStores } from '../server/server.ts';
import type { Settings } from '../server/settings.ts';
import { Commands } from './commands.ts';
import { asTheyAre } from './sim-loads.ts';
import { LetGo } from './sim-let-go.ts';
import { parseFacts, type SimOptions, type SimRequest, simRequest, uriIn } from './sim-request.ts';
import { BEAT_MS, type SimDocument, type SimSaid, type SimTask } from './sim-thread.ts';

const { settings, options, beats } = workerData as SimTask; // `inThread` has made it.
setInterval(() => Atomics.add(beats, 0, 1), BEAT_MS);
parentPort?.postMessage(await said());

/** What is no mistake of the operator's or the script's ends the thread, as it would end the command. */
async function said(): Promise<SimSaid> {
  try {
    return { document: await simulated(new Commands(settings), options) };
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
    const { code, message, hint } = error;
    return { code, message, hint };
  }
}

async function simulated(commands: Commands, options: SimOptions): Promise<SimDocument> {
  const { settings, clock } = commands;
  const facts = parseFacts(options.set ?? []);
  const answers = answersOf(options.answer);
  return commands.read(async (db) => {
    const asked = await simRequest(options, facts, settings, db);
    const changed = withSettings(settings, facts.settings);
    const coverage = new ScriptCoverage();
    await coverage.start();
    const loader = new ScriptLoader(clock);
    const letGo = new LetGo();
    try {
      const { script, files } = await loader.load(options.script ?? settings.script.file);
      const now = Date.now();
      const wall = facts.wall ?? now;
      const as = asItRuns(wall - now);
      const report = await dryRun({
        settings: changed,
        script,
        stores: (writer, world) => restoreStores(db, writer, world, changed, as),
        ...asked,
        proves: facts.proves,
        answers,
        wall,
        clock,
        strays: letGo.strays,
        started: async (exchange) => {
          await asTheyAre(commands, exchange);
          await coverage.forget();
        },
      });
      const logged = [...report.logged, ...letGo.told];
      return documentOf(asked, wall, { ...report, logged }, await coverage.stop(files));
    } finally {
      letGo.end();
      loader.close();
    }
  });
}

function documentOf(
  { request, path }: SimRequest,
  wall: number,
  report: DryRunReport,
  notTaken: readonly NotTaken[],
): SimDocument {
  const end = report.heard.findLast(({ status }) => status >= 200);
  const status = end?.status ?? null;
  const answeredByUs = !report.steps.some(({ kind }) => kind === 'branch');
  const why = whyItFailed(
    {
      state: 'ended',
      status,
      answeredAt: null,
      endedBy: answeredByUs ? 'us' : 'callee',
      setupMs: end?.atMs ?? null,
    },
    report.steps,
    request.method,
  );
  return {
    method: request.method,
    uri: request.uriText,
    from: uriIn(request.headers.get('From') ?? ''),
    source: `${path.way}:${path.from.host}:${path.from.port}`,
    at: new Date(wall).toISOString(),
    status,
    why: why ?? null,
    ...report,
    notTaken,
  };
}

function answersOf(given: readonly string[] | undefined): FarAnswers {
  return FarAnswers.parse(...(given ?? []));
}

/** `sip.open_inbound=true`: what is a number, yes or no, a text or a list in the settings stays one. */
function withSettings(settings: Settings, changes: ReadonlyMap<string, string>): Settings {
  const copy = structuredClone(settings) as unknown as Record<string, Record<string, unknown>>;
  for (const [key, value] of changes) {
    const [section = '', name = '', ...more] = key.split('.');
    const old = Object.hasOwn(copy, section) ? copy[section]?.[name] : undefined;
    const changed = more.length > 0 ? undefined : likeOld(old, value);
    if (changed === undefined)
      throw new TandemError('USAGE', `no setting ${key} that --set could change to ${value}`);
    (copy[section] as Record<string, unknown>)[name] = changed;
  }
  return copy as unknown as Settings; // The same shape with other values.
}

function likeOld(old: unknown, value: string): unknown {
  if (typeof old === 'boolean') return value === 'true' ? true : value === 'false' ? false : undefined;
  if (typeof old === 'number')
    return value !== '' && Number.isFinite(Number(value)) ? Number(value) : undefined;
  if (typeof old === 'string') return value;
  if (Array.isArray(old) && old.every((entry) => typeof entry === 'string')) return value.split(',');
  return undefined;
}
