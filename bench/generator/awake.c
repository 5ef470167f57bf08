/* Keeps a core from halting, and lets whoever wants it have it at once. See ../README.md, "Awake". */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>

int main(void) {
  const struct sched_param none = {0};
  if (sched_setscheduler(0, SCHED_IDLE, &none) != 0) {
    perror("sched_setscheduler");
    return 1;
  }
  for (;;) {
#ifdef __x86_64__
    __builtin_ia32_pause();
#else
    __asm__ volatile("yield");
#endif
  }
}
