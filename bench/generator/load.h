/*
 * What the generators share: time, named arguments, batched UDP, latency percentiles, headers of a message.
 *
 * A generator never sleeps: it looks at the clock and at its sockets in turn, so arrivals are evenly paced, and
 * a latency is measured to the microsecond. It resends nothing: a lost packet is a failed unit.
 */
#ifndef LOAD_H
#define LOAD_H
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, BYTES_MAX = 2048, SOCKET_BUFFER_BYTES = 8 << 20, LATENCY_US_MAX = 500000 };

static inline uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The value of `name=value` on the command line. */
static inline double argument(int argc, char **argv, const char *name, double otherwise) {
  size_t length = strlen(name);
  for (int i = 1; i < argc; i++)
    if (!strncmp(argv[i], name, length) && argv[i][length] == '=') return atof(argv[i] + length + 1);
  return otherwise;
}

/*
 * With stops=1 a generator stops itself twice, when it is ready and when the load is over: whoever started it measures
 * what lies between, so that neither making connections nor ending them counts.
 */
static inline void stop_if_asked(int argc, char **argv) {
  fflush(stdout);
  if (argument(argc, argv, "stops", 0) > 0) raise(SIGSTOP);
}

/* A UDP socket on 127.0.0.1, with a batch of datagrams in each direction. */
struct udp {
  int fd;
  struct sockaddr_in server;
  struct mmsghdr out[BATCH], in[BATCH];
  struct iovec out_bytes[BATCH], in_bytes[BATCH];
  char out_text[BATCH][BYTES_MAX], in_text[BATCH][BYTES_MAX];
  int queued;
};

static inline struct udp *udp_open(int port, int server_port) {
  struct udp *u = calloc(1, sizeof *u);
  struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(port)};
  int size = SOCKET_BUFFER_BYTES;
  u->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  inet_pton(AF_INET, "127.0.0.1", &local.sin_addr);
  u->server = local;
  u->server.sin_port = htons(server_port);
  if (bind(u->fd, (void *)&local, sizeof local)) {
    perror("bind");
    exit(2);
  }
  if (setsockopt(u->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
    setsockopt(u->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  setsockopt(u->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  for (int i = 0; i < BATCH; i++) {
    u->in_bytes[i] = (struct iovec){u->in_text[i], BYTES_MAX - 1};
    u->in[i].msg_hdr = (struct msghdr){.msg_iov = &u->in_bytes[i], .msg_iovlen = 1};
    u->out_bytes[i].iov_base = u->out_text[i];
    u->out[i].msg_hdr = (struct msghdr){
        .msg_name = &u->server, .msg_namelen = sizeof u->server,
        .msg_iov = &u->out_bytes[i], .msg_iovlen = 1};
  }
  return u;
}

static inline void udp_flush(struct udp *u) {
  int sent = 0;
  while (sent < u->queued) {
    int n = sendmmsg(u->fd, u->out + sent, (unsigned)(u->queued - sent), 0);
    if (n > 0) sent += n;
  }
  u->queued = 0;
}

/* Room for the next datagram; `udp_queue` says how long it became. */
static inline char *udp_room(struct udp *u) {
  if (u->queued == BATCH) udp_flush(u);
  return u->out_text[u->queued];
}

static inline void udp_queue(struct udp *u, int length) {
  u->out_bytes[u->queued++].iov_len = (size_t)length;
}

/* Reads what has come, as texts ended by NUL; answers how many. */
static inline int udp_read(struct udp *u) {
  int n = recvmmsg(u->fd, u->in, BATCH, MSG_DONTWAIT, NULL);
  for (int i = 0; i < n; i++) u->in_text[i][u->in[i].msg_len] = 0;
  return n < 0 ? 0 : n;
}

/* Arrivals at even distances; one that fell behind catches up, so the offered load is what was asked for. */
struct pace {
  double next_ns, gap_ns;
  uint64_t due, made, late_ns;
};

static inline int pace_due(struct pace *p, uint64_t now) {
  if (p->made >= p->due || (double)now < p->next_ns) return 0;
  uint64_t late = now - (uint64_t)p->next_ns;
  if (late > p->late_ns) p->late_ns = late;
  p->next_ns += p->gap_ns;
  p->made++;
  return 1;
}

/* One bucket a microsecond. */
struct latency {
  uint32_t count[LATENCY_US_MAX + 1];
  uint64_t total;
};

static inline void latency_add(struct latency *l, uint64_t ns) {
  uint64_t us = ns / 1000;
  l->count[us > LATENCY_US_MAX ? LATENCY_US_MAX : us]++;
  l->total++;
}

static inline int latency_at(const struct latency *l, double share) {
  uint64_t seen = 0;
  for (int us = 0; us <= LATENCY_US_MAX; us++) {
    seen += l->count[us];
    if (seen > 0 && (double)seen >= share * (double)l->total) return us;
  }
  return 0;
}

/* The start of the value of a header, or NULL; `name` carries its line break and colon: "\r\nTo: ". */
static inline const char *header(const char *message, const char *name) {
  const char *at = strstr(message, name);
  return at ? at + strlen(name) : NULL;
}

/* Copies up to the end of the line, or nothing when it would not fit. */
static inline void copy_line(char *to, size_t room, const char *from) {
  size_t length = from ? strcspn(from, "\r\n") : 0;
  if (length >= room) length = 0;
  if (length) memcpy(to, from, length);
  to[length] = 0;
}
#endif
