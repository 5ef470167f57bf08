/** Numbers for the timers in the rings. Server timers, client timers and those of a client's user differ in range. */
export const serverTimer = { silent: 1, G: 2, H: 3, I: 4, L: 5, J: 6 } as const;
export const clientTimer = { A: 16, B: 17, D: 18, M: 19, E: 20, F: 21, K: 22, cancelled: 23 } as const;
/** From here on: timers that the user of a client transaction sets on it. */
export const USER_TIMER = 32;
