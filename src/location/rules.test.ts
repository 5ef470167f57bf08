import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registrar, type RegisterText, save, valuesOf } from '../testing/registering.ts';
import type { LocationInput } from './location.ts';

const BOB = 'bob@example.com';
const DEVICE = '+sip.instance="<urn:uuid:1>"';
const OTHER = '+sip.instance="<urn:uuid:2>"';

function contact(value: string, more: Omit<RegisterText, 'lines'> = {}): RegisterText {
  return { ...more, lines: [`Contact: ${value}`] };
}

// When a contact takes the place of one before: the setting, what comes after <sip:a@h> with DEVICE, what is left.
type Matching = NonNullable<LocationInput['matching']>;
const matching: readonly [Matching, string, Omit<RegisterText, 'lines'>, string[]][] = [
  ['uri', `<sip:b@h>;${DEVICE}`, { cseq: 2 }, ['sip:a@h', 'sip:b@h']],
  ['uri', `<sip:%61@H>;${OTHER}`, { callId: 'x' }, ['sip:%61@H']],
  ['uri', '<sip:a@h;transport=tcp>', { cseq: 2 }, ['sip:a@h', 'sip:a@h;transport=tcp']],
  ['call-id', `<sip:b@h>;${OTHER}`, { cseq: 2 }, ['sip:b@h']],
  ['call-id', '<sip:b@h>', { cseq: 2, callId: 'x' }, ['sip:a@h', 'sip:b@h']],
  ['call-id', '<sip:b@h>, <sip:c@h>', { cseq: 2 }, ['sip:b@h', 'sip:c@h']],
  ['call-id', '<sip:b@h>, <sip:a@h>', { cseq: 2 }, ['sip:a@h', 'sip:b@h']],
  ['instance', `<sip:b@h>;${DEVICE}`, { cseq: 2, callId: 'x' }, ['sip:b@h']],
  ['instance', `<sip:b@h>;${OTHER}`, { cseq: 2 }, ['sip:a@h', 'sip:b@h']],
  ['instance', '<sip:b@h>', { cseq: 2 }, ['sip:a@h', 'sip:b@h']],
];

for (const [setting, value, more, left] of matching) {
  test(`by ${setting} ${value} ${more.callId ?? ''} leaves ${left.join(' and ')}`, () => {
    const r = registrar({ matching: setting });
    save(r, contact(`<sip:a@h>;${DEVICE}`));

    const outcome = save(r, contact(value, more));

    assert.equal(outcome.status, 200);
    assert.deepEqual(
      r.location
        .lookup(BOB)
        .map(({ uriText }) => uriText)
        .sort(),
      left,
    );
    assert.equal(r.location.count, left.length);
  });
}

test('by Call-ID a late REGISTER takes no place', () => {
  const r = registrar({ matching: 'call-id' });
  save(r, contact('<sip:a@h>', { cseq: 5 }));

  save(r, contact('<sip:b@h>', { cseq: 4 }));

  assert.equal(r.location.count, 2);
});

test('the oldest makes room for a new one, and a refresh makes young', async () => {
  const r = registrar({ whenFull: 'replace' });
  for (const name of ['a', 'b', 'c']) save(r, contact(`<sip:${name}@h>`, { callId: name }));
  save(r, contact('<sip:a@h>', { callId: 'a', cseq: 2 }));

  const outcome = save(r, contact('<sip:d@h>', { callId: 'd' }));
  await r.clock.run(1);

  assert.equal(outcome.status, 200);
  assert.deepEqual(
    r.location
      .lookup(BOB)
      .map(({ uriText }) => uriText)
      .sort(),
    ['sip:a@h', 'sip:c@h', 'sip:d@h'],
  );
});

test('who asks for more than there may be at all is refused, and changes nothing', () => {
  const r = registrar({ whenFull: 'replace' });
  save(r, contact('<sip:a@h>', { callId: 'a' }));

  assert.equal(save(r, contact('<sip:b@h>, <sip:c@h>, <sip:d@h>')).status, 200);
  assert.equal(save(r, contact('<sip:1@h>, <sip:2@h>, <sip:3@h>, <sip:4@h>', { callId: 'x' })).status, 403);
  assert.deepEqual(
    r.location
      .lookup(BOB)
      .map(({ uriText }) => uriText)
      .sort(),
    ['sip:b@h', 'sip:c@h', 'sip:d@h'],
  );
});

test('granted times are spread, never longer than asked for nor shorter than the least', () => {
  const r = registrar({ jitterPercent: 20, bindingsMax: 1000 });
  const granted = (asked: number): number[] =>
    Array.from({ length: 100 }, (_, i) => {
      const outcome = save(r, contact('<sip:a@h>', { cseq: asked + i }));
      return Number(/expires=(\d+)/.exec(valuesOf(outcome, 'Contact')[0] ?? '')?.[1]);
    });
  const ask = (seconds: number): number[] =>
    Array.from({ length: 100 }, (_, i) => {
      const outcome = save(r, {
        lines: [`Contact: <sip:a@h>;expires=${seconds}`],
        callId: `${seconds}`,
        cseq: i,
      });
      return Number(/expires=(\d+)/.exec(valuesOf(outcome, 'Contact')[0] ?? '')?.[1]);
    });

  const hour = granted(1);
  const minute = ask(62);

  assert.ok(Math.min(...hour) >= 2880 && Math.max(...hour) <= 3600 && new Set(hour).size > 50);
  assert.ok(Math.min(...minute) >= 60 && Math.max(...minute) <= 62);
  assert.deepEqual(new Set(ask(60)), new Set([60]));
});

// RFC 3327 §5.3: the setting, whether the phone says that it supports Path, the status, whether it is kept.
const paths: readonly [LocationInput['path'], boolean, number, string | undefined][] = [
  ['lazy', true, 200, '<sip:p1;lr>, <sip:p2;lr>'],
  ['lazy', false, 200, '<sip:p1;lr>, <sip:p2;lr>'],
  ['strict', true, 200, '<sip:p1;lr>, <sip:p2;lr>'],
  ['strict', false, 420, undefined],
  ['off', true, 200, undefined],
];

for (const [path = 'lazy', supported, status, kept] of paths) {
  test(`a Path ${supported ? 'that the phone knows of' : 'alone'} with path = "${path}": ${status}`, () => {
    const r = registrar({ path });
    const lines = ['Contact: <sip:a@h>', 'Path: <sip:p1;lr>', 'Path: <sip:p2;lr>'];

    const outcome = save(r, { lines: [...lines, ...(supported ? ['Supported: gruu, Path'] : [])] });

    assert.equal(outcome.status, status);
    assert.deepEqual(valuesOf(outcome, 'Unsupported'), status === 420 ? ['path'] : []);
    assert.equal(r.location.lookup(BOB)[0]?.path, kept);
    assert.deepEqual(valuesOf(outcome, 'Path'), kept === undefined ? [] : [kept]);
  });
}

// RFC 8599 §4.1, §5.3: the services we have, the parameters of the URI, the status.
const pushes: readonly [string[], string, number][] = [
  [['fcm', 'apns'], ';pn-provider=FCM;pn-prid=1', 200],
  [['fcm'], ';pn-provider=apns;pn-prid=1', 555],
  [['fcm'], ';pn-provider', 200],
  [['fcm'], '', 200],
  [[], ';pn-provider=anything;pn-prid=1', 200],
];

for (const [pushProviders, params, status] of pushes) {
  test(`a phone with "${params}" where we push by ${pushProviders.join(', ') || 'nothing'}: ${status}`, () => {
    const r = registrar({ pushProviders });

    const outcome = save(r, contact(`<sip:a@h${params}>`));

    assert.equal(outcome.status, status);
    const caps = pushProviders.map((name) => `*;+sip.pns="${name}"`).join(', ');
    assert.deepEqual(
      valuesOf(outcome, 'Feature-Caps'),
      status === 200 && params !== '' && caps ? [caps] : [],
    );
  });
}

test('a phone that we cannot push to may still take its binding away', () => {
  const r = registrar({ pushProviders: ['fcm'] });

  assert.equal(save(r, contact('<sip:a@h;pn-provider=apns>;expires=0')).status, 200);
});

test('how to wake a phone is on disk beside its binding, as long as it holds', async () => {
  const details: unknown[] = [];
  const r = registrar({}, (statement, values) => {
    if (statement === 'saveBindingDetails') details.push(values);
  });
  const uri = 'sip:a@h;pn-provider=acme;pn-param=acme-param;pn-prid=ZTY4ZDJlMzODE1NmUgKi0K';
  save(r, { lines: [`Contact: <${uri}>`, 'Allow: INVITE, ACK', 'Allow: BYE'] });
  save(r, { lines: [`Contact: <${uri}>`, 'Allow: INVITE, ACK', 'Allow: BYE'], cseq: 2 });
  save(r, { lines: [`Contact: <${uri}>`], cseq: 3 });
  await r.clock.run(1);

  const where = ['acme', 'acme-param', 'ZTY4ZDJlMzODE1NmUgKi0K', 'bob', 'example.com', uri];
  assert.deepEqual(details, [
    ['', 13, null, ...where],
    ['', null, null, ...where],
  ]);
  assert.deepEqual(r.location.lookup(BOB)[0]?.push, {
    provider: 'acme',
    param: 'acme-param',
    prid: 'ZTY4ZDJlMzODE1NmUgKi0K',
  });
});

// What a stranger may put into a REGISTER to be read as something else.
const folded: readonly [name: string, lines: string[]][] = [
  ['User-Agent', ['Contact: <sip:a@h>', 'User-Agent: Phone\r\n sip:evil@h\r\n\tudp:6.6.6.6:5060']],
  ['a quoted parameter', ['Contact: <sip:a@h>;+x="1\r\n sip:evil@h\r\n \r\n udp:6.6.6.6:5060"']],
  ['Path', ['Contact: <sip:a@h>', 'Path: <sip:p;lr>,\r\n <sip:q;lr>']],
];

for (const [name, lines] of folded) {
  test(`a folded ${name} stays one field of its binding`, () => {
    const r = registrar();

    const outcome = save(r, { lines });

    assert.equal(outcome.status, 200);
    const [bound, ...more] = r.location.lookup(BOB);
    assert.deepEqual(
      [bound?.uriText, bound?.received, bound?.aor, more.length],
      ['sip:a@h', undefined, BOB, 0],
    );
    for (const [, value] of outcome.headers) assert.ok(!/[\r\n]/.test(value));
  });
}

test('escaped line ends in a Contact come back escaped', () => {
  const r = registrar();

  const outcome = save(r, contact('<sip:a%0D%0AX-Evil:%201@h>'));

  assert.deepEqual(valuesOf(outcome, 'Contact'), ['<sip:a%0D%0AX-Evil:%201@h>;expires=3600']);
});

test('ten thousand contacts in one REGISTER are refused before any is compared', () => {
  const r = registrar();
  const many = Array.from({ length: 10_000 }, (_, i) => `<sip:u${i}@h>`).join(',');

  assert.deepEqual([save(r, contact(many)).status, r.location.count], [403, 0]);
});

test('an instance as long as its column is taken, a longer one refused', () => {
  const r = registrar();
  const device = (length: number): string => `<sip:a@h>;+sip.instance="${'x'.repeat(length)}"`;

  assert.equal(save(r, contact(device(255))).status, 200);
  assert.equal(save(r, contact(device(256), { cseq: 2 })).status, 400);
});

test('a flow whose URI leaves room for its mark on disk is taken, a longer one refused', () => {
  const r = registrar();
  const flow = (length: number): string =>
    `<sip:${'x'.repeat(length - 6)}@h>;reg-id=1;${DEVICE}\r\nSupported: outbound`;

  assert.equal(save(r, contact(flow(480))).status, 200);
  assert.equal(save(r, contact(flow(481), { cseq: 2 })).status, 400);
});
