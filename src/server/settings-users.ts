/** The settings of what users may. A part of settings-schema.ts. */
import { z } from 'zod';

const RIGHTS = ['local', 'national', 'international', 'premium'] as const;

/** `[rights]` */
export const rights = z
  .strictObject({
    premium: z
      .array(z.string().regex(/^\+[0-9]{1,15}$/, 'a prefix such as "+4990"'))
      .max(10_000)
      .readonly()
      .default([])
      .describe('Prefixes of numbers that need the right `premium`, such as `+4990`.'),
    without_groups: z
      .array(z.enum(RIGHTS))
      .readonly()
      .default(['local', 'national'])
      .describe(
        'What a user may call who is in none of the groups `local`, `national`, `international`, `premium`, ' +
          'nor is his domain.',
      ),
  })
  .readonly();
