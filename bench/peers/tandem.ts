/** Our exchange, started as an operator starts it. */
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { passwordOf } from '../sipp-load.ts';
import { SERVER_CORE, start, type Started } from '../processes.ts';
import type { Scenario } from '../scenarios.ts';
import { logFile, type Peer, type Place, waitUntilReady } from './peer.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
const program = join(root, 'src', 'cli', 'main.ts');

/** The launcher started us as it starts the exchange; what it sets in the environment is inherited. */
const NODE_FLAGS = process.execArgv;

/** Two a call, and they are remembered for half a minute: at 2000 calls a second more than the default. */
const DIALOGS_MAX = 1_000_000;

/** Where a profile is to be left, and by which tool. */
export interface Profile {
  readonly tool: 'cpu' | 'perf';
  readonly folder: string;
}

/** Ours; with a profile, node is told to make one or to name its code for perf. */
export function tandem(profile: Profile | undefined): Peer {
  return {
    name: 'tandem',
    version,
    start: (scenario, place) => startTandem(scenario, place, profile),
  };
}

async function version(): Promise<string> {
  const { version: ours } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  const commit = await run('git', ['rev-parse', '--short', 'HEAD'], { cwd: root }).catch(() => ({
    stdout: '',
  }));
  return `tandem ${ours} ${commit.stdout.trim()} on node ${process.version}`;
}

async function startTandem(scenario: Scenario, place: Place, profile: Profile | undefined): Promise<Started> {
  const { folder, ports } = place;
  const config = join(folder, 'tandem.toml');
  mkdirSync(join(folder, 'data'));
  writeFileSync(config, configuration(scenario, place));
  if (scenario.settings.auth) await importUsers(scenario.users, config, folder);
  const server = start(
    process.execPath,
    [...NODE_FLAGS, ...profileFlags(profile), program, 'start', '--config', config],
    { core: SERVER_CORE, folder, output: logFile(folder) },
  );
  await waitUntilReady(server, ports.server, folder);
  return server;
}

/** SIPp and Kamailio speak MD5 only; and neither server writes a line for a call. */
function configuration(scenario: Scenario, { ports, folder, pem }: Place): string {
  const { durableLocation, callRecords, transport, udp, gso } = scenario.settings;
  const listen = [`udp:127.0.0.1:${ports.server}`];
  if (transport === 'tcp') listen.push(`tcp:127.0.0.1:${ports.server}`);
  if (transport === 'tls') listen.push(`tls:127.0.0.1:${ports.serverTls}`);
  const certificate = `{ certificate = ${JSON.stringify(pem)}, key = ${JSON.stringify(pem)} }`;
  return `[sip]
listen = ${JSON.stringify(listen)}
domains = ["bench.local", "127.0.0.1"]
connections_per_source = 65535
udp = ${JSON.stringify(udp)}
gso = ${gso}

[tls]
certificates = [${transport === 'tls' ? certificate : ''}]
authorities = ${JSON.stringify(transport === 'tls' ? pem : '')}

[auth]
algorithms = ["MD5"]
host_only_uri = true

[location]
durable = ${durableLocation}

[calls]
records = ${callRecords}

[agent]
max_dialogs = ${DIALOGS_MAX}

[data]
folder = ${JSON.stringify(join(folder, 'data'))}

[script]
file = ${JSON.stringify(join(root, 'bench', 'scripts', `${scenario.settings.script}.ts`))}
steps = ${scenario.settings.steps}

[log]
level = "warn"
`;
}

async function importUsers(users: number, config: string, folder: string): Promise<void> {
  const file = join(folder, 'users.csv');
  const rows = Array.from(
    { length: users },
    (_, number) => `user${number},bench.local,${passwordOf(`user${number}`)}`,
  );
  writeFileSync(file, `${['username,domain,password', ...rows].join('\n')}\n`);
  await run(process.execPath, [...NODE_FLAGS, program, 'users', 'import', file, '--config', config]);
}

function profileFlags(profile: Profile | undefined): readonly string[] {
  if (profile === undefined) return [];
  return profile.tool === 'cpu'
    ? ['--cpu-prof', `--cpu-prof-dir=${profile.folder}`]
    : ['--perf-basic-prof', '--interpreted-frames-native-stack'];
}
