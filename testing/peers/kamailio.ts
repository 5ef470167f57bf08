/** Kamailio as a registrar that asks for digest; its users have one password. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts, startPeer, waitForPort } from './peer.ts';

/** A running Kamailio. */
export interface Kamailio {
  readonly port: number;
  output(): string;
  stop(): Promise<void>;
}

/** Starts it; it serves this domain, and logs each binding that is made or taken back. */
export async function startKamailio(
  domain: string,
  password: string,
  algorithm: 'MD5' | 'SHA-256' = 'MD5',
): Promise<Kamailio> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-kamailio-'));
  const [port = 0] = await freePorts(1);
  const config = join(folder, 'kamailio.cfg');
  writeFileSync(config, configuration(domain, password, algorithm, port));
  const args = ['-f', config, '-Y', folder, '-P', join(folder, 'pid'), '-DD', '-E', '-m', '64', '-M', '8'];
  const peer = startPeer('kamailio', args, folder);
  const stop = async (): Promise<void> => {
    await peer.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await waitForPort(peer, 'udp', port);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, output: () => peer.output(), stop };
}

function configuration(domain: string, password: string, algorithm: string, port: number): string {
  return `#!KAMAILIO
debug=1
log_stderror=yes
children=1
disable_tcp=yes
auto_aliases=no
alias="${domain}"
listen=udp:127.0.0.1:${port}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
loadmodule "xlog.so"
modparam("usrloc", "db_mode", 0)
modparam("registrar", "min_expires", 120)
modparam("auth", "algorithm", "${algorithm}")
request_route {
  if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
  if (!is_method("REGISTER")) { sl_send_reply("405", "Method Not Allowed"); exit; }
  if (!pv_auth_check("$fd", "${password}", "0", "1")) { auth_challenge("$fd", "1"); exit; }
  xlog("L_ERR", "saves contact $ct expires $hdr(Expires)\\n");
  save("location");
}
`;
}
