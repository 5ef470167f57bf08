/**
 * Loaded into the process of each test file: one that does not end (a peer still runs, a socket is still open) is
 * ended, and says what held it. Without this `npm test` would wait for ever: the runner's own limit is for tests.
 */
const LIMIT_MS = Number(process.env.TANDEM_TEST_FILE_MS ?? 600_000);

const isTestFile = process.env.NODE_TEST_CONTEXT !== undefined;
if (isTestFile) setTimeout(giveUp, LIMIT_MS).unref();

function giveUp(): void {
  const held = [...new Set(process.getActiveResourcesInfo())].join(', ');
  process.stderr.write(`${process.argv[1]}: not over after ${LIMIT_MS} ms; held by ${held}\n`);
  process.exit(1);
}
