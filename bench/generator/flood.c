/*
 * Packets that nobody wants, at an even pace, from one or from many addresses of loopback.
 *
 *   flood port= kind= rate= seconds= sources=
 *
 * kind: 0 garbage, 1 REGISTER, 2 INVITE that is never acknowledged, 3 OPTIONS, 4 responses to nothing.
 * Sources are 127.0.1.1 and up. It sleeps a millisecond between batches: the good clients share its core.
 * Prints {"sent","answers","answerBytes","sentBytes"}.
 */
#include "load.h"

enum { GARBAGE, REGISTER, INVITE, OPTIONS, RESPONSE, SOURCES_MAX = 250, TICK_NS = 1000000 };

static struct udp *sources[SOURCES_MAX];
static uint64_t answers, answer_bytes, sent_bytes;

static const char *const METHODS[] = {"", "REGISTER", "INVITE", "OPTIONS", ""};

/* `udp_open` binds 127.0.0.1; a stranger needs an address of its own. */
static struct udp *stranger(int number, int server_port) {
  struct udp *u = udp_open(0, server_port);
  struct sockaddr_in local = {.sin_family = AF_INET};
  local.sin_addr.s_addr = htonl(0x7f000101u + (unsigned)number);
  close(u->fd);
  u->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  if (bind(u->fd, (void *)&local, sizeof local)) {
    perror("bind");
    exit(2);
  }
  return u;
}

static int write_message(char *to, int kind, int source, uint64_t number) {
  if (kind == GARBAGE) return snprintf(to, BYTES_MAX, "\x01\x02garbage %lu \xff\xfe without any line", number);
  const char *method = METHODS[kind];
  int length = kind == RESPONSE
      ? snprintf(to, BYTES_MAX, "SIP/2.0 200 OK\r\n")
      : snprintf(to, BYTES_MAX, "%s sip:%sbench.local SIP/2.0\r\n", method, kind == INVITE ? "nobody@" : "");
  return length + snprintf(to + length, BYTES_MAX - (size_t)length,
      "Via: SIP/2.0/UDP 127.0.1.%d:5060;branch=z9hG4bK-f%d-%lu;rport\r\n"
      "Max-Forwards: 70\r\n"
      "From: <sip:stranger%lu@bench.local>;tag=%lu\r\n"
      "To: <sip:stranger%lu@bench.local>\r\n"
      "Call-ID: flood%d-%lu@127.0.1.%d\r\n"
      "CSeq: 1 %s\r\n"
      "Contact: <sip:stranger@127.0.1.%d>\r\n"
      "User-Agent: flood\r\n"
      "Content-Length: 0\r\n\r\n",
      source + 1, getpid(), number, number, number, number, getpid(), number, source + 1,
      kind == RESPONSE ? "INVITE" : method, source + 1);
}

int main(int argc, char **argv) {
  int kind = (int)argument(argc, argv, "kind", GARBAGE);
  int count = (int)argument(argc, argv, "sources", 1);
  int port = (int)argument(argc, argv, "port", 17160);
  double rate = argument(argc, argv, "rate", 40000);
  if (count > SOURCES_MAX) count = SOURCES_MAX;
  for (int i = 0; i < count; i++) sources[i] = stranger(i, port);

  uint64_t start = now_ns();
  struct pace pace = {.next_ns = (double)start, .gap_ns = 1e9 / rate,
                      .due = (uint64_t)(rate * argument(argc, argv, "seconds", 5))};
  while (pace.made < pace.due) {
    uint64_t now = now_ns();
    while (pace_due(&pace, now)) {
      int source = (int)(pace.made % (unsigned)count);
      int length = write_message(udp_room(sources[source]), kind, source, pace.made);
      udp_queue(sources[source], length);
      sent_bytes += (uint64_t)length;
    }
    for (int s = 0; s < count; s++) {
      if (sources[s]->queued > 0) udp_flush(sources[s]);
      int n = udp_read(sources[s]);
      answers += (uint64_t)n;
      for (int i = 0; i < n; i++) answer_bytes += sources[s]->in[i].msg_len;
    }
    nanosleep(&(struct timespec){.tv_nsec = TICK_NS}, NULL);
  }
  printf("{\"sent\":%lu,\"answers\":%lu,\"sentBytes\":%lu,\"answerBytes\":%lu}\n",
      pace.made, answers, sent_bytes, answer_bytes);
  return 0;
}
