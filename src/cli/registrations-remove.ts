/** `tandem regs rm`: an exchange forgets where somebody can be reached. */
import { TandemError } from '../base/errors.ts';
import { accountKey } from '../subscriber/account-name.ts';
import { splitAccount } from '../subscriber/field.ts';
import { CHANGE_ANSWER_MS } from './commands.ts';
import { confirm } from './confirm.ts';
import { printResult } from './output.ts';
import { notThere, registrationsOf } from './registrations-shown.ts';
import type { Session } from './session.ts';

/** What `regs rm` was told beside whom. */
export interface RemoveRegsOptions {
  readonly yes: boolean;
  readonly dryRun: boolean;
}

/** `regs rm NAME@DOMAIN`: by the running exchange, else in its database. Asks first, or wants `--yes`. */
export async function removeRegs(
  session: Session,
  typed: string,
  { yes, dryRun }: RemoveRegsOptions,
): Promise<number> {
  const { terminal, commands, json } = session;
  const { user: name, domain } = splitAccount(typed);
  if (name === '') throw new TandemError('USAGE', `whose phones? alice@example.com expected, not ${typed}`);
  const user = accountKey(name, domain);
  const found = await registrationsOf(session, user);
  if (found.length === 0) throw notThere(user);
  const contacts = found.map(({ contact }) => contact);
  if (dryRun) {
    printResult(terminal, json, { removed: 0, contacts }, () => contacts.map((one) => `- ${one}`).join('\n'));
    return 0;
  }
  if (!yes) await confirm(terminal, `Forget ${contacts.length} registrations of ${user}?`);
  if ((await commands.ask('regs.rm', { user }, CHANGE_ANSWER_MS)) === undefined)
    await removeKept(session, name, domain);
  printResult(terminal, json, { removed: contacts.length, contacts }, ({ removed }) => {
    return `forgot ${removed} ${removed === 1 ? 'registration' : 'registrations'} of ${user}`;
  });
  return 0;
}

/** Without an exchange there is nobody who would have them in memory. */
function removeKept({ commands }: Session, user: string, domain: string): Promise<void> {
  return commands.write(
    (writer) =>
      new Promise<void>((settle, reject) => {
        writer.write('removeBindingsOfAor', [user, domain.toLowerCase()], (error) =>
          error === undefined ? settle() : reject(error),
        );
      }),
  );
}
