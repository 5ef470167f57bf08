/** nsd: an authoritative name server of another maker, with one zone that the test writes. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts, type Peer, startPeer, waitForPort } from './peer.ts';

/** A running name server. */
export interface NameServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Starts it on the loopback; `records` are lines of a master file. RFC 1035 §5 */
export async function startNameServer(
  folder: string,
  zone: string,
  records: readonly string[],
): Promise<NameServer> {
  const [port = 0] = await freePorts(1);
  const file = (name: string): string => JSON.stringify(join(folder, name));
  writeFileSync(join(folder, 'zone'), `${[...head(zone), ...records].join('\n')}\n`);
  writeFileSync(
    join(folder, 'nsd.conf'),
    `server:
  ip-address: 127.0.0.1
  port: ${port}
  username: ""
  chroot: ""
  server-count: 1
  database: ""
  zonesdir: ${JSON.stringify(folder)}
  pidfile: ${file('nsd.pid')}
  xfrdfile: ${file('xfrd.state')}
  zonelistfile: ${file('zone.list')}
  xfrdir: ${JSON.stringify(folder)}
remote-control:
  control-enable: no
zone:
  name: ${zone}
  zonefile: ${file('zone')}
`,
  );
  const peer: Peer = startPeer('nsd', ['-d', '-c', join(folder, 'nsd.conf')], folder);
  try {
    await waitForPort(peer, 'udp', port);
  } catch (error) {
    await peer.stop();
    throw error;
  }
  return { port, stop: () => peer.stop() };
}

function head(zone: string): readonly string[] {
  return [
    `$ORIGIN ${zone}.`,
    '$TTL 60',
    '@ SOA ns hostmaster 1 3600 600 86400 30',
    '@ NS ns',
    'ns A 127.0.0.1',
  ];
}
