/** Kamailio as a proxy that record-routes all calls to one place: before us, or behind us. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kamailio } from './kamailio.ts';
import { startPeer, waitForPort } from './peer.ts';

/** Where it stands in the way from caller to callee. */
export interface KamailioProxyOptions {
  readonly port: number;
  readonly transport: 'udp' | 'tcp';
  /** `caller`: in front of us; the Request-URI stays. `callee`: behind us; the Request-URI is that of its phone. */
  readonly side: 'caller' | 'callee';
  /** The port that calls go to. */
  readonly next: number;
  /** It speaks TLS with us, on a port of its own; `transport` is what the phone on its side speaks. */
  readonly secure?: SecureSide;
}

/** Its certificate, and whom it believes. */
export interface SecureSide {
  readonly port: number;
  readonly certificate: string;
  readonly key: string;
  readonly authority: string;
}

/** Starts it. */
export async function startKamailioProxy(options: KamailioProxyOptions): Promise<Kamailio> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-kamailio-'));
  const config = join(folder, 'kamailio.cfg');
  writeFileSync(config, configuration(options));
  const args = ['-f', config, '-Y', folder, '-P', join(folder, 'pid'), '-DD', '-E', '-m', '64', '-M', '8'];
  const peer = startPeer('kamailio', args, folder);
  const stop = async (): Promise<void> => {
    await peer.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await waitForPort(peer, options.transport, options.port);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port: options.port, output: () => peer.output(), stop };
}

/**
 * A phone's Contact says nothing of TCP, so whoever is next to the phone writes down how it is reached: in front of the
 * caller that is the Contact of requests, before the callee that of replies.
 */
function configuration({ port, transport, side, next, secure }: KamailioProxyOptions): string {
  const onwardBy = secure !== undefined && side === 'caller' ? 'tls' : transport;
  const target = `sip:127.0.0.1:${next};transport=${onwardBy}`;
  const onward =
    side === 'caller' ? `$du = "${target}";` : `$ru = "sip:callee@127.0.0.1:${next};transport=${transport}";`;
  const noteCaller = side === 'caller' ? 'add_contact_alias();' : '';
  const noteCallee = side === 'callee' ? 'add_contact_alias();' : '';
  return `#!KAMAILIO
debug=1
log_stderror=yes
children=1
tcp_children=1
${transport === 'udp' && secure === undefined ? 'disable_tcp=yes' : ''}
auto_aliases=no
listen=${transport}:127.0.0.1:${port}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "rr.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "nathelper.so"
${secure === undefined ? '' : tlsLines(secure)}
request_route {
  if (is_method("CANCEL")) {
    if (t_check_trans()) t_relay();
    exit;
  }
  if (has_totag()) {
    if (loose_route()) {
      if ($du == "") handle_ruri_alias();
      if (is_method("INVITE")) {
        record_route();
        t_on_reply("back");
      }
      t_relay();
      exit;
    }
    if (is_method("ACK")) {
      if (t_check_trans()) t_relay();
      exit;
    }
    sl_send_reply("481", "No Such Dialog");
    exit;
  }
  t_check_trans();
  record_route();
  ${noteCaller}
  t_on_reply("back");
  ${onward}
  t_relay();
}
onreply_route[back] {
  ${noteCallee === '' ? 'return;' : noteCallee}
}
`;
}

/** It shows its certificate, and looks at ours. */
function tlsLines({ port, certificate, key, authority }: SecureSide): string {
  return `enable_tls=yes
loadmodule "tls.so"
listen=tls:127.0.0.1:${port}
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "certificate", "${certificate}")
modparam("tls", "private_key", "${key}")
modparam("tls", "ca_list", "${authority}")
modparam("tls", "verify_certificate", 1)`;
}
