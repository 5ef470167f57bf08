/** What tells one node of a database from another: a random name, made with its data folder and kept in it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TandemError } from '../base/errors.ts';
import type { Random } from '../base/world.ts';

/** The file it is kept in. A copy of the folder that becomes another node must not have it. */
export const NODE_NAME_FILE = 'node';
/** So long that no two folders ever draw the same. */
const NAME_BITS = 128;
const NAME = /^[A-Za-z0-9]{20,64}$/;

/** The name of the node with this data folder, which is ours; made at the first start. */
export function nodeName(folder: string, random: Random): string {
  const file = join(folder, NODE_NAME_FILE);
  try {
    const kept = readFileSync(file, { encoding: 'utf8', flag: 'a+' }).trim();
    if (NAME.test(kept)) return kept;
    const made = random.token(NAME_BITS);
    writeFileSync(file, `${made}\n`);
    return made;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TandemError('DATA_FOLDER', `cannot use ${file}: ${why}`, { cause });
  }
}
