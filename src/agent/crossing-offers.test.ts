import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mayCross, STREAMS_MAX } from './crossing-offers.ts';

const HEAD = ['v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0'];
const AUDIO = 'm=audio 4000 RTP/AVP 8 0';

function sdp(...lines: string[]): string {
  return [...HEAD, ...lines, ''].join('\r\n');
}

function many(count: number): string {
  return sdp(...Array.from({ length: count }, () => AUDIO));
}

// [what, one, other, whether they may cross]
const cases: readonly (readonly [string, string, string, boolean])[] = [
  ['the same codecs', sdp(AUDIO), sdp(AUDIO), true],
  ['one codec in common', sdp(AUDIO), sdp('m=audio 5000 RTP/AVP 9 8'), true],
  ['no codec in common', sdp(AUDIO), sdp('m=audio 5000 RTP/AVP 9'), false],
  ['another kind of stream', sdp(AUDIO), sdp('m=video 5000 RTP/AVP 8'), false],
  ['another protocol', sdp(AUDIO), sdp('m=audio 5000 RTP/SAVP 8'), false],
  ['one stream more', sdp(AUDIO), sdp(AUDIO, 'm=video 5002 RTP/AVP 31'), false],
  ['no stream at all', sdp(), sdp(), false],
  ['nothing', '', '', false],
  [
    'a stream that is off on both sides',
    sdp(AUDIO, 'm=video 0 RTP/AVP 31'),
    sdp(AUDIO, 'm=video 0 RTP/AVP 34'),
    true,
  ],
  ['a stream that is off on one side', sdp('m=audio 0 RTP/AVP 8'), sdp(AUDIO), false],
  [
    'a number that means one codec',
    sdp('m=audio 1 RTP/AVP 96', 'a=rtpmap:96 opus/48000/2'),
    sdp('m=audio 1 RTP/AVP 96', 'a=rtpmap:96 OPUS/48000/2'),
    true,
  ],
  [
    'a number that means two codecs',
    sdp('m=audio 1 RTP/AVP 8 96', 'a=rtpmap:96 opus/48000/2'),
    sdp('m=audio 1 RTP/AVP 8 96', 'a=rtpmap:96 telephone-event/8000'),
    false,
  ],
  ['a number without a meaning', sdp('m=audio 1 RTP/AVP 96'), sdp('m=audio 1 RTP/AVP 96'), false],
  ['one speaks, the other hears', sdp(AUDIO, 'a=sendonly'), sdp('a=recvonly', AUDIO), true],
  ['both only speak', sdp(AUDIO, 'a=sendonly'), sdp(AUDIO, 'a=sendonly'), false],
  ['keys', sdp(AUDIO, 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x'), sdp(AUDIO), false],
  ['a fingerprint for all', sdp('a=fingerprint:sha-256 00', AUDIO), sdp(AUDIO), false],
  [`${STREAMS_MAX} streams`, many(STREAMS_MAX), many(STREAMS_MAX), true],
  [`${STREAMS_MAX + 1} streams`, many(STREAMS_MAX + 1), many(STREAMS_MAX + 1), false],
];
for (const [what, one, other, may] of cases) {
  test(`two offers with ${what} ${may ? 'are' : 'are not'} answers to each other`, () => {
    assert.deepEqual([mayCross(one, other), mayCross(other, one)], [may, may]);
  });
}
