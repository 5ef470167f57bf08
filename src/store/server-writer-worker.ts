/**
 * The thread that owns the writing connection to a database server. Each order is one transaction, tried until its
 * commit is certain:
 *
 *   order ─▶ connected? ─▶ in doubt? ─▶ begin, rows, number of the batch, commit ─▶ answer
 *               │ no          │ the table says it is committed already ──────────▶ answer
 *               ▼  
 *            again, later; waits grow from RETRY_FIRST_MS to RETRY_LAST_MS
 *
 * The number of the batch is written in the same transaction as its rows. So when the answer to a commit is lost, the
 * next connection asks whether it holds, and no batch is ever committed twice.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { BatchCommit } from './batch-commit.ts';
import { textIn } from './dialect.ts';
import type { Connect, Link } from './link.ts';
import { textOf } from './order.ts';
import type { Answer, Failure, LinkNews, Order, Rows } from './order.ts';

/** Given to the thread when it starts. */
export interface ServerWorkerOptions {
  readonly dialect: 'postgres' | 'mysql';
  readonly url: string;
}

const RETRY_FIRST_MS = 50;
const RETRY_LAST_MS = 2_000;
/** Writers that were killed leave a row; so long after their last batch nobody asks for it any more. */
const FORGOTTEN_MS = 30 * 86_400_000;
/** How long a goodbye to the server may take when we stop. */
const CLOSE_MS = 1_000;

const REMEMBER = `insert into writer_batch (writer, batch, written_at) values (?, ?, ?)
  on conflict (writer) do nothing`;
const FORGET = 'delete from writer_batch where written_at < ?';
const NUMBER = 'update writer_batch set batch = ?, written_at = ? where writer = ?';
// Waits for a commit that is still under way on the connection we lost.
const COMMITTED = 'select batch from writer_batch where writer = ? for update';

const port = parentPort;
if (port === null) throw new Error('runs as a worker thread only');

const { dialect, url } = workerData as ServerWorkerOptions;
const writer = randomUUID();
const commits = new BatchCommit(dialect);
const connect = await connectorOf();
let link: Link | undefined;
let connecting: Promise<Link> | undefined;
let closing = false;
let lastBatch = 0;

port.on('message', (order: Order) => {
  if (order === 'close') void close();
  else void commitSurely(order).then((failures) => port.postMessage({ failures } satisfies Answer));
});
void connected();

async function connectorOf(): Promise<Connect> {
  return dialect === 'postgres'
    ? (await import('./postgres-link.ts')).connectPostgres
    : (await import('./mariadb-link.ts')).connectMariadb;
}

/** Settles when the rows are committed, and answers those that were refused. */
async function commitSurely(rows: Rows): Promise<readonly Failure[]> {
  const batch = ++lastBatch;
  let refused: readonly Failure[] | undefined;
  for (let waitMs = RETRY_FIRST_MS; ; waitMs = Math.min(2 * waitMs, RETRY_LAST_MS)) {
    const current = await connected();
    try {
      // Only an attempt that had come as far as its commit can have been committed.
      if (refused !== undefined && (await isCommitted(current, batch))) return refused;
      await current.command('begin');
      refused = await commits.run(current, rows);
      await current.run('number', textIn(dialect, NUMBER), [batch, Date.now(), writer]);
      await current.command('commit');
      return refused;
    } catch (error) {
      if (current.faultOf(error) !== 'again' || !(await isRolledBack(current))) drop(current, error);
      await sleep(waitMs);
    }
  }
}

async function isCommitted(current: Link, batch: number): Promise<boolean> {
  await current.command('begin');
  const last = (await current.number(textIn(dialect, COMMITTED), [writer])) ?? 0;
  await current.command('commit');
  return last >= batch;
}

async function isRolledBack(current: Link): Promise<boolean> {
  try {
    await current.command('rollback');
    return true;
  } catch {
    // It is dropped, and with it the transaction.
    return false;
  }
}

/** The connection; when there is none, once there is. */
async function connected(): Promise<Link> {
  if (link !== undefined) return link;
  connecting ??= reconnect().finally(() => (connecting = undefined));
  return connecting;
}

async function reconnect(): Promise<Link> {
  for (let waitMs = RETRY_FIRST_MS; ; waitMs = Math.min(2 * waitMs, RETRY_LAST_MS)) {
    let opened: Link | undefined;
    try {
      opened = await connect(url, (error) => {
        if (opened !== undefined) drop(opened, error);
        if (!closing) void connected();
      });
      await opened.run('remember', textIn(dialect, REMEMBER), [writer, 0, Date.now()]);
      await opened.run('forget', textIn(dialect, FORGET), [Date.now() - FORGOTTEN_MS]);
      link = opened;
      tell(undefined);
      return link;
    } catch (error) {
      opened?.destroy();
      tell(textOf(error));
      // Nodes that lost the same server shall not come back in one moment.
      await sleep(waitMs * (0.5 + Math.random()));
    }
  }
}

function drop(lost: Link, error: unknown): void {
  if (link !== lost) return;
  link = undefined;
  lost.destroy();
  tell(textOf(error));
}

function tell(lost: string | undefined): void {
  if (!closing) port?.postMessage({ lost } satisfies LinkNews);
}

async function close(): Promise<void> {
  closing = true;
  const current = link;
  link = undefined;
  if (current !== undefined) {
    const goodbye = current
      .run('leave', textIn(dialect, 'delete from writer_batch where writer = ?'), [writer])
      .then(() => current.close())
      .catch(() => current.destroy());
    await Promise.race([goodbye, sleep(CLOSE_MS)]);
  }
  // What still tries to connect must not keep the thread.
  process.exit(0);
}
