/** The ACK for a 2xx: a request of its own, in no transaction. RFC 3261 §13.2.2.4 */
import type { Dialog } from '../dialog/dialog.ts';
import { asBytes } from '../sip/headers.ts';
import type { Flow } from '../transport/flow.ts';
import type { AgentCore } from './core.ts';
import type { OutgoingRequest } from './outgoing.ts';
import type { WithinParts } from './session.ts';

/** Bits of chance in the branch of an ACK. */
const BRANCH_BITS = 96;

/** One ACK. It goes out as often as its 2xx comes. */
export interface Ack {
  send(): void;
}

/** Puts the ACK together; where it goes is looked up once. */
export function ackFor2xx(core: AgentCore, dialog: Dialog, invite: OutgoingRequest, parts: WithinParts): Ack {
  const { uri, headers, next } = dialog.within();
  const { order } = dialog;
  const branch = `${core.layer.branchPrefix}a${core.world.random.token(BRANCH_BITS)}`;
  const bytes = asBytes(parts.body ?? '');
  let rest = 'Max-Forwards: 70\r\n';
  for (const [name, value] of headers) rest += `${name}: ${value}\r\n`;
  rest += `CSeq: ${invite.cseq} ACK\r\n`;
  // RFC 3261 §22.1: an ACK cannot be challenged, so it says again what its INVITE proved.
  for (const [name, value] of invite.proofs) rest += `${name}: ${value}\r\n`;
  if (bytes !== '') rest += `Content-Type: ${parts.contentType ?? 'application/sdp'}\r\n`;
  rest += `Content-Length: ${bytes.length}\r\n\r\n${bytes}`;
  const sendBy = (flow: Flow | undefined): void => {
    if (flow === undefined) return;
    const transport = flow.transport === 'udp' ? 'UDP' : flow.transport.toUpperCase();
    const text = `ACK ${uri} SIP/2.0\r\nVia: SIP/2.0/${transport} ${flow.sentBy};branch=${branch}\r\n${rest}`;
    flow.send(text, order);
  };
  return {
    send() {
      const way = dialog.way ?? core.waysTo(next, order, dialog).next();
      if (way instanceof Promise) void way.then(sendBy);
      else sendBy(way);
    },
  };
}
