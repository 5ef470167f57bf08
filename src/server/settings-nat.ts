/** How requests travel to who is hard to reach: a part of `[sip]`, see settings-schema.ts. */
import { z } from 'zod';

/** `[sip] nat`. */
export const nat = z
  .enum(['auto', 'off'])
  .default('auto')
  .describe(
    'How requests within a dialog reach a side whose Contact is not where its messages come from: ' +
      '`auto` by the path that it came by, `off` by its Contact.',
  );

/** `[sip] large_requests`. */
export const largeRequests = z
  .enum(['tcp', 'udp'])
  .default('tcp')
  .describe(
    'How requests of more than 1300 bytes travel where the target leaves it open: `tcp`, and by UDP where that is ' +
      'refused (RFC 3261 §18.1.1), or `udp`.',
  );
