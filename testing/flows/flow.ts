/**
 * A flow: a town, what happens in it, and the ladder it gives. Ladders are golden files in `flows/`:
 *
 *   UPDATE_FLOWS=1 npm test -- testing/flows/*.test.ts     writes them anew, to be read before they are committed
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  type Plan,
  type RelayOptions,
  type RequestDecision,
  RequestContext,
  Router,
  type Script,
  script,
  type Target,
} from '../../src/index.ts';
import { parseUri } from '../../src/sip/uri.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { type Person, type Town, town, type TownOptions } from '../../src/testing/town.ts';

const FLOWS = join(import.meta.dirname, '../../flows');
const UPDATE = process.env['UPDATE_FLOWS'] === '1';

/** Who lives in the towns of all flows; a flow draws those it names. */
export const HOSTS = { alice: '192.0.2.11', bob: '192.0.2.12', carol: '192.0.2.13', dave: '192.0.2.14' };
type Name = keyof typeof HOSTS;

/** How the town of a flow is made. */
export interface FlowParts extends Pick<TownOptions, 'seed' | 'settings'> {
  /** Alice and bob unless told. */
  readonly people?: Partial<Record<Name, Person>>;
  /** What the exchange does with a request that begins something. */
  readonly route: (c: RequestContext) => RequestDecision | Promise<RequestDecision>;
}

/** A test: plays the flow, finds the exchange empty afterwards, and compares the ladder with `flows/<file>.ladder`. */
export function flow(file: string, title: string, parts: FlowParts, play: (t: Town) => Promise<void>): void {
  test(title, async () => {
    const people = Object.entries(parts.people ?? { alice: {}, bob: {} });
    const t = await town(scriptOf(parts.route), {
      ...parts,
      people: Object.fromEntries(
        people.map(([name, person]) => [name, { host: HOSTS[name as Name], ...person }]),
      ),
    });

    await play(t);

    await assertQuiet(t);
    t.stop();
    compare(file, `${title}\n\n${t.ladder()}`);
  });
}

/** Where somebody's phone is. */
export function at(name: Name, more: Omit<Target, 'uri'> & { transport?: 'tcp' } = {}): Target {
  const { transport, ...target } = more;
  const uri = parseUri(`sip:${name}@${HOSTS[name]}:5060${transport === undefined ? '' : ';transport=tcp'}`);
  return { uri, ...target };
}

/** The route of most flows. */
export function relayTo(plan: Plan, options: RelayOptions<{}> = {}): FlowParts['route'] {
  return (c) => c.relay(plan, options);
}

function scriptOf(route: FlowParts['route']): Script {
  return script(() => {
    const app = new Router();
    app.request(route);
    return app;
  });
}

/** With the golden file of that name, which it writes anew when it was told to. */
export function compare(file: string, drawn: string): void {
  const path = join(FLOWS, `${file}.ladder`);
  if (UPDATE) writeFileSync(path, drawn);
  assert.ok(existsSync(path), `${path} is there; UPDATE_FLOWS=1 makes it`);
  assert.equal(drawn, readFileSync(path, 'utf8'));
}
