/** What is judged is what is dialled: an address in another spelling is a name, and leads where our resolver says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Router, script } from '../route/router.ts';
import { request, statusOf } from '../testing/mallory.ts';
import { Stranger } from '../testing/stranger.ts';
import { EXCHANGE, type Town, town } from '../testing/town.ts';

const relaying = script(() => new Router().request((c) => c.relay()));
const TARGET = { host: EXCHANGE, port: 5060 };
const DATABASE = '10.0.0.5';
const OPEN = '192.0.2.77';
const ASKER = '192.0.2.66';

/** Each is 10.0.0.5 to the C library, or to some. */
const spellings = ['012.0.0.5', '10.0.0.05', '010.0.0.5', '10.00.0.5', '10.5', '0xa.0.0.5', '167772165'];

interface Tried {
  readonly t: Town;
  readonly status: number;
  /** To whom the exchange sent, or connected. */
  readonly tried: readonly string[];
}

async function asked(uri: string, leadsTo?: readonly [name: string, address: string]): Promise<Tried> {
  const settings = { guard: { closed_networks: ['10.0.0.0/8'] } };
  const t = await town(relaying, { people: {}, settings });
  if (leadsTo !== undefined) t.world.names.address(...leadsTo);
  const tried: string[] = [];
  const net = t.world.host(EXCHANGE).net;
  const connect = net.connect.bind(net);
  net.connect = (to, user, options) => {
    tried.push(to.host);
    return connect(to, user, options);
  };
  const asker = await new Stranger(t.world, ASKER, TARGET).open();

  asker.send(request({ method: 'MESSAGE', uri, via: `SIP/2.0/UDP ${ASKER}:5060` }));
  await t.run(40_000);

  const sent = t.net.trace.entries.filter(
    ({ fromHost, toHost }) => fromHost === EXCHANGE && toHost !== ASKER,
  );
  tried.push(...sent.filter(({ transport }) => transport === 'udp').map(({ toHost }) => toHost));
  t.stop();
  return { t, status: statusOf(asker.heard.at(-1)), tried };
}

for (const transport of ['udp', 'tcp']) {
  test(`${DATABASE} is led to by nobody, over ${transport}`, async () => {
    const { status, tried } = await asked(`sip:x@${DATABASE};transport=${transport}`);

    assert.deepEqual([status, tried], [480, []]);
  });

  for (const host of spellings) {
    test(`${host} over ${transport} is a name, and what is no address is dialled by nobody`, async () => {
      const uri = `sip:x@${host};transport=${transport}`;

      const unknown = await asked(uri);
      const closed = await asked(uri, [host, DATABASE]);
      const open = await asked(uri, [host, OPEN]);

      assert.deepEqual([unknown.status, unknown.tried], [480, []]);
      assert.equal(unknown.t.world.names.asked.includes(`A ${host}`), true);
      assert.deepEqual([closed.status, closed.tried], [480, []]);
      assert.deepEqual([...new Set(open.tried)], [OPEN]);
    });
  }

  test(`an address in IPv6 with a zero in front is none at all, over ${transport}`, async () => {
    const { status, tried } = await asked(`sip:x@[::ffff:012.0.0.5];transport=${transport}`);

    assert.deepEqual([status, tried], [400, []]);
  });
}
