import assert from 'node:assert/strict';
import { test } from 'node:test';
import { breaches, importsOf, readFloorPlan } from './floorplan.ts';
import type { FloorPlan } from './floorplan.ts';

test('every import goes to a lower floor', () => {
  const found = breaches(readFloorPlan());

  assert.ok(found.length === 0, found.join('\n'));
});

const plan: FloorPlan = {
  floors: [['base'], ['world', 'store'], ['proxy'], ['server'], ['cli']],
  worldIsImportedBy: ['server', 'cli'],
  nodeIO: ['world', 'store', 'server', 'cli'],
  doors: ['src/index.ts', 'src/testing/index.ts'],
  beside: ['src/testing'],
};

const rows: [what: string, path: string, imports: string, wrong: RegExp | undefined][] = [
  ['a lower floor is open', 'src/proxy/fork.ts', '../base/world.ts', undefined],
  ['its own room is open', 'src/proxy/fork.ts', './plan.ts', undefined],
  ['a higher floor is closed', 'src/base/slab.ts', '../proxy/fork.ts', /not on a floor below base/],
  [
    'a room of the same floor is closed',
    'src/store/db.ts',
    '../world/node-world.ts',
    /not on a floor below store/,
  ],
  ['the world is given, not imported', 'src/proxy/fork.ts', '../world/node-world.ts', /be given a World/],
  ['the server makes the world', 'src/server/server.ts', '../world/node-world.ts', undefined],
  ['a test may use the real world', 'src/proxy/fork.test.ts', '../world/node-world.ts', undefined],
  ['a test may use the simulated one', 'src/proxy/fork.test.ts', '../testing/sim-world.ts', undefined],
  ['the product may not', 'src/proxy/fork.ts', '../testing/sim-world.ts', /only tests may/],
  ['the test kit may use any room', 'src/testing/town.ts', '../server/server.ts', undefined],
  ['a door may show any room', 'src/index.ts', './proxy/fork.ts', undefined],
  ['nobody enters by a door from inside', 'src/proxy/fork.ts', '../index.ts', /import the file itself/],
  ['sockets belong to the rooms named', 'src/proxy/fork.ts', 'node:net', /touch the outside/],
  ['with or without its prefix', 'src/proxy/fork.ts', 'fs', /touch the outside/],
  ['the store may open files', 'src/store/db.ts', 'node:sqlite', undefined],
  ['hashes are no I/O', 'src/proxy/fork.ts', 'node:crypto', undefined],
  ['a room must stand in the plan', 'src/attic/box.ts', '../base/world.ts', /does not know/],
];

for (const [what, path, name, wrong] of rows) {
  test(what, () => {
    const found = breaches(plan, [{ path, text: `import { x } from '${name}';\n` }]);

    if (wrong === undefined) assert.deepEqual(found, []);
    else assert.match(found.join('\n'), wrong);
  });
}

test('an index.ts that is no door is refused', () => {
  const found = breaches(plan, [{ path: 'src/proxy/index.ts', text: '' }]);

  assert.match(found.join('\n'), /doors only/);
});

test('imports are found in every form they are written', () => {
  const text = [
    "import a from 'one';",
    "import type { B } from './two.ts';",
    'import {',
    '  c,',
    "} from './three.ts';",
    "export { d } from './four.ts';",
    "const e = await import('./five.ts');",
    "import './six.ts';",
  ].join('\n');

  assert.deepEqual(importsOf(text), ['one', './two.ts', './three.ts', './four.ts', './five.ts', './six.ts']);
});
