/**
 * Bans over a restart: a file in the data folder, written in the background a moment after each change. What cannot be
 * read bans nobody, and what cannot be written costs a line in the log: neither keeps us from starting, or from calls.
 */
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Clock, Logger, Millis, Timer } from '../base/world.ts';
import { type Ban, type BanKeeper, BANS_MAX, REASON_LENGTH_MAX } from './bans.ts';

/** Changes are gathered for so long, so that a flood of bans is few writes. */
export const KEEP_AFTER_MS: Millis = 1_000;
/** A longer file was not written by us. */
export const KEPT_BYTES_MAX = 8 << 20;

const OWNER_ONLY = 0o600;
const SOURCE_LENGTH_MAX = 64;

const moment = z.number().min(0).max(Number.MAX_SAFE_INTEGER);
const kept = z
  .array(
    z.object({
      source: z.string().max(SOURCE_LENGTH_MAX),
      reason: z.string().max(REASON_LENGTH_MAX),
      since: moment,
      until: moment,
    }),
  )
  .max(BANS_MAX);

/** What it is made of. */
export interface KeptBansParts {
  readonly file: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The file, and what was in it. */
export class KeptBans implements BanKeeper {
  readonly bans: readonly Ban[];
  private readonly parts: KeptBansParts;
  private list: (() => readonly Ban[]) | undefined = undefined;
  private timer: Timer | undefined = undefined;
  private written: Promise<void> = Promise.resolve();
  private closed = false;

  private constructor(parts: KeptBansParts, bans: readonly Ban[]) {
    this.parts = parts;
    this.bans = bans;
  }

  /** Never rejects. */
  static async open(parts: KeptBansParts): Promise<KeptBans> {
    return new KeptBans(parts, await readBans(parts));
  }

  changed(list: () => readonly Ban[]): void {
    this.list = list;
    if (!this.closed) this.timer ??= this.parts.clock.after(KEEP_AFTER_MS, () => this.write());
  }

  /** What has changed is on disk then. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.timer !== undefined) this.write();
    await this.written;
  }

  private write(): void {
    this.timer?.cancel();
    this.timer = undefined;
    const { list } = this;
    if (list !== undefined) this.written = this.written.then(() => this.replace(JSON.stringify(list())));
  }

  /** Whole or not at all, whenever we are ended. */
  private async replace(text: string): Promise<void> {
    const { file, log } = this.parts;
    try {
      await writeFile(`${file}.new`, text, { mode: OWNER_ONLY });
      await rename(`${file}.new`, file);
    } catch (error) {
      log.warn('bans are not kept over a restart', { file, reason: String(error) });
    }
  }
}

async function readBans({ file, log }: KeptBansParts): Promise<readonly Ban[]> {
  try {
    const { size } = await stat(file);
    if (size > KEPT_BYTES_MAX) throw new Error(`${size} bytes, the most is ${KEPT_BYTES_MAX}`);
    return kept.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    log.warn('the bans of before cannot be read, and nobody is banned', { file, reason: String(error) });
    return [];
  }
}
