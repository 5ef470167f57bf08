import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COLUMNS_MAX, rules, untidy } from './tidy.ts';

for (const rule of rules) {
  test(rule.name, () => {
    const found = untidy(undefined, [rule]);

    assert.ok(found.length === 0, found.join('\n'));
  });
}

const clean = '/** A place. */\nexport const place = 1;\n';

const rows: [what: string, path: string, text: string, wrong: RegExp | undefined][] = [
  ['a tidy file passes', 'src/sip/uri.ts', clean, undefined],
  ['utils.ts is refused', 'src/sip/utils.ts', '', /name the one thing/],
  ['a folder called common is refused', 'src/common/uri.ts', '', /name the one thing/],
  ['a line at the limit passes', 'src/sip/uri.ts', `// ${'x'.repeat(COLUMNS_MAX - 3)}\n`, undefined],
  ['a line beyond it is refused', 'src/sip/uri.ts', `// ${'x'.repeat(COLUMNS_MAX - 2)}\n`, /121 columns/],
  ['columns are characters, not bytes', 'src/sip/uri.ts', `// ${'→'.repeat(COLUMNS_MAX - 3)}\n`, undefined],
  ['the clock of the process is refused', 'src/proxy/fork.ts', 'const t = Date.now();\n', /take a Clock/],
  ['so is its timer', 'src/proxy/fork.ts', 'setTimeout(f, 5);\n', /take a Clock/],
  ["a socket's own timer passes", 'src/server/x.ts', 'socket.setTimeout(5);\n', undefined],
  ['the real world may ask the time', 'src/world/clock.ts', 'const t = Date.now();\n', undefined],
  ['a bare TODO is refused', 'src/sip/uri.ts', '// TODO later\n', /names its issue/],
  ['a TODO with its issue passes', 'src/sip/uri.ts', '// TODO(#12): later\n', undefined],
  ['a citation in another form is refused', 'src/sip/uri.ts', '// RFC 3261 section 17\n', /cite it so/],
  ['so is one without a space', 'src/sip/uri.ts', '// RFC3261\n', /cite it so/],
  ['the right form passes', 'src/sip/uri.ts', '// RFC 3261 §17.2.1, §18; RFC 3581\n', undefined],
  ['an export without comment is refused', 'src/sip/uri.ts', 'export class Uri {}\n', /doc comment: Uri/],
  ['a test needs no doc comments', 'src/sip/uri.test.ts', 'export const x = 1;\n', undefined],
];

for (const [what, path, text, wrong] of rows) {
  test(what, () => {
    const found = untidy([{ path, text }]);

    if (wrong === undefined) assert.deepEqual(found, []);
    else assert.match(found.join('\n'), wrong);
  });
}

test('constants that stand together share one comment', () => {
  const text = '/** Ids. */\nexport const VIA = 1;\nexport const FROM = 2;\n\nexport const lost = 3;\n';

  const found = untidy([{ path: 'src/sip/uri.ts', text }]);

  assert.equal(found.length, 1);
  assert.match(found[0] ?? '', /:5: .*lost/);
});

test('overloads share one comment', () => {
  const text = '/** Asks. */\nexport function ask(a: 1): 1;\nexport function ask(a: 2): 2;\n';

  assert.deepEqual(untidy([{ path: 'src/sip/uri.ts', text }]), []);
});
