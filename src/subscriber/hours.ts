/** The named hours of domains, asked by services and scripts. */
import { TandemError } from '../base/errors.ts';
import type { Clock } from '../base/world.ts';
import type { ScheduleService } from '../route/user-services.ts';
import type { Schedule } from './kinds-of-domains.ts';
import { OpenHours } from './periods.ts';
import type { Provisions } from './provisions.ts';

/** See {@link ScheduleService}. */
export class Hours implements ScheduleService {
  private readonly provisions: Provisions;
  private readonly clock: Pick<Clock, 'wall'>;
  /** Made when they are asked first; a schedule that changes is another object. */
  private readonly made = new WeakMap<Schedule, OpenHours>();

  constructor(provisions: Provisions, clock: Pick<Clock, 'wall'>) {
    this.provisions = provisions;
    this.clock = clock;
  }

  isOpen(name: string, domain: string): boolean {
    const isOpen = this.areOpen(name, domain);
    // A misspelt name must not silently keep everybody out, or in.
    if (isOpen === undefined) throw new TandemError('NOT_FOUND', `${domain} has no schedule ${name}`);
    return isOpen;
  }

  /** Undefined when the domain has none of that name. */
  areOpen(name: string, domain: string): boolean | undefined {
    const schedule = this.provisions.schedules.get(`${domain}\t${name}`);
    if (schedule === undefined) return undefined;
    let hours = this.made.get(schedule);
    if (hours === undefined) {
      hours = new OpenHours(schedule.timezone, schedule.periods);
      this.made.set(schedule, hours);
    }
    return hours.isOpen(this.clock.wall());
  }
}
