/** The files of the project that the tools read. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder the project stands in. */
export const ROOT = dirname(import.meta.dirname);

/** One source file: its path from the root, with slashes, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

const FOLDERS = ['bin', 'src', 'examples', 'tools', 'bench', 'testing'];

/** Every TypeScript and JavaScript file of ours, in order of path. */
export function sourceFiles(folders: readonly string[] = FOLDERS): SourceFile[] {
  return folders
    .flatMap((folder) => filesBelow(folder))
    .filter((path) => /\.(ts|mjs|js)$/.test(path))
    .toSorted()
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
}

function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
    .filter((path) => !path.includes('node_modules'));
}

/** Tests stand beside the source and are named for it. */
export function isTest(path: string): boolean {
  return path.endsWith('.test.ts');
}
