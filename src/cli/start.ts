/** `tandem start`: runs the exchange until it is told to stop. */
import type { EventEmitter } from 'node:events';
import { networkInterfaces } from 'node:os';
import { TandemError } from '../base/errors.ts';
import { loadSettings, printEntry } from '../server/settings.ts';
import type { SettingsNews } from '../server/settings-changed.ts';
import type { Settings, SettingsInput } from '../server/settings.ts';
import { printError } from './output.ts';
import type { Terminal } from './terminal.ts';

/** Calls that are being set up may take so long to end; then we go all the same. */
export const STOP_MS_MAX = 5000;
/** A terminal and the launcher may both hand us the same Ctrl-C: what comes within this is one. */
const SAME_SIGNAL_MS = 500;
/** How far apart the ports lie that `--demo` tries. */
const DEMO_PORT_STEP = 10;
/** How many of them it tries. */
const DEMO_PORTS_MAX = 5;

/** A running exchange, as `startServer` answers. */
export interface RunningExchange {
  readonly version: string;
  /** `udp:192.0.2.1:5060`, as they are bound. */
  readonly listeners: readonly string[];
  readonly dataFolder: string;
  stop(): Promise<void>;
  reload(): Promise<unknown>;
  readonly settingsNews: SettingsNews;
}

/** Starts an exchange; rejects with PORT_TAKEN and its like. `readAgain`: the settings another start would have. */
export type StartServer = (settings: Settings, readAgain: () => Settings) => Promise<RunningExchange>;

/** The words after `tandem start`. */
export interface StartOptions {
  readonly config?: string;
  readonly script?: string;
  readonly port?: number;
  readonly data?: string;
  readonly demo?: boolean;
}

/** Prints the banner and answers, once stopped, with the exit code. */
export async function start(
  options: StartOptions,
  terminal: Terminal,
  startServer: StartServer,
  signals: EventEmitter = process,
): Promise<number> {
  const settings = startSettings(options);
  const exchange = await startSomewhere(settings, options, terminal, startServer);
  // Whoever reads the banner may send a signal at once.
  const stopped = untilStopped(exchange, terminal, signals);
  terminal.result(terminal.asTyped(banner(exchange, settings)));
  return stopped;
}

/** The settings with what the command line says on top. */
export function startSettings(options: StartOptions): Settings {
  const overrides: SettingsInput = {
    ...(options.script === undefined ? {} : { script: { file: options.script } }),
    ...(options.data === undefined ? {} : { data: { folder: options.data } }),
  };
  const settings = loadSettings(options.config, overrides);
  return options.port === undefined ? settings : onPort(settings, options, overrides, options.port);
}

function onPort(settings: Settings, options: StartOptions, overrides: SettingsInput, port: number): Settings {
  // Several listeners keep their distances: TLS has another port than TCP.
  const first = settings.sip.listen[0]!.port;
  const listen = settings.sip.listen.map((at) => printEntry({ ...at, port: port + at.port - first }));
  return loadSettings(options.config, { ...overrides, sip: { listen } });
}

async function startSomewhere(
  settings: Settings,
  options: StartOptions,
  terminal: Terminal,
  startServer: StartServer,
): Promise<RunningExchange> {
  const first = settings.sip.listen[0]!.port;
  for (let tried = 0; ; tried++) {
    const port = first + tried * DEMO_PORT_STEP;
    const read = (): Settings => startSettings(tried === 0 ? options : { ...options, port });
    try {
      return await startServer(tried === 0 ? settings : read(), read);
    } catch (error) {
      const taken = error instanceof TandemError && error.code === 'PORT_TAKEN';
      if (!taken || options.demo !== true || tried === DEMO_PORTS_MAX - 1) throw error;
      terminal.note(`port ${port} is in use; trying ${port + DEMO_PORT_STEP}`);
    }
  }
}

function banner(exchange: RunningExchange, settings: Settings): string {
  const [first, ...others] = exchange.listeners;
  const domain = settings.sip.domains[0] ?? hostOf(first ?? '');
  const { host, port } = settings.console.listen;
  return [
    `tandem ${exchange.version}`,
    '',
    `  listening    ${first}`,
    ...others.map((listener) => `               ${listener}`),
    `  data         ${exchange.dataFolder}`,
    `  script       ${settings.script.file}`,
    `  console      comes with a later version, on http://${host}:${port}`,
    '',
    `  add a user   tandem users add alice@${domain}`,
    '  stop         Ctrl-C',
  ].join('\n');
}

/** The host that phones would use; a listener on every address is reached on that of the network. */
function hostOf(listener: string): string {
  const host = listener.replace(/^\w+:/, '').replace(/:\d+$/, '');
  if (host !== '0.0.0.0' && host !== '[::]') return host;
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return own.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
}

/** SIGTERM and SIGINT stop, the second one at once; SIGHUP reloads. */
function untilStopped(exchange: RunningExchange, terminal: Terminal, signals: EventEmitter): Promise<number> {
  return new Promise((resolve) => {
    let stoppedAt: number | undefined;
    const stop = (): void => {
      const now = performance.now();
      if (stoppedAt === undefined) {
        stoppedAt = now;
        terminal.note('stopping');
        void stopInTime(exchange, terminal).then(resolve);
      } else if (now - stoppedAt > SAME_SIGNAL_MS) {
        terminal.note('stopping at once');
        resolve(1);
      }
    };
    signals.on('SIGTERM', stop);
    signals.on('SIGINT', stop);
    signals.on('SIGHUP', () => {
      if (terminal.isGone) stop();
      else void reload(exchange, terminal);
    });
  });
}

async function stopInTime(exchange: RunningExchange, terminal: Terminal): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<number>((resolve) => {
    timer = setTimeout(() => {
      terminal.note(`not done after ${STOP_MS_MAX / 1000} s; going all the same`);
      resolve(1);
    }, STOP_MS_MAX);
  });
  const stopped = exchange.stop().then(
    () => 0,
    (error: unknown) => printError(terminal, false, error),
  );
  const status = await Promise.race([stopped, late]);
  clearTimeout(timer);
  return status;
}

/** What a reload leaves as it is. */
export function noteSettings(terminal: Terminal, { changed, unreadable }: SettingsNews): void {
  if (changed.length > 0) terminal.note(`changed settings wait for a restart: ${changed.join(', ')}`);
  if (unreadable !== null) terminal.note(`the settings would keep us from starting again: ${unreadable}`);
}

/** A script that does not load leaves the one that runs in its place. */
async function reload(exchange: RunningExchange, terminal: Terminal): Promise<void> {
  try {
    await exchange.reload();
    terminal.note('reloaded');
    noteSettings(terminal, exchange.settingsNews);
  } catch (error) {
    printError(terminal, false, error);
  }
}
