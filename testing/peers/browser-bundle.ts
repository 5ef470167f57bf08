/** A CommonJS package as one script for a page: each module a function, `require` a look-up. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const REQUIRE = /\brequire\(\s*['"]([^'"]+)['"]\s*\)/g;

/** A script that puts what the package exports into `window[name]`. */
export function browserBundle(name: string, from: string): string {
  const modules = new Map<string, string>();
  const entry = createRequire(join(from, 'page.js')).resolve(name.toLowerCase());
  const waiting = [entry];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (modules.has(file)) continue;
    const text = readFileSync(file, 'utf8');
    const links = [...text.matchAll(REQUIRE)].flatMap(([, wanted = '']) => link(file, wanted));
    modules.set(file, moduleText(text, file, links));
    waiting.push(...links.map(([, target]) => target));
  }
  return `(() => {
const modules = {${[...modules.values()].join(',\n')}};
const loaded = {};
function load(file) {
  if (loaded[file]) return loaded[file].exports;
  const module = (loaded[file] = { exports: {} });
  const [links, run] = modules[file];
  run.call(module.exports, module, module.exports, (wanted) => {
    if (links[wanted] === undefined) throw new Error(wanted + ' is not in this bundle');
    return load(links[wanted]);
  });
  return module.exports;
}
window[${JSON.stringify(name)}] = load(${JSON.stringify(entry)});
})();`;
}

/** Modules of Node, which a page does without, are left out. */
function link(file: string, wanted: string): [wanted: string, target: string][] {
  const target = resolve(createRequire(file), wanted);
  return target?.startsWith('/') ? [[wanted, target]] : [];
}

/** Undefined when it is not installed: some modules are wanted only elsewhere than in a page. */
function resolve(resolver: NodeJS.Require, wanted: string): string | undefined {
  try {
    // Its package.json says that browsers take another file.
    if (wanted === 'debug') return join(dirname(resolver.resolve('debug/package.json')), 'src/browser.js');
    return resolver.resolve(wanted === 'events' ? 'events/' : wanted); // A package, and a module of Node first.
  } catch {
    return undefined;
  }
}

function moduleText(text: string, file: string, links: readonly (readonly [string, string])[]): string {
  const body = file.endsWith('.json') ? `module.exports = ${text}` : text;
  return `${JSON.stringify(file)}: [${JSON.stringify(Object.fromEntries(links))}, function (module, exports, require) {
${body}
}]`;
}
