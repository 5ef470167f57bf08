/** Datagrams: a flow is a pair of addresses. RFC 3261 §18. */
import { Endpoint, ip4ToInt } from '../base/endpoint.ts';
import type { Net, UdpSocket } from '../base/world.ts';
import type { Flow } from './flow.ts';
import { mayBeStun, stunAnswer } from './stun.ts';

/** Flows remembered a socket; one more peer than that takes another's place. */
export const UDP_FLOWS_MAX = 65_536;

class UdpFlow implements Flow {
  readonly transport = 'udp';
  readonly reliable = false;
  readonly open = true;
  readonly remote: Endpoint;
  readonly sentBy: string;
  private readonly owner: UdpTransport;

  constructor(owner: UdpTransport, remote: Endpoint, sentBy: string) {
    this.owner = owner;
    this.remote = remote;
    this.sentBy = sentBy;
  }

  send(text: string, order: number): boolean {
    this.owner.socket.send(text, this.remote, order);
    return true;
  }

  toPort(port: number): Flow {
    return this.owner.flowTo(this.remote.host, port);
  }

  watch(): void {}

  unwatch(): void {}
}

/** What one UDP listener does: datagrams in, with the flow they came by; flows out. */
export class UdpTransport {
  readonly socket: UdpSocket;
  private readonly flows = noFlows();
  private readonly sentByFor: (remoteHost: string) => string;

  private constructor(socket: UdpSocket, sentByFor: (local: Endpoint, remoteHost: string) => string) {
    this.socket = socket;
    this.sentByFor = (remoteHost) => sentByFor(socket.local, remoteHost);
  }

  static async listen(
    net: Net,
    at: { host: string; port: number },
    sentByFor: (local: Endpoint, remoteHost: string) => string,
    receive: (text: string, flow: Flow) => void,
  ): Promise<UdpTransport> {
    const opening: { transport?: UdpTransport } = {};
    const socket = await net.udp(at, (text, from) => {
      const { transport } = opening;
      if (transport === undefined) return;
      if (mayBeStun(text)) transport.answerStun(text, from);
      else receive(text, transport.flowOf(from));
    });
    return (opening.transport = new UdpTransport(socket, sentByFor));
  }

  /** The flow to an address; the same object as long as the peer is remembered. */
  flowTo(host: string, port: number): Flow {
    const ip4 = ip4ToInt(host);
    const place = placeOf(ip4, host, port);
    const known = this.flows[place];
    if (known !== undefined && known.remote.port === port && known.remote.host === host) return known;
    return this.remember(place, new Endpoint(host, port));
  }

  /** RFC 5626 §3.5.2: on the port of SIP itself, so that the hole of the NAT is the same. */
  private answerStun(text: string, from: Endpoint): void {
    const answer = stunAnswer(text, from);
    if (answer !== undefined) this.socket.send(answer, from, 0);
  }

  private flowOf(from: Endpoint): Flow {
    const place = placeOf(from.ip4, from.host, from.port);
    const known = this.flows[place];
    if (known !== undefined && known.remote.equals(from)) return known;
    return this.remember(place, from);
  }

  private remember(place: number, remote: Endpoint): Flow {
    const flow = new UdpFlow(this, remote, this.sentByFor(remote.host));
    this.flows[place] = flow;
    return flow;
  }
}

function placeOf(ip4: number, host: string, port: number): number {
  let hash = ip4;
  if (hash === 0)
    for (let i = 0; i < host.length; i++) hash = Math.imul(hash ^ host.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ Math.imul(port, 0x9e3779b1), 0x85ebca6b);
  return (hash >>> 15) & (UDP_FLOWS_MAX - 1);
}

/** Filled one by one: an array that was made with a length has holes, and is slower to read for ever. */
function noFlows(): (UdpFlow | undefined)[] {
  const flows: (UdpFlow | undefined)[] = [];
  for (let place = 0; place < UDP_FLOWS_MAX; place++) flows.push(undefined);
  return flows;
}
