/** World + settings + script + stores → a running exchange. The wiring, and nothing else. */
import type { World } from '../base/world.ts';
import { Proxy } from '../proxy/proxy.ts';
import { RouteSigner } from '../proxy/route-signer.ts';
import { Dispatcher } from '../route/dispatcher.ts';
import type { Router, Script } from '../route/router.ts';
import { TransactionLayer } from '../transaction/layer.ts';
import { Locator } from '../transport/locate.ts';
import { Transports } from '../transport/transports.ts';
import type { CallRecords } from '../billing/call-records.ts';
import type { Location } from '../location/location.ts';
import type { Subscribers } from '../subscriber/subscribers.ts';
import { noRecords } from '../route/call-observer.ts';
import { callObserver } from './calls.ts';
import { makeServices } from './services.ts';
import type { Settings } from './settings.ts';

/** Connections of all peers together. */
const CONNECTIONS_MAX = 50_000;

/** What outlives a restart; the exchange is given it open. */
export interface Stores {
  readonly subscribers: Subscribers;
  readonly location: Location;
  readonly calls: CallRecords;
  /** Signs route sets and nonces; the same after a restart, so that calls go on. */
  readonly secrets: { readonly route: string; readonly nonce: string };
}

/** What an exchange is made of. */
export interface ExchangeParts {
  readonly world: World;
  readonly settings: Settings;
  readonly script: Script;
  readonly stores: Stores;
}

/** A running exchange. */
export class Exchange {
  readonly transports: Transports;
  readonly layer: TransactionLayer;
  readonly dispatcher: Dispatcher;
  private readonly parts: ExchangeParts;

  private constructor(parts: ExchangeParts) {
    const { world, settings, stores } = parts;
    this.parts = parts;
    this.layer = new TransactionLayer(world, { transactionsMax: settings.sip.max_transactions });
    this.transports = new Transports(
      world,
      {
        advertise: settings.sip.advertise,
        domains: settings.sip.domains,
        limits: {
          connectionsPerSource: settings.sip.connections_per_source,
          connectionsMax: CONNECTIONS_MAX,
          messageMs: settings.sip.header_timeout_ms,
          idleMs: settings.sip.idle_timeout_ms,
        },
      },
      (text, flow) => this.dispatcher.receive(text, flow),
    );
    const proxy = new Proxy({
      world,
      layer: this.layer,
      transports: this.transports,
      locator: new Locator(world.net, world.log),
      signer: new RouteSigner(stores.secrets.route),
    });
    const calls = settings.calls.records ? callObserver(stores.calls) : noRecords;
    this.dispatcher = new Dispatcher({
      world,
      layer: this.layer,
      proxy,
      calls,
      router: this.make(parts.script),
    });
  }

  /** Listens on every address of the settings. Rejects with PORT_TAKEN when one cannot be had. */
  static async open(parts: ExchangeParts): Promise<Exchange> {
    const exchange = new Exchange(parts);
    try {
      for (const at of parts.settings.sip.listen) await exchange.transports.listen(at);
    } catch (error) {
      exchange.stop();
      throw error;
    }
    return exchange;
  }

  /** New requests go to this script; those begun under the old one keep it. */
  replaceScript(script: Script): void {
    this.dispatcher.router = this.make(script);
  }

  /** Whether a request that we relayed still waits for its end. */
  get busy(): boolean {
    return this.layer.hasPending;
  }

  /** From now on what would begin something new is answered 503; what has begun goes on. */
  refuseNew(): void {
    this.dispatcher.draining = true;
  }

  /** Closes every socket and ends every timer, at once. */
  stop(): void {
    this.transports.close();
    this.layer.stop();
  }

  private make(script: Script): Router<never> {
    const { world, settings, stores } = this.parts;
    return script(makeServices({ world, settings, stores, transports: this.transports }));
  }
}
