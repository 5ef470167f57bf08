/** `tandem sim`: what would become of a call. The real script on the real data; nothing is sent, nothing is written. */
import { TandemError } from '../base/errors.ts';
import { silentLogger } from '../base/silent-logger.ts';
import { scriptLineOf, shortLine } from '../route/source-line.ts';
import { StrayFaults, strayText } from '../route/stray-faults.ts';
import type { StepDocument } from '../server/control-steps.ts';
import { whyItFailed } from '../server/control-steps-verdict.ts';
import { asItRuns, dryRun, type DryRunReport } from '../server/dry-run.ts';
import { FarAnswers } from '../server/dry-run-answers.ts';
import { type NotTaken, ScriptCoverage } from '../server/dry-run-coverage.ts';
import type { Exchange } from '../server/exchange.ts';
import type { PoolDocument } from '../server/control-documents.ts';
import type { PoolServerDocument } from '../server/control-pools.ts';
import { ScriptLoader } from '../server/script-loader.ts';
import { restoreStores } from '../server/server.ts';
import type { Settings } from '../server/settings.ts';
import { onUncaughtError } from '../server/uncaught-errors.ts';
import { reasonPhrase } from '../sip/words.ts';
import { printResult, printTime } from './output.ts';
import { parseFacts, type SimOptions, type SimRequest, simRequest, uriIn } from './sim-request.ts';
import { printable, printSteps, row, rowOf, signed, type StepRow } from './steps-table.ts';
import type { Session } from './session.ts';

/** What `--json` prints. */
interface SimDocument extends DryRunReport {
  readonly method: string;
  readonly uri: string;
  readonly from: string;
  readonly source: string;
  readonly at: string;
  /** The final status; null when the caller would hear none. */
  readonly status: number | null;
  readonly why: string | null;
  readonly notTaken: readonly NotTaken[];
}

/** Answers 0 whatever becomes of the call. */
export async function simulate(session: Session, options: SimOptions): Promise<number> {
  const { settings, clock } = session.commands;
  const facts = parseFacts(options.set ?? []);
  const answers = answersOf(options.answer);
  const told = await session.commands.read(async (db) => {
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
          await asTheyAre(session, exchange);
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
  if (session.json) printResult(session.terminal, true, told, String);
  else printSim(session, told);
  return 0;
}

/** Errors of the script that nobody waits for, from its loading on: they are told, and the rest is simulated. */
class LetGo {
  readonly told: string[] = [];
  readonly strays = new StrayFaults(silentLogger);
  readonly end = onUncaughtError((error) => {
    if (!this.strays.takes(error)) return false;
    const place = scriptLineOf(error);
    const at = place === undefined ? '' : ` at ${shortLine(place)}`;
    this.told.push(`error: nobody waits for what fails${at}: ${strayText(error)}`);
    return true;
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

function printSim(session: Session, told: SimDocument): void {
  const { terminal } = session;
  const { method, uri, from, source, at, status, why } = told;
  terminal.result(printable(`${method} ${uri} from ${from} at ${source}, ${printTime(at)} UTC`));
  terminal.result('');
  printSteps(session, rowsOf(told));
  terminal.result('');
  if (status === null) terminal.result('✕ the caller would hear no final answer');
  else terminal.result(why === null ? `${signed(status)} ${reasonPhrase(status)}` : printable(`✕ ${why}`));
  list(
    session,
    'not taken',
    told.notTaken.map(({ line, text }) => `${line}  ${text}`),
  );
  list(session, 'not tried', told.notTried);
  list(session, 'held back', heldBack(told));
  list(session, 'logged', told.logged);
  list(session, 'named by --answer, but not asked', told.unmet);
  terminal.note('(a simulation: nothing was sent, nothing was written)');
}

/** At one moment the script decides first, then it is sent, then something is heard. */
function rowsOf({ steps, asked, heard }: SimDocument): readonly StepRow[] {
  const sent = asked.map(({ atMs, method, uri, to, way, answer }) =>
    row(atMs, `  → ${method} ${uri}`, `${way}:${to} ${typeof answer === 'number' ? signed(answer) : answer}`),
  );
  const back = heard.map(({ atMs, status, reason }) =>
    row(atMs, '← to the caller', `${signed(status)} ${reason}`),
  );
  return [...steps.map((step: StepDocument) => rowOf(step)), ...sent, ...back].toSorted(
    (a, b) => a.afterMs - b.afterMs,
  );
}

function heldBack({ rows, fetched }: SimDocument): readonly string[] {
  return [...Object.entries(rows).map(([name, count]) => `${count} × ${name}`), ...fetched];
}

function list({ terminal }: Session, title: string, lines: readonly string[]): void {
  if (lines.length === 0) return;
  terminal.result('');
  terminal.result(title);
  for (const line of lines) terminal.result(printable(`  ${line}`));
}

/** What the running exchange knows of its servers: those that it uses no more are not used here either. */
async function asTheyAre({ commands }: Session, exchange: Exchange): Promise<void> {
  const pools = (await commands.ask('pools.ls', {}))?.result as PoolDocument[] | undefined;
  for (const { name, up, servers } of pools ?? []) {
    if (up === servers || !exchange.shared.pools.list().some((pool) => pool.name === name)) continue;
    const shown = (await commands.ask('pools.show', { pool: name }))?.result as
      | PoolServerDocument[]
      | undefined;
    const here = new Set(exchange.shared.pools.pool(name).servers.map((server) => server.name));
    for (const { server, state } of shown ?? []) {
      if (state !== 'up' && here.has(server)) exchange.shared.pools.server(name, server).disable();
    }
  }
}

function answersOf(given: readonly string[] | undefined): FarAnswers {
  return given === undefined ? new FarAnswers() : FarAnswers.parse(given.join(','));
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
