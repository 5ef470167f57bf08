/** `tandem regs show` and `tandem regs export`: all that is known of registrations. */
import { TandemError } from '../base/errors.ts';
import { listRegistrations } from '../server/control-queries.ts';
import type { RegistrationDocument } from '../server/control-documents.ts';
import { printExport, printResult } from './output.ts';
import { type Row, valueText } from './provisioned-kinds.ts';
import type { Session } from './session.ts';

/** Those of one user, or all: from the running exchange's memory, else what the disk has kept. */
export async function registrationsOf(
  { commands }: Session,
  user: string | undefined,
): Promise<readonly RegistrationDocument[]> {
  const asked = await commands.ask('regs.ls', user === undefined ? {} : { user });
  if (asked !== undefined) return asked.result as RegistrationDocument[];
  return commands.readIfThere((db) => listRegistrations(db, user, commands.clock.wall()), []);
}

/** `regs show NAME@DOMAIN` */
export async function showRegs(session: Session, user: string): Promise<number> {
  const found = await registrationsOf(session, user);
  if (found.length === 0) throw notThere(user);
  printResult(session.terminal, session.json, found, (all) => all.map(fieldsText).join('\n\n'));
  return 0;
}

/** `regs export [USER]` */
export async function exportRegs(session: Session, user: string | undefined): Promise<number> {
  const found: readonly Row[] = (await registrationsOf(session, user)).map((one) => ({ ...one }));
  const names = [...new Set(['user', 'contact', 'expiresAt', ...found.flatMap((row) => Object.keys(row))])];
  printExport(session.terminal, session.json, names, found);
  return 0;
}

/** What is said of somebody without a phone. */
export function notThere(user: string): TandemError {
  return new TandemError('NOT_FOUND', `${user} is not registered`, { hint: 'tandem regs ls   shows who is' });
}

function fieldsText(one: RegistrationDocument): string {
  const known = Object.entries(one).filter(([, value]) => valueText(value) !== '');
  const width = Math.max(...known.map(([name]) => name.length));
  return known.map(([name, value]) => `${name.padEnd(width)}  ${valueText(value)}`).join('\n');
}
