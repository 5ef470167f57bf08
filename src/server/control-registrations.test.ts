import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registrar, save } from '../testing/registering.ts';
import { registrationCommands } from './control-registrations.ts';

test('a user whose registrations are removed is not found any more', async () => {
  const bench = registrar();
  save(bench, { lines: ['Contact: <sip:1@h>, <sip:2@h>'] });
  const commands = registrationCommands(bench.location, bench.clock);

  const done = await commands['regs.rm']?.({ user: 'bob@example.com' });
  const again = await commands['regs.rm']?.({ user: 'bob@example.com' });

  assert.deepEqual([done, again], [{ removed: 2 }, { removed: 0 }]);
  assert.deepEqual(await commands['regs.ls']?.({}), []);
});

for (const wrong of [{}, { user: 'bob' }, { user: 7 }, undefined]) {
  test(`regs.rm refuses ${JSON.stringify(wrong)}`, async () => {
    const bench = registrar();
    const commands = registrationCommands(bench.location, bench.clock);

    await assert.rejects(async () => commands['regs.rm']?.(wrong), { code: 'INVALID' });
  });
}
