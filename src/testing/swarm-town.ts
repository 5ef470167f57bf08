/** A random town: lives through its plan, then comes to rest. */
import type { Millis } from '../base/world.ts';
import { DialledCall } from './phone-dialled.ts';
import type { Answers } from './phone-incoming.ts';
import { Phone } from './phone.ts';
import { SimRandom } from './sim-random.ts';
import { type SimWorld, simWorld } from './sim-world.ts';
import { Stranger } from './stranger.ts';
import type { SwarmDisk } from './swarm-disk.ts';
import { passwordOf, SwarmExchange } from './swarm-exchange.ts';
import { Hostile } from './swarm-hostile.ts';
import { SwarmLog } from './swarm-log.ts';
import type { Action, SwarmPlan } from './swarm-plan.ts';
import { EXCHANGE, PORTS } from './town.ts';

/** Trouble is over: what is still said gets through, and calls are hung up. */
const HANG_UP_MS = 40_000;
/** Longer than timer C, a session without a sign of life, and the hold of a pool's channel. */
const REST_MS = 320_000;
/** The longest time that a binding is acknowledged for, and a moment. */
const BINDING_MAX_MS = 7_200_000 + 1_000;
const PROBE_STEP_MS = 500;
const PROBE_STEPS = 40;
const CARRIER_ANSWERS_MS = 700;
const WELL: Answers = { afterMs: CARRIER_ANSWERS_MS };
const CALM = { loss: 0, jitterMs: 0, reordering: 0, duplication: 0 };

/** One phone, and whether it is there. */
interface Resident {
  readonly phone: Phone;
  readonly host: string;
  present: boolean;
}

/** See above. */
export class SwarmTown {
  readonly plan: SwarmPlan;
  readonly world: SimWorld;
  readonly disk: SwarmDisk;
  readonly log: SwarmLog;
  readonly exchange: SwarmExchange;
  /** Names of hosts, for ladders. */
  readonly hosts: Record<string, string> = {};
  /** What nobody waited for and went wrong. */
  readonly faults: unknown[] = [];
  /** Moments at which the wall clock was moved. */
  readonly wallJumps: Millis[] = [];
  private readonly residents: Resident[] = [];
  private readonly carriers: Phone[] = [];
  private readonly hostiles: Hostile[] = [];
  private resting = false;

  constructor(plan: SwarmPlan, disk: SwarmDisk) {
    const { seed } = plan.options;
    this.plan = plan;
    this.disk = disk;
    this.world = simWorld(seed);
    this.log = new SwarmLog(this.world.clock, plan.strangers);
    this.exchange = new SwarmExchange(this.world.host(EXCHANGE), plan, disk, this.log);
  }

  /** From the first registration to the last timer. The exchange is left running, with nothing to do. */
  async live(): Promise<void> {
    const { world, plan } = this;
    await this.open();
    for (const { atMs, action } of plan.timeline) {
      if (atMs > world.clock.now()) await world.run(atMs - world.clock.now());
      this.perform(action);
    }
    await this.rest();
  }

  /** Every phone is switched off. */
  leave(): void {
    for (const phone of this.phones) phone.close();
  }

  /** Those of the carriers included. */
  get phones(): readonly Phone[] {
    return [...this.residents.map(({ phone }) => phone), ...this.carriers];
  }

  private async open(): Promise<void> {
    const { world, plan } = this;
    for (const nat of plan.nats) world.nat(nat);
    await world.until(this.exchange.start());
    for (const planned of plan.phones) await this.addPhone(planned);
    for (const [at, host] of plan.carriers.entries()) await this.addCarrier(host, at);
    for (const [at, host] of plan.strangers.entries()) {
      const stranger = await new Stranger(world, host, { host: EXCHANGE, port: PORTS.udp }).open();
      this.hostiles.push(new Hostile(stranger, new SimRandom(plan.options.seed, host), world.network));
      this.hosts[host] = `stranger${at}`;
    }
  }

  private async addPhone({
    name,
    user,
    domain,
    host,
    transport,
  }: SwarmPlan['phones'][number]): Promise<void> {
    const phone = new Phone(this.world.host(host), {
      name,
      at: { host, port: PORTS.udp },
      server: { host: EXCHANGE, port: PORTS[transport] },
      aor: `sip:${user}@${domain}`,
      password: passwordOf(user),
      transport,
    });
    await phone.open();
    this.residents.push({ phone, host, present: true });
    this.hosts[host] = name;
  }

  private async addCarrier(host: string, at: number): Promise<void> {
    const phone = new Phone(this.world.host(host), {
      name: `carrier${at}`,
      at: { host, port: PORTS.udp },
      server: { host: EXCHANGE, port: PORTS.udp },
      aor: `sip:+49170${at}@carrier.example`,
    });
    await phone.open();
    phone.answers = WELL;
    this.carriers.push(phone);
    this.hosts[host] = phone.name;
  }

  // ─── what happens ───────────────────────────────────────────────────────────────────────────────

  private perform(action: Action): void {
    const { world } = this;
    switch (action.do) {
      case 'call':
        return this.call(action);
      case 'inbound':
        return this.inbound(action);
      case 'register':
        return this.with(action.phone, (phone) => this.later(phone.register({ expires: action.expires })));
      case 'ask':
        return this.with(action.phone, (phone) => this.later(phone.request(action.method, action.to)));
      case 'mood':
        return this.with(action.phone, (phone) => void (phone.answers = answersOf(action)));
      case 'misbehave':
        return this.with(action.phone, (phone) => void (phone.misbehaves[action.how] = action.does));
      case 'vanish':
        return this.vanish(action.phone, action.forMs);
      case 'weather':
        return world.network.conditions(action);
      case 'cut':
        world.network.cut(action.host);
        world.clock.after(action.forMs, () => world.network.heal(action.host));
        return;
      case 'carrier':
        return this.turnCarrier(action.carrier, action.mood);
      default:
        return this.performOnExchange(action);
    }
  }

  private performOnExchange(
    action: Extract<Action, { do: 'crash' | 'restart' | 'reload' | 'clock' | 'disk' | 'hostile' }>,
  ): void {
    const { world, exchange, disk } = this;
    switch (action.do) {
      case 'crash':
        return this.later(this.crash(action.downMs));
      case 'restart':
        return this.later(this.restart(action.downMs));
      case 'reload':
        return this.later(exchange.reload());
      case 'clock':
        this.wallJumps.push(world.clock.now());
        return world.clock.jumpWall(action.byMs);
      case 'disk':
        disk.commitMs = action.commitMs;
        disk.broken = action.broken;
        return;
      case 'hostile':
        for (let time = 0; time < action.times; time++) this.hostiles[action.stranger]?.attack(action.kind);
        return;
    }
  }

  private call({ phone, to, ending, afterMs, asks }: Extract<Action, { do: 'call' }>): void {
    const { clock } = this.world;
    this.with(phone, (caller) => {
      const call = caller.dial(to);
      for (const method of asks) {
        clock.after(afterMs / 2, () => {
          if (call.state !== 'talking') return;
          this.later(method === 'INVITE' ? call.reinvite() : call.request(method));
        });
      }
      if (ending !== 'nobody') clock.after(afterMs, () => this.hangUp(call, ending));
    });
  }

  private hangUp(call: DialledCall, ending: 'caller' | 'callee' | 'both' | 'cancel'): void {
    if (ending === 'cancel') return call.cancel();
    if (ending !== 'callee') call.hangUp();
    if (ending === 'caller') return;
    for (const phone of this.everyPhone()) {
      for (const incoming of phone.incoming) if (incoming.callId === call.callId) incoming.hangUp();
    }
  }

  private inbound({ carrier, to, afterMs }: Extract<Action, { do: 'inbound' }>): void {
    const call = this.carriers[carrier]?.dial(to);
    this.world.clock.after(afterMs, () => call?.hangUp());
  }

  /** The plug is pulled, and put in again. */
  private vanish(at: number, forMs: Millis): void {
    const resident = this.residents[at];
    if (resident === undefined || !resident.present) return;
    resident.present = false;
    resident.phone.close();
    this.world.clock.after(forMs, () => this.later(this.comeBack(resident)));
  }

  private async comeBack(resident: Resident): Promise<void> {
    await resident.phone.open();
    resident.present = true;
    if (!this.resting) await resident.phone.register();
  }

  private turnCarrier(at: number, mood: Extract<Action, { do: 'carrier' }>['mood']): void {
    const carrier = this.carriers[at];
    const host = this.plan.carriers[at];
    if (carrier === undefined || host === undefined) return;
    const { network } = this.world;
    if (mood === 'dead') network.cut(host);
    else network.heal(host);
    if (mood === 'well') carrier.answers = WELL;
    else if (mood === 'silent') carrier.answers = 'silent';
    else if (mood !== 'dead') carrier.answers = { afterMs: 20, status: mood === 'busy' ? 486 : 503 };
  }

  private async crash(downMs: Millis): Promise<void> {
    if (this.exchange.current === undefined) return;
    this.exchange.crash();
    await this.exchange.sleep(downMs);
    await this.exchange.start();
  }

  private async restart(downMs: Millis): Promise<void> {
    const stopped = await this.exchange.stop();
    if (stopped === undefined) return;
    stopped.process.kill();
    await this.exchange.sleep(downMs);
    await this.exchange.start();
  }

  // ─── coming to rest ─────────────────────────────────────────────────────────────────────────────

  private async rest(): Promise<void> {
    const { world, plan, disk } = this;
    this.resting = true;
    world.network.conditions(CALM);
    for (const host of [...plan.phones.map((phone) => phone.host), ...plan.carriers])
      world.network.heal(host);
    disk.commitMs = 1;
    disk.broken = false;
    for (const carrier of plan.carriers.keys()) this.turnCarrier(carrier, 'well');
    for (const { phone } of this.residents) {
      Object.assign(phone.misbehaves, { neverAcks: false, ignoresBye: false, ignoresCancel: false });
      phone.answers = { afterMs: 0, status: 486 };
    }
    for (const quietMs of [HANG_UP_MS, HANG_UP_MS, REST_MS]) {
      this.hangUpAll();
      await world.run(quietMs);
    }
    for (const { phone } of this.residents) this.later(phone.unregister());
    await world.run(HANG_UP_MS);
    // Whoever was unplugged has left bindings that nobody takes back: they end by themselves.
    if ((this.exchange.current?.location.count ?? 0) > 0) await world.run(BINDING_MAX_MS);
    await world.run(HANG_UP_MS);
    // Carriers are asked whether they live, for ever: this is to be the time between two questions.
    for (let step = 0; step < PROBE_STEPS && this.exchange.current?.exchange.layer.count !== 0; step++) {
      await world.run(PROBE_STEP_MS);
    }
  }

  private hangUpAll(): void {
    for (const phone of this.everyPhone()) for (const call of phone.calls) call.hangUp();
  }

  private everyPhone(): Phone[] {
    return [...this.residents.filter(({ present }) => present).map(({ phone }) => phone), ...this.carriers];
  }

  private with(at: number, act: (phone: Phone) => void): void {
    const resident = this.residents[at];
    if (resident?.present === true) act(resident.phone);
  }

  /** Goes on by itself. */
  private later(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.faults.push(error));
  }
}

function answersOf({ status, ringMs, afterMs }: Extract<Action, { do: 'mood' }>): Answers {
  if (status === 0) return 'ring';
  if (status < 0) return 'silent';
  const headers = status === 302 ? [['Contact', '<sip:bob@example.com>'] as const] : [];
  return { status, ringMs, afterMs, headers };
}
