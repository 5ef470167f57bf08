/** The command line: one run of it. */
import { runCommand } from './program.ts';
import { Terminal } from './terminal.ts';

// Killed is killed, also where it was the launcher; what was acknowledged is on disk.
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.channel?.unref();
const words = process.argv.slice(2);
const terminal = new Terminal(process.stdin, process.stdout, process.stderr, process.env);
// A reader that has seen enough, such as `head`, closes the pipe: no reason to complain.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
// Whoever read the log is gone: an exchange goes on without, as its log does.
process.stderr.on('error', () => {});
process.exitCode = await runCommand(words, terminal);
// An exchange that did not stop in time, or did not wholly start, may still hold sockets.
if (words[0] === 'start') process.exit();
