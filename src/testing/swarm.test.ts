import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TROUBLE_NAMES } from '../cli/swarm.ts';
import { CallIndex } from './laws-calls.ts';
import { LAWS } from './laws.ts';
import { parseMessage } from '../sip/parse.ts';
import { diskMaker } from './swarm-disk.ts';
import { SENTINEL } from './swarm-hostile.ts';
import type { Overheard } from './swarm-log.ts';
import { type Action, type SwarmOptions, TROUBLES } from './swarm-plan.ts';
import { swarmPlan } from './swarm-planner.ts';
import { SwarmTown } from './swarm-town.ts';
import { commandOf, runSwarm, shrink, type SwarmOutcome } from './swarm.ts';
import { EXCHANGE } from './town.ts';

const makeDisk = await diskMaker();

test('the same seed gives the same run, another seed another one', async () => {
  const runs = [4, 4, 5].map((seed) => runSwarm({ seed, minutes: 1 }, makeDisk));

  const [one, again, other] = await Promise.all(runs);

  assert.equal(one?.fingerprint, again?.fingerprint);
  assert.notEqual(one?.fingerprint, other?.fingerprint);
});

test('leaving out a kind of trouble leaves everything else as it was', () => {
  const kinds = (actions: readonly Action[]): string[] => actions.map((action) => JSON.stringify(action));
  const whole = swarmPlan({ seed: 3, minutes: 4 });
  const calmer = swarmPlan({ seed: 3, minutes: 4, without: ['reloads', 'clock'] });
  const left = new Set(['reload', 'clock']);

  const kept = whole.timeline.map(({ action }) => action).filter((action) => !left.has(action.do));

  assert.deepEqual(kinds(calmer.timeline.map(({ action }) => action)), kinds(kept));
});

test('fewer phones are the same phones, as many as were asked for', () => {
  const [two, five] = [2, 5].map((phones) => swarmPlan({ seed: 3, minutes: 1, phones }).phones);

  assert.deepEqual(two, five?.slice(0, 2));
});

test('the command names what was left out', () => {
  assert.equal(commandOf({ seed: 7, minutes: 2 }), 'tandem swarm --seed 7 --minutes 2');
  assert.equal(
    commandOf({ seed: 7, minutes: 1, phones: 2, without: ['weather', 'disk'] }),
    'tandem swarm --seed 7 --minutes 1 --phones 2 --without weather,disk',
  );
  assert.deepEqual(TROUBLE_NAMES, TROUBLES);
});

test('a town that breaks a law is made smaller as long as it breaks the same one', async () => {
  const outcome = (options: SwarmOptions): SwarmOutcome => {
    const { phones = 9, minutes, without = [] } = options;
    // Needs four phones, two minutes and crashes; with three phones it would break another law.
    const law = phones < 4 ? 'another' : 'this one';
    const breaks = minutes >= 2 && !without.includes('crashes');
    const breaches = breaks ? [{ law, why: 'it does' }] : [];
    return { options, breaches, fingerprint: '', messages: 0, ladder: '' };
  };

  const { options } = await shrink(outcome({ seed: 7, minutes: 8, phones: 9 }), (smaller) =>
    Promise.resolve(outcome(smaller)),
  );

  const others = TROUBLES.filter((trouble) => trouble !== 'crashes');
  assert.deepEqual(options, { seed: 7, minutes: 2, phones: 4, without: others });
});

/** A town in which everything is as it should be; what a test then does to it must break the law. */
async function lawfulTown(): Promise<SwarmTown> {
  const town = new SwarmTown(swarmPlan({ seed: 92, minutes: 1, phones: 4, without: TROUBLES }), makeDisk());
  await town.live();
  return town;
}

const saidBy = (town: SwarmTown, begins: string): Overheard => {
  const found = town.log.messages.find(
    ({ heard, message }) => !heard && message.headers.text.startsWith(begins),
  );
  assert(found !== undefined, `the exchange said ${begins}`);
  return found;
};

/** The same message with another text, a moment later. */
function later(of: Overheard, change: (text: string) => string): Overheard {
  const message = parseMessage(change(of.message.headers.text));
  assert(message.kind !== 'bad');
  return { ...of, atMs: of.atMs + 20_000, message };
}

function answeredInvite(town: SwarmTown): { readonly callId: string; readonly fromTag: string } {
  const { invites } = new CallIndex(town.log.messages, () => false);
  const found = invites.find(
    ({ finals, branches, inDialog }) => !inDialog && branches.length === 1 && finals[0]?.status === 200,
  );
  assert(found !== undefined, 'a call was answered');
  return found;
}

const crimes: Readonly<Record<keyof typeof LAWS, (town: SwarmTown) => void>> = {
  'nothing fails that nobody waits for': (town) => void town.faults.push(new Error('nobody looks')),
  'no mistake of ours is in the log': (town) =>
    town.world.host(EXCHANGE).log.error('a message could not be handled'),
  'every INVITE gets one final response': (town) => {
    const { callId } = answeredInvite(town);
    const ok = town.log.messages.find(
      ({ heard, message }) =>
        !heard && message.kind === 'response' && message.callId === callId && message.status === 200,
    );
    assert(ok !== undefined);
    town.log.messages.push(later(ok, (text) => text.replace('200 OK', '486 Busy Here')));
  },
  'no branch rings on when the call is over': (town) => {
    const { messages } = town.log;
    const left = messages.filter(({ message, heard }) => heard || message.method !== 'CANCEL');
    // Nor did those that were cancelled say so.
    messages.splice(
      0,
      messages.length,
      ...left.filter((m) => !(m.heard && m.message.headers.text.startsWith('SIP/2.0 487'))),
    );
  },
  'no branch begins when the call was answered': (town) => {
    const { callId } = answeredInvite(town);
    const branch = town.log.messages.find(
      ({ heard, message }) =>
        !heard && message.kind === 'request' && message.method === 'INVITE' && message.callId === callId,
    );
    assert(branch !== undefined);
    town.log.messages.push(later(branch, (text) => text.replace('branch=z9hG4bK', 'branch=z9hG4bKother')));
  },
  'where nothing is in the way every call ends at its phones': (town) => {
    const [call] = town.phones.flatMap(({ calls }) => calls);
    assert(call !== undefined);
    call.state = 'ringing';
  },
  'every call that was answered has one record': (town) => {
    const { callId, fromTag } = answeredInvite(town);
    const values = [999_999, callId, fromTag, 'a', 'b', 'sip:a@b', null, '192.0.2.7:5060', 0];
    town.disk.commit([
      { statement: 'openCall', values },
      { statement: 'answerCall', values: [0, 0, 200, 999_999] },
    ]);
  },
  'a record has the right seconds': (town) => {
    const byes = town.log.messages.filter(({ heard, message }) => heard && message.method === 'BYE');
    for (const bye of byes) Object.assign(bye, { atMs: bye.atMs + 5_000 });
  },
  'no binding outlives its time': (town) => {
    for (const one of town.log.messages) {
      if (one.message.method === 'INVITE') Object.assign(one, { atMs: one.atMs + 90_000_000 });
    }
  },
  'no registration that was acknowledged is lost': (town) => {
    const [run] = town.exchange.runs;
    assert(run !== undefined);
    const restored = new Map<string, string[]>();
    town.exchange.runs.push({ ...run, restored, startedMs: 3_000, startedWall: run.startedWall + 3_000 });
  },
  'a victim of strangers gets no packet': (town) => void town.log.addressed.add(SENTINEL),
  'nothing is relayed for strangers': (town) => {
    const evil = later(saidBy(town, 'INVITE'), (text) => text.replace('Call-ID: ', 'Call-ID: evil-'));
    town.log.messages.push(evil);
  },
  'only SIP is said': (town) => void town.log.gibberish.push('hello'),
  'nothing is said again without end': (town) => {
    const invite = saidBy(town, 'INVITE');
    for (let time = 0; time < 100; time++) town.log.messages.push(invite);
  },
  'nothing is left when all is quiet': (town) => {
    town.exchange.current?.exchange.layer.slab.put('a text that nobody frees');
  },
};

for (const [law, commit] of Object.entries(crimes)) {
  test(`who breaks it is caught: ${law}`, async () => {
    const town = await lawfulTown();
    const judge = LAWS[law];
    const index = (): CallIndex =>
      new CallIndex(town.log.messages, (host) => town.plan.strangers.includes(host));
    assert.deepEqual(judge?.({ town, index: index() }), []);

    commit(town);

    assert.notEqual(judge?.({ town, index: index() }).length, 0);
    town.disk.close();
  });
}

test('every law has somebody who breaks it', () => {
  assert.deepEqual(Object.keys(crimes), Object.keys(LAWS));
});
