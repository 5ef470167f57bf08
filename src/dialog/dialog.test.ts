/** Dialogs: what they are made of, where their requests go, how many there may be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SipError } from '../base/errors.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { printUri } from '../sip/uri.ts';
import { simWorld } from '../testing/sim-world.ts';
import { calledDialog, callingDialog, type Dialog, type DialogParts } from './dialog.ts';
import { Dialogs, ENDED_REMEMBERED } from './dialogs.ts';

const PARTS: DialogParts = {
  callId: 'call',
  localTag: 'ours',
  remoteTag: 'theirs',
  local: '<sip:us@example.com>;tag=ours',
  remote: '<sip:them@example.com>;tag=theirs',
  routes: [],
  remoteTarget: 'sip:them@192.0.2.7',
  localCSeq: 7,
  remoteCSeq: -1,
  order: 0,
  flow: undefined,
};

function table(dialogsMax = 10): Dialogs {
  return new Dialogs(simWorld(1).random, { dialogsMax });
}

function opened(more: Partial<DialogParts> = {}): Dialog {
  const dialog = table().open({ ...PARTS, ...more });
  assert.ok(dialog !== undefined);
  return dialog;
}

function request(...lines: readonly string[]): SipRequest {
  const message = parseMessage(
    [
      'INVITE sip:us@192.0.2.1 SIP/2.0',
      'Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1',
      'To: <sip:us@example.com>',
      'From: <sip:them@example.com>;tag=theirs',
      'Call-ID: call',
      'CSeq: 5 INVITE',
      ...lines,
      '',
      '',
    ].join('\r\n'),
  );
  assert.ok(message.kind === 'request');
  return message;
}

function response(...lines: readonly string[]): SipResponse {
  const message = parseMessage(
    [
      'SIP/2.0 200 OK',
      'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1',
      'To: <sip:them@example.com>;tag=theirs',
      'From: <sip:us@example.com>;tag=ours',
      'Call-ID: call',
      'CSeq: 5 INVITE',
      ...lines,
      '',
      '',
    ].join('\r\n'),
  );
  assert.ok(message.kind === 'response');
  return message;
}

const nowhere = {
  transport: 'udp',
  reliable: false,
  remote: { host: '192.0.2.7', port: 5060 },
} as unknown as Parameters<typeof calledDialog>[2];

const routing: readonly (readonly [string, readonly string[], string, readonly string[], string])[] = [
  ['no route set: straight to the target', [], 'sip:them@192.0.2.7', [], 'sip:them@192.0.2.7'],
  [
    'loose routes: the target stays in the Request-URI',
    ['<sip:p1;lr>', '<sip:p2;lr>'],
    'sip:them@192.0.2.7',
    ['<sip:p1;lr>', '<sip:p2;lr>'],
    'sip:p1;lr',
  ],
  [
    'a strict first hop: it takes the place of the Request-URI, the target stands last',
    ['<sip:p1>', '<sip:p2;lr>'],
    'sip:p1',
    ['<sip:p2;lr>', '<sip:them@192.0.2.7>'],
    'sip:p1',
  ],
];
for (const [name, routes, uri, values, next] of routing) {
  test(`RFC 3261 §12.2.1.1: ${name}`, () => {
    const within = opened({ routes }).within();

    assert.equal(within.uri, uri);
    assert.deepEqual(
      within.headers.filter(([field]) => field === 'Route').map(([, value]) => value),
      values,
    );
    assert.equal(printUri(within.next), next);
  });
}

test('the called side takes the route set as it stands, the calling side in reverse', () => {
  const routes = [
    'Record-Route: <sip:p1;lr>, <sip:p2;lr>',
    'Record-Route: <sip:p3;lr>',
    'Contact: <sip:c@h>',
  ];

  assert.deepEqual(calledDialog(request(...routes), 'ours', nowhere, 0).routes, [
    '<sip:p1;lr>',
    '<sip:p2;lr>',
    '<sip:p3;lr>',
  ]);
  assert.deepEqual(callingDialog(response(...routes), 'sip:x', undefined, 0).routes, [
    '<sip:p3;lr>',
    '<sip:p2;lr>',
    '<sip:p1;lr>',
  ]);
});

test('who begins a dialog without a Contact that we can follow is refused', () => {
  for (const lines of [[], ['Contact: *'], ['Contact: <mailto:them@example.com>']]) {
    assert.throws(() => calledDialog(request(...lines), 'ours', nowhere, 0), SipError);
  }
});

test('method and header fields of a Contact do not come into the Request-URI', () => {
  const parts = calledDialog(request('Contact: <sip:c@h;method=BYE;x=1?Subject=a>'), 'ours', nowhere, 0);

  assert.equal(parts.remoteTarget, 'sip:c@h;x=1');
});

test('a request that is older than one we have seen is refused', () => {
  const dialog = opened();

  assert.deepEqual(
    [5, 5, 4, 6].map((cseq) => dialog.takesCSeq(cseq)),
    [true, false, false, true],
  );
});

test('each request of ours has the next number', () => {
  const dialog = opened();

  assert.deepEqual([dialog.nextCSeq(), dialog.nextCSeq()], [8, 9]);
});

test('a target refresh moves the target, one without a Contact does not', () => {
  const dialog = opened();
  dialog.refreshTarget(request('Contact: <sip:moved@192.0.2.8>').headers);
  dialog.refreshTarget(request().headers);

  assert.equal(dialog.remoteTarget, 'sip:moved@192.0.2.8');
});

test('the 2xx decides on the route set, later ones do not', () => {
  const dialog = opened({ routes: ['<sip:early;lr>'] });
  dialog.confirmAsCaller(response('Record-Route: <sip:final;lr>', 'Contact: <sip:c@h>'));
  dialog.confirmAsCaller(response('Record-Route: <sip:late;lr>', 'Contact: <sip:d@h>'));

  assert.equal(dialog.state, 'confirmed');
  assert.deepEqual([printUri(dialog.within().next), dialog.remoteTarget], ['sip:final;lr', 'sip:d@h']);
});

test('as many dialogs as allowed are kept, and not one more', () => {
  const dialogs = table(2);
  const first = dialogs.open({ ...PARTS, localTag: '1' });
  dialogs.open({ ...PARTS, localTag: '2' });

  assert.equal(dialogs.open({ ...PARTS, localTag: '3' }), undefined);
  assert.deepEqual([dialogs.count, dialogs.refused], [2, 1]);
  first?.end();
  assert.ok(dialogs.open({ ...PARTS, localTag: '3' }) !== undefined);
});

for (const [others, known] of [
  [ENDED_REMEMBERED - 1, true],
  [ENDED_REMEMBERED, false],
] as const) {
  test(`a dialog after which ${others} others ended is ${known ? 'known to be' : 'not remembered as'} over`, () => {
    const dialogs = table();
    dialogs.open(PARTS)?.end();
    for (let i = 0; i < others; i++) dialogs.open({ ...PARTS, remoteTag: `other-${i}` })?.end();

    assert.equal(dialogs.hasEnded('call', 'ours', 'theirs'), known);
    assert.equal(dialogs.hasEnded('another', 'ours', `other-${others - 1}`), false);
  });
}

test('a dialog is found by its tags and its Call-ID, and no more once it has ended', () => {
  const dialogs = table();
  const localTag = dialogs.newTag();
  const dialog = dialogs.open({ ...PARTS, localTag });
  const within = (tag: string, callId = 'call'): SipRequest => {
    const text = request().text.replace('us@example.com>', `us@example.com>;tag=${tag}`);
    const message = parseMessage(text.replace('Call-ID: call', `Call-ID: ${callId}`));
    assert.ok(message.kind === 'request');
    return message;
  };

  assert.equal(dialogs.find(within(localTag)), dialog);
  assert.equal(dialogs.find(within('another')), undefined);
  assert.equal(dialogs.find(within(localTag, 'other')), undefined);
  assert.equal(dialogs.find(request()), undefined);
  dialog?.end();
  assert.equal(dialogs.find(within(localTag)), undefined);
});
