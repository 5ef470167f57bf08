/** `tandem dev`: an exchange that loads its script again whenever a file of it changes, and says a line a call. */
import { type FSWatcher, watch } from 'node:fs';
import { dirname, join } from 'node:path';
import { TandemError } from '../base/errors.ts';
import { silentLogger } from '../base/silent-logger.ts';
import { nodeWorld } from '../world/node-world.ts';
import type { CallEndedEvent } from '../route/events.ts';
import { type CheckedScript, checkScript, loadChecked } from '../server/script-check.ts';
import type { RunningServer, startServer } from '../server/server.ts';
import type { Settings } from '../server/settings.ts';
import { start, type StartOptions } from './start.ts';
import type { Terminal } from './terminal.ts';

/** An editor writes a file in several steps: what comes within this is one change. */
const SETTLE_MS = 100;

/** Runs until it is stopped; answers with the exit code. */
export async function dev(
  options: StartOptions,
  terminal: Terminal,
  starts: typeof startServer,
): Promise<number> {
  let watcher: ScriptWatcher | undefined;
  const startWatched = async (settings: Settings, readAgain: () => Settings): Promise<RunningServer> => {
    const server = await starts(settings, readAgain);
    server.events.on('call.ended', (call) => terminal.result(callLine(call, new Date())));
    watcher = new ScriptWatcher(server, settings, terminal);
    watcher.open();
    return server;
  };
  try {
    return await start({ demo: true, ...options }, terminal, startWatched);
  } finally {
    watcher?.close();
  }
}

/** `12:03:07  alice@example.com → bob@example.com  200  73 s  the caller hung up` */
export function callLine({ caller, callee, status, durationMs, by }: CallEndedEvent, at: Date): string {
  const time = at.toTimeString().slice(0, 8);
  const talked = status < 300 ? `${Math.round(durationMs / 1000)} s` : '-';
  return [
    time,
    `${caller} → ${callee}`,
    status,
    talked,
    ENDED_BY[status < 300 ? 'answered' : 'refused'][by],
  ].join('  ');
}

const ENDED_BY = {
  answered: { caller: 'the caller hung up', callee: 'the callee hung up', us: 'ended by us' },
  refused: { caller: 'the caller gave up', callee: 'refused by the callee', us: 'refused by us' },
} as const;

/** Watches the folders of the script's files: editors replace files, so a watched file would be lost. */
class ScriptWatcher {
  private readonly server: RunningServer;
  private readonly settings: Settings;
  private readonly terminal: Terminal;
  private readonly clock = nodeWorld({ log: silentLogger, udp: 'dgram' }).clock;
  private readonly folders = new Map<string, FSWatcher>();
  private settling: NodeJS.Timeout | undefined = undefined;
  private working = false;
  private again = false;

  constructor(server: RunningServer, settings: Settings, terminal: Terminal) {
    this.server = server;
    this.settings = settings;
    this.terminal = terminal;
  }

  /** Folders that the script's imports have come to lie in are watched too. */
  open(): void {
    for (const folder of new Set(this.server.scriptFiles.map((file) => dirname(file)))) {
      if (this.folders.has(folder)) continue;
      this.folders.set(
        folder,
        watch(folder, (_event, name) => this.changed(name === null ? folder : join(folder, name))),
      );
    }
  }

  close(): void {
    clearTimeout(this.settling);
    for (const watcher of this.folders.values()) watcher.close();
  }

  private changed(file: string): void {
    if (!this.server.scriptFiles.includes(file)) return;
    clearTimeout(this.settling);
    this.settling = setTimeout(() => void this.reload(), SETTLE_MS);
  }

  /** One at a time; a change meanwhile begins another. */
  private async reload(): Promise<void> {
    this.again = this.working;
    if (this.working) return;
    this.working = true;
    await this.reloadOnce();
    this.working = false;
    this.open();
    if (this.again) await this.reload();
  }

  private async reloadOnce(): Promise<void> {
    const { file } = this.settings.script;
    const check = (): Promise<CheckedScript> => checkScript(file, this.settings, this.clock);
    try {
      const generation = await loadChecked(check, (sources) => this.server.reload(sources));
      this.terminal.note(`generation ${generation} of the script runs`);
    } catch (error) {
      if (!(error instanceof TandemError)) throw error;
      this.terminal.complaint(error.message);
      this.terminal.note('the script before goes on');
    }
  }
}
