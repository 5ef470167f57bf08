import { after, test } from 'node:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { databaseFile } from '../server/settings.ts';
import { open } from '../store/sqlite.ts';
import { assertKept, KILLED_PHONES, lifeOfExchange } from '../testing/killed-exchange.ts';

const root = mkdtempSync(join(tmpdir(), 'tandem-kill-'));
after(() => rmSync(root, { recursive: true }));
/** `KILL_ROUNDS=20` for a long run. */
const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 3);

for (const kill of [1, 60, 250, KILLED_PHONES]) {
  test(`killed after ${kill} phones were told 200: the binding of each is there, and its call`, async () => {
    const folder = join(root, `after-${kill}`);

    const promised = await lifeOfExchange({ folder, name: '', kill });

    const db = await open(databaseFile(join(folder, 'data')));
    await assertKept(db, promised);
    await db.destroy();
  });
}

test(`killed ${ROUNDS} times and started again: everything that was ever promised is there`, async () => {
  const folder = join(root, 'again');
  const promised = new Set<string>();

  for (let round = 0; round < ROUNDS; round++) {
    const kill = 1 + ((round * 97) % KILLED_PHONES);
    for (const user of await lifeOfExchange({ folder, name: `r${round}`, kill })) promised.add(user);
  }

  const db = await open(databaseFile(join(folder, 'data')));
  await assertKept(db, promised);
  await db.destroy();
});
