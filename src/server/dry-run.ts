/**
 * What would become of a request: the real script with the real data, and nothing happens. The exchange of a dry run is
 * a whole one, but its time is made up, its network leads to far ends that are played (dry-run-peers.ts), its rows go
 * nowhere, and its script's HTTP requests are not made.
 *
 *   caller ──▶ exchange with the script ──▶ far ends          steps, what was sent, what was heard
 *      ▲            │ rows, HTTP                 │         ──▶ the ways that were not taken
 *      └────────────┴──── made up ◀──────────────┘
 */
import { randomBytes } from 'node:crypto';
import type { Clock, HostPort, Logger, Millis, Random, World } from '../base/world.ts';
import { Endpoint } from '../base/endpoint.ts';
import type { Plan } from '../proxy/plan.ts';
import type { RequestDecision } from '../route/decision.ts';
import type { Router, Script } from '../route/router.ts';
import { callingLine } from '../route/source-line.ts';
import type { StrayFaults } from '../route/stray-faults.ts';
import type { SipRequest } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { aorOf, printUri } from '../sip/uri.ts';
import { MemoryWriter } from '../store/memory-writer.ts';
import type { Writer } from '../store/writer.ts';
import { type StepDocument, stepDocuments } from './control-steps.ts';
import type { FarAnswers } from './dry-run-answers.ts';
import { DryRunCaller, type HeardResponse } from './dry-run-caller.ts';
import { DryRunClock } from './dry-run-clock.ts';
import { capturedHttp } from './dry-run-http.ts';
import { DryRunNet, type SentMessage, type Way } from './dry-run-net.ts';
import { DryRunPeers, type FarRequest } from './dry-run-peers.ts';
import { Exchange, type Stores } from './exchange.ts';
import type { RestoreAs } from './server.ts';
import type { Settings } from './settings.ts';

/** What is to be tried. */
export interface DryRunParts {
  readonly settings: Settings;
  readonly script: Script;
  /** Reads the data as it is now; what is written is forgotten. */
  readonly stores: (writer: Writer, world: World) => Promise<Stores>;
  readonly request: SipRequest;
  readonly path: { readonly from: HostPort; readonly way: Way };
  /** Whether the caller proves who he is when he is asked. */
  readonly proves: boolean;
  readonly answers: FarAnswers;
  /** When it happens, milliseconds since 1970. */
  readonly wall: number;
  /** Real time, for scripts that wait for what is not of this world. */
  readonly clock: Clock;
  /** See ExchangeParts. */
  readonly strays?: StrayFaults | undefined;
  /** Called when the script has started and nothing was asked of it yet. */
  readonly started?: (exchange: Exchange) => Promise<void>;
}

/** What would happen. Times are milliseconds since the request came. */
export interface DryRunReport {
  readonly steps: readonly StepDocument[];
  /** What would have been sent to others, but ACK and CANCEL. */
  readonly asked: readonly FarRequest[];
  /** What the caller would hear. */
  readonly heard: readonly HeardResponse[];
  /** Targets of the plan that nothing would be sent to. */
  readonly notTried: readonly string[];
  /** Rows that would be written, by statement. */
  readonly rows: Readonly<Record<string, number>>;
  /** HTTP requests that would be made. */
  readonly fetched: readonly string[];
  /** What would be logged, warnings and errors. */
  readonly logged: readonly string[];
  /** Names that were given an answer, and nobody who was asked has. */
  readonly unmet: readonly string[];
}

/** How `restoreStores` reads the data for a dry run at another time: nothing that it signs meets anybody. */
export function asItRuns(laterMs: Millis): RestoreAs {
  return { secretOf: () => Promise.resolve('of a dry run'), connections: 'standing', laterMs };
}

/** The longest a request may take, in made-up time. */
const RUN_MS_MAX: Millis = 600_000;
/** A script that waits for a disk or a socket of its own has so much real time in all. */
const REAL_WAIT_MS: Millis = 2_000;
const REAL_STEP_MS: Millis = 5;

/** Never sends, never writes. Rejects with SCRIPT_INVALID when the script does not start. */
export async function dryRun(parts: DryRunParts): Promise<DryRunReport> {
  const run = new DryRun(parts);
  try {
    await run.open();
    return await run.play();
  } finally {
    run.close();
  }
}

class DryRun {
  private readonly parts: DryRunParts;
  private readonly clock: DryRunClock;
  private readonly net: DryRunNet;
  private readonly peers: DryRunPeers;
  private readonly rows: Record<string, number> = {};
  private readonly fetched: string[] = [];
  private readonly logged: string[] = [];
  private readonly planned = new Set<string>();
  /** Whose contact it is: `sip:x7@192.0.2.9` → `bob@example.com`. */
  private readonly owners = new Map<string, string>();
  private exchange: Exchange | undefined = undefined;
  private stores: Stores | undefined = undefined;
  private caller: DryRunCaller | undefined = undefined;
  private waited = 0;

  constructor(parts: DryRunParts) {
    this.parts = parts;
    this.clock = new DryRunClock(parts.wall);
    this.net = new DryRunNet(this.clock, (message) => this.sent(message));
    this.peers = new DryRunPeers(this.clock, parts.answers, (request, message) =>
      this.namesOf(request, message),
    );
  }

  async open(): Promise<void> {
    const { settings, started } = this.parts;
    const world: World = { clock: this.clock, net: this.net, random: chance, log: this.log() };
    const writer = new MemoryWriter(this.clock, {
      observe: (statement) => {
        this.rows[statement] = (this.rows[statement] ?? 0) + 1;
      },
    });
    this.stores = await this.parts.stores(writer, world);
    const opening = Exchange.open({
      world,
      settings: { ...settings, script: { ...settings.script, steps: true } },
      script: (services) => this.watched(this.parts.script(this.held(services))),
      stores: this.stores,
      tls: { certificates: [], clients: 'none', authorities: undefined },
      http: capturedHttp(this.parts.answers, this.fetched),
      strays: this.parts.strays,
      answersOnly: true,
    });
    let isOpen = false;
    const noteOpen = (): void => {
      isOpen = true;
    };
    opening.then(noteOpen, noteOpen);
    await this.clock.run(
      RUN_MS_MAX,
      () => isOpen,
      () => this.letRealTimePass(() => !isOpen),
    );
    this.exchange = await opening;
    this.exchange.dispatcher.lines = callingLine;
    await started?.(this.exchange);
    await this.clock.settle();
    for (const statement of Object.keys(this.rows)) delete this.rows[statement];
  }

  async play(): Promise<DryRunReport> {
    const { request, path, proves } = this.parts;
    const { exchange, stores } = this;
    if (exchange === undefined || stores === undefined)
      throw new Error('a dry run is opened before it is played');
    const startMs = this.clock.now();
    const asked = this.peers.asked.length; // What the script asks at its start is no part of it.
    const caller = new DryRunCaller(
      { clock: this.clock, net: this.net },
      request,
      path,
      (user, realm, algorithm) => {
        const account = proves ? stores.subscribers.find(user, realm) : undefined;
        return algorithm === 'MD5' ? account?.ha1 : account?.ha1Sha256;
      },
    );
    this.caller = caller;
    caller.send();
    const waits = (): boolean => exchange.dispatcher.waitingRoutes > 0;
    await this.clock.run(
      RUN_MS_MAX,
      () => caller.end !== undefined,
      () => this.letRealTimePass(waits),
    );
    const steps = await this.stepsOf(exchange, request.callId);
    const sent = this.peers.asked.slice(asked);
    const tried = new Set(sent.map(({ uri }) => uri));
    const since = <T extends { readonly atMs: Millis }>(event: T): T => ({
      ...event,
      atMs: event.atMs - startMs,
    });
    return {
      steps: stepDocuments(steps, this.clock, startMs),
      asked: sent.map(since),
      heard: caller.heard.map(since),
      notTried: [...this.planned].filter((uri) => !tried.has(uri)),
      rows: this.rows,
      fetched: this.fetched,
      logged: this.logged,
      unmet: this.parts.answers.unmet,
    };
  }

  close(): void {
    this.exchange?.stop();
    this.stores?.location.close();
    this.stores?.calls.stop();
  }

  private async stepsOf(exchange: Exchange, callId: string): Promise<Awaited<ReturnType<Steps['of']>>> {
    const found = exchange.steps?.of(callId) ?? Promise.resolve([]);
    let isFound = false;
    void found.then(() => {
      isFound = true;
    });
    // The search waits for turns of the clock, which has to be let run for it.
    await this.clock.run(
      RUN_MS_MAX,
      () => isFound,
      () => Promise.resolve(),
    );
    return found;
  }

  private sent(message: SentMessage): void {
    const parsed = parseMessage(message.text);
    if (parsed.kind === 'request') this.peers.receive(parsed, message);
    else if (parsed.kind === 'response') this.caller?.receive(parsed);
  }

  /** By what `--answer` may call whoever gets this request. */
  private namesOf({ uri, uriText }: SipRequest, { to }: SentMessage): readonly string[] {
    const owner = this.owners.get(uriText) ?? aorOf(uri);
    const names = [
      owner,
      owner.split('@')[0],
      aorOf(uri),
      uri.user,
      to.key,
      uri.host,
      this.net.nameOf(to.host),
      to.host,
    ];
    return names.filter((name) => name !== undefined);
  }

  /** The services, without those that reach out of this process. */
  private held(services: Parameters<Script>[0]): Parameters<Script>[0] {
    const { location } = services;
    const lookup: typeof location.lookup = async (aor) => {
      const found = await location.lookup(aor);
      for (const { uri, uriText, hop } of found) {
        this.owners.set(uriText ?? printUri(uri), aorOf(aor));
        // A phone that came over a connection is there, else it would not be found.
        if (hop !== undefined && hop.transport !== 'udp') {
          this.net.connected(new Endpoint(hop.host, hop.port), hop.transport);
        }
      }
      return found;
    };
    return { ...services, location: { ...location, lookup } };
  }

  /** Notes every target that the request route plans. */
  private watched(router: Router<never>): Router<never> {
    const route = router.route.bind(router);
    const note = (decision: RequestDecision): RequestDecision => {
      if (decision.do === 'relay') this.notePlan(decision.plan);
      return decision;
    };
    router.route = (c) => {
      const decision = route(c);
      return decision instanceof Promise ? decision.then(note) : note(decision);
    };
    return router;
  }

  private notePlan(plan: Plan): void {
    if ('uri' in plan) this.planned.add(plan.uriText ?? printUri(plan.uri));
    else for (const part of 'parallel' in plan ? plan.parallel : plan.serial) this.notePlan(part);
  }

  /** While somebody waits, and for no answer of a far end. */
  private async letRealTimePass(waits: () => boolean): Promise<void> {
    if (this.peers.replying > 0) return;
    for (; waits() && this.waited < REAL_WAIT_MS; this.waited += REAL_STEP_MS) {
      await new Promise<void>((resolve) => void this.parts.clock.after(REAL_STEP_MS, resolve));
      await this.clock.settle();
    }
  }

  private log(): Logger {
    const keep =
      (level: string) =>
      (what: string): void =>
        void this.logged.push(`${level}: ${what}`);
    return { debug() {}, info() {}, warn: keep('warn'), error: keep('error') };
  }
}

type Steps = NonNullable<Exchange['steps']>;

/** Tags and branches of a dry run meet nobody. */
const chance: Random = {
  bytes: (count) => randomBytes(count),
  token: (bits) => randomBytes(Math.ceil(bits / 8)).toString('hex'),
  below: (limit) => randomBytes(4).readUInt32LE() % limit,
};
