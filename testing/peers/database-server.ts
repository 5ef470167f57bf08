/** A PostgreSQL or MariaDB of the test's own: in a folder, on loopback, as the user the packages made for it. */
import { execFile } from 'node:child_process';
import { chown, mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePorts, missing, startPeer, waitForPort } from './peer.ts';
import type { Peer } from './peer.ts';

const run = promisify(execFile);
const READY_MS = 60_000;

/** A server that runs, may be killed, and started again on the same data. */
export interface DatabaseServer {
  readonly dialect: 'postgres' | 'mysql';
  /** Of a new database on it, empty. */
  makeDatabase(): Promise<string>;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
  /** Starts it again, on the same port, and waits until it answers. */
  start(): Promise<void>;
  /** Ends it for good and removes its folder. */
  remove(): Promise<void>;
}

/** Why tests with this server are skipped; false when they need not be. */
export function missingServer(dialect: DatabaseServer['dialect']): string | false {
  if (dialect === 'mysql') return missing('mariadbd', 'mariadb-install-db', 'mariadb');
  return postgresPrograms() === undefined ? 'needs postgres: apt-get install postgresql' : missing('psql');
}

/** Starts one. */
export async function startDatabaseServer(dialect: DatabaseServer['dialect']): Promise<DatabaseServer> {
  const server = dialect === 'postgres' ? await PostgresServer.make() : await MariadbServer.make();
  await server.start();
  return server;
}

/** What both have in common: a folder, a port, a process. */
abstract class Server implements DatabaseServer {
  abstract readonly dialect: DatabaseServer['dialect'];
  protected readonly folder: string;
  protected readonly port: number;
  private peer: Peer | undefined;
  private databases = 0;

  constructor(folder: string, port: number) {
    this.folder = folder;
    this.port = port;
  }

  protected abstract command(): readonly string[];
  protected abstract query(text: string): Promise<unknown>;
  protected abstract url(database: string): string;

  async makeDatabase(): Promise<string> {
    const name = `tandem${++this.databases}`;
    await this.query(`create database ${name}`);
    return this.url(name);
  }

  async start(): Promise<void> {
    const [program = '', ...args] = this.command();
    this.peer = startPeer(program, args, this.folder);
    await waitForPort(this.peer, 'tcp', this.port);
    const giveUpAt = performance.now() + READY_MS;
    for (;;) {
      try {
        await this.query('select 1');
        return;
      } catch (error) {
        if (performance.now() > giveUpAt) throw error;
        await sleep(50);
      }
    }
  }

  async kill(): Promise<void> {
    const { peer } = this;
    if (peer === undefined) return;
    this.peer = undefined;
    process.kill(-peer.pid, 'SIGKILL');
    await peer.ended;
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

class PostgresServer extends Server {
  readonly dialect = 'postgres';

  static async make(): Promise<PostgresServer> {
    const folder = await folderOf('postgres');
    const [port = 0] = await freePorts(1);
    const server = new PostgresServer(folder, port);
    const args = ['-D', server.cluster, '-A', 'trust', '-U', 'postgres', '--no-sync', '--locale=C.UTF-8'];
    const [program = '', ...rest] = as('postgres', [programOf('initdb'), ...args]);
    await run(program, rest, { cwd: folder });
    return server;
  }

  private get cluster(): string {
    return join(this.folder, 'data');
  }

  protected command(): readonly string[] {
    const settings = [
      `port=${this.port}`,
      'listen_addresses=127.0.0.1',
      `unix_socket_directories=${this.folder}`,
    ];
    const args = ['-D', this.cluster, ...settings.flatMap((setting) => ['-c', setting])];
    return as('postgres', [programOf('postgres'), ...args]);
  }

  protected query(text: string): Promise<unknown> {
    return run('psql', [this.url('postgres'), '-c', text]);
  }

  protected url(database: string): string {
    return `postgres://postgres@127.0.0.1:${this.port}/${database}`;
  }

  override async makeDatabase(): Promise<string> {
    const url = await super.makeDatabase();
    // Else the start after a kill reads the making of every database again.
    await this.query('checkpoint');
    return url;
  }

  override async kill(): Promise<void> {
    await super.kill();
    // Its children see that it is gone and end by themselves; the next one refuses to start before.
    await this.childrenEnded();
    await rm(join(this.cluster, 'postmaster.pid'), { force: true });
  }

  private async childrenEnded(): Promise<void> {
    for (let tries = 0; tries < 100; tries++) {
      const left = await processesIn(this.cluster);
      if (left === 0) return;
      await sleep(50);
    }
  }
}

class MariadbServer extends Server {
  readonly dialect = 'mysql';

  static async make(): Promise<MariadbServer> {
    const folder = await folderOf('mysql');
    const [port = 0] = await freePorts(1);
    const server = new MariadbServer(folder, port);
    const user = process.getuid?.() === 0 ? ['--user=mysql'] : [];
    const how = ['--auth-root-authentication-method=normal', '--skip-test-db', `--datadir=${server.cluster}`];
    await run('mariadb-install-db', ['--no-defaults', ...user, ...how], { cwd: folder });
    return server;
  }

  private get cluster(): string {
    return join(this.folder, 'data');
  }

  protected command(): readonly string[] {
    const user = process.getuid?.() === 0 ? ['--user=mysql'] : [];
    return [
      'mariadbd',
      '--no-defaults',
      ...user,
      `--datadir=${this.cluster}`,
      `--port=${this.port}`,
      '--bind-address=127.0.0.1',
      `--socket=${join(this.folder, 's')}`,
      '--innodb-buffer-pool-size=32M',
      '--skip-name-resolve',
      // Written at every commit, not forced to the disk: a killed server loses nothing.
      '--innodb-flush-log-at-trx-commit=2',
    ];
  }

  protected query(text: string): Promise<unknown> {
    return run('mariadb', ['-h', '127.0.0.1', '-P', String(this.port), '-u', 'root', '-e', text]);
  }

  protected url(database: string): string {
    return `mysql://root@127.0.0.1:${this.port}/${database}`;
  }
}

/** A folder that the server's user may use. */
async function folderOf(user: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `tandem-${user}-`));
  if (process.getuid?.() !== 0) return folder;
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, user])).stdout)),
  );
  await chown(folder, uid ?? 0, gid ?? 0);
  return folder;
}

/** Neither server runs as root. */
function as(user: string, command: readonly string[]): readonly string[] {
  if (userInfo().uid !== 0) return command;
  return ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', ...command];
}

function postgresPrograms(): string | undefined {
  const root = '/usr/lib/postgresql';
  if (!existsSync(root)) return undefined;
  const versions = readdirSync(root).toSorted((a, b) => Number(b) - Number(a));
  return versions.map((version) => join(root, version, 'bin')).find((bin) => existsSync(join(bin, 'initdb')));
}

function programOf(name: string): string {
  return join(postgresPrograms() ?? '', name);
}

/** How many processes have this folder as their own. */
async function processesIn(folder: string): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const folders = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/cwd`).catch(() => '')));
  return folders.filter((cwd) => cwd === folder).length;
}
