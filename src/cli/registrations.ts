/** `tandem regs`: who can be reached where. */
import { listRegistrations } from '../server/control-queries.ts';
import type { RegistrationDocument } from '../server/control-documents.ts';
import { printResult, printTable, printTime } from './output.ts';
import type { Column } from './output.ts';
import type { Session } from './session.ts';

/** Those that say nothing of any registration are left out. A device is told by its end, unless there is room. */
function columnsOf(
  found: readonly RegistrationDocument[],
  wide: boolean,
): readonly Column<RegistrationDocument>[] {
  const device = wide ? deviceName : shortDevice;
  const always: readonly Column<RegistrationDocument>[] = [
    { title: 'USER', rank: 0, cell: ({ user }) => user },
    { title: 'CONTACT', rank: 1, cell: ({ contact }) => contact },
    { title: 'EXPIRES (UTC)', rank: 2, cell: ({ expiresAt }) => printTime(expiresAt) },
  ];
  const some: readonly Column<RegistrationDocument>[] = [
    { title: 'RECEIVED', rank: 4, cell: ({ received }) => received ?? '' },
    { title: 'FLOW', rank: 3, right: true, cell: ({ regId }) => String(regId ?? '') },
    { title: 'DEVICE', rank: 5, cell: ({ instance }) => (instance ? device(instance) : '') },
    { title: 'Q', rank: 8, right: true, cell: ({ q }) => String(q) },
    { title: 'PHONE', rank: 6, cell: ({ userAgent }) => userAgent },
    { title: 'PATH', rank: 7, cell: ({ path }) => path ?? '' },
  ];
  return [...always, ...some.filter(({ cell }) => found.some((row) => cell(row) !== ''))];
}

/** `<urn:uuid:…>` without what all devices have. */
function deviceName(instance: string): string {
  return instance.replace(/^<?(?:urn:uuid:)?(.*?)>?$/, '$1');
}

function shortDevice(instance: string): string {
  const name = deviceName(instance);
  return name.length <= DEVICE_LENGTH_MAX ? name : `…${name.slice(1 - DEVICE_LENGTH_MAX)}`;
}

/** As much of a device as a table of 120 columns has room for: the last group of a UUID, and a mark. */
const DEVICE_LENGTH_MAX = 13;

/** `regs ls [USER]`: from the running exchange's memory; else what the disk has kept. */
export async function listRegs(session: Session, user: string | undefined): Promise<number> {
  const asked = await session.commands.ask('regs.ls', user === undefined ? {} : { user });
  const found =
    asked === undefined
      ? await session.commands.read((db) => listRegistrations(db, user, Date.now()))
      : (asked.result as RegistrationDocument[]);
  if (session.json) printResult(session.terminal, true, found, String);
  else if (found.length > 0)
    printTable(session.terminal, found, columnsOf(found, session.wide), session.wide);
  else session.terminal.note(user === undefined ? 'no phone is registered' : `${user} is not registered`);
  return 0;
}
