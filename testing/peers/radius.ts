/** FreeRADIUS with a configuration of its own: users with digest passwords, and a file of what it is told of calls. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts, startPeer, waitForPort } from './peer.ts';

/** A running FreeRADIUS. */
export interface FreeRadius {
  readonly authPort: number;
  readonly accountingPort: number;
  readonly secretFile: string;
  /** What it was told of calls: a text of `Name = value` for each time. */
  told(): readonly string[];
  output(): string;
  stop(): Promise<void>;
}

/** Starts it for these users, `alice@tandem.test`, with their passwords. */
export async function startFreeRadius(users: Readonly<Record<string, string>>): Promise<FreeRadius> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-radius-'));
  const [authPort = 0, accountingPort = 0] = await freePorts(2);
  const secret = 'between tandem and freeradius';
  const secretFile = join(folder, 'secret');
  writeFileSync(secretFile, `${secret}\n`);
  writeFileSync(join(folder, 'radiusd.conf'), configuration(folder, secret, authPort, accountingPort));
  writeFileSync(join(folder, 'dictionary'), '$INCLUDE /usr/share/freeradius/dictionary\n');
  const lines = Object.entries(users).map(
    ([user, password]) => `${user} Cleartext-Password := "${password}"\n`,
  );
  writeFileSync(join(folder, 'users'), lines.join(''));
  mkdirSync(join(folder, 'run'));
  const peer = startPeer('freeradius', ['-f', '-l', 'stdout', '-d', folder], folder);
  const stop = async (): Promise<void> => {
    await peer.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await waitForPort(peer, 'udp', authPort);
    await waitForPort(peer, 'udp', accountingPort);
  } catch (error) {
    await stop();
    throw error;
  }
  const detail = join(folder, 'detail');
  const told = (): readonly string[] =>
    existsSync(detail)
      ? readFileSync(detail, 'utf8')
          .split('\n\n')
          .filter((text) => text.trim() !== '')
      : [];
  return { authPort, accountingPort, secretFile, told, output: () => peer.output(), stop };
}

/** Debian's release does not sign its answers unless told to; later ones do when the question is signed. */
function configuration(folder: string, secret: string, authPort: number, accountingPort: number): string {
  return `prefix = /usr
libdir = /usr/lib/freeradius
raddbdir = ${folder}
logdir = ${folder}
run_dir = ${folder}/run
security {
  reject_delay = 0
}
log {
  destination = stdout
}
thread pool {
  start_servers = 1
  max_servers = 2
  min_spare_servers = 1
  max_spare_servers = 2
}
client loopback {
  ipaddr = 127.0.0.1
  secret = "${secret}"
  require_message_authenticator = yes
}
modules {
  digest {
  }
  files {
    filename = ${folder}/users
  }
  detail {
    filename = ${folder}/detail
  }
}
server default {
  ${listener('auth', authPort)}
  ${listener('acct', accountingPort)}
  authorize {
    digest
    files
  }
  authenticate {
    digest
  }
  post-auth {
    ${SIGN}
    Post-Auth-Type REJECT {
      ${SIGN}
    }
  }
  accounting {
    detail
  }
}
`;
}

const SIGN = `update reply {
      &Message-Authenticator := 0x00
    }`;

function listener(type: 'auth' | 'acct', port: number): string {
  return `listen {
    type = ${type}
    ipaddr = 127.0.0.1
    port = ${port}
  }`;
}
