/*
 * A flow: where messages leave and come in, one UDP socket or one connection, plain or within TLS.
 *
 * A connection keeps what was not yet written, and what has come of a message. It never waits for the server, but in
 * its handshake.
 */
#ifndef FLOW_H
#define FLOW_H
#include "load.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>

enum transport { UDP, TCP, TLS };
enum { FLOWS_MAX = 20000, STREAM_BYTES_MAX = 1 << 16, EVENTS_MAX = 256 };

struct flow {
  struct udp *udp;
  int fd, port, is_waiting;
  SSL *ssl;
  size_t out_bytes, in_bytes;
  char *out, *in;
};

typedef void message_handler(struct flow *from, const char *text);

static enum transport transport;
static SSL_CTX *tls_client, *tls_server;
static int poll_fd, listen_fd = -1;
/* The flows with something to send. */
static struct flow *waiting[FLOWS_MAX];
static int waiting_count;

static const char *const VIA_NAMES[] = {"UDP", "TCP", "TLS"};
static const char *const URI_PARAMS[] = {"", ";transport=tcp", ";transport=tls"};

static inline void give_up(const char *why) {
  perror(why);
  ERR_print_errors_fp(stderr);
  exit(2);
}

/* The value of `name=value`, as it is written. */
static inline const char *argument_text(int argc, char **argv, const char *name) {
  size_t length = strlen(name);
  for (int i = 1; i < argc; i++)
    if (!strncmp(argv[i], name, length) && argv[i][length] == '=') return argv[i] + length + 1;
  return "";
}

/* `pem` holds our certificate, its key, and is the only authority we believe. */
static inline SSL_CTX *tls_context(const SSL_METHOD *method, const char *pem) {
  SSL_CTX *c = SSL_CTX_new(method);
  if (!c || SSL_CTX_use_certificate_file(c, pem, SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_use_PrivateKey_file(c, pem, SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_load_verify_locations(c, pem, NULL) != 1)
    give_up(pem);
  SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return c;
}

static inline void flows_open(enum transport kind, const char *pem) {
  transport = kind;
  poll_fd = epoll_create1(0);
  if (kind != TLS) return;
  tls_client = tls_context(TLS_client_method(), pem);
  tls_server = tls_context(TLS_server_method(), pem);
  SSL_CTX_set_verify(tls_client, SSL_VERIFY_PEER, NULL);
}

static inline struct flow *flow_of_udp(int port, int server_port) {
  struct flow *f = calloc(1, sizeof *f);
  f->udp = udp_open(port, server_port);
  f->fd = f->udp->fd;
  f->port = port;
  return f;
}

/* A connection that stands; the handshake is made here, by whoever connected first. */
static inline struct flow *flow_of_connection(int fd, SSL_CTX *context, int is_ours) {
  struct flow *f = calloc(1, sizeof *f);
  struct sockaddr_in local;
  socklen_t length = sizeof local;
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  getsockname(fd, (void *)&local, &length);
  f->fd = fd;
  f->port = ntohs(local.sin_port);
  f->out = malloc(STREAM_BYTES_MAX);
  f->in = malloc(STREAM_BYTES_MAX);
  if (context) {
    f->ssl = SSL_new(context);
    SSL_set_fd(f->ssl, fd);
    if ((is_ours ? SSL_connect(f->ssl) : SSL_accept(f->ssl)) != 1) give_up("TLS handshake");
  }
  fcntl(fd, F_SETFL, O_NONBLOCK);
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = f});
  return f;
}

static inline struct flow *flow_connect(int server_port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(server_port)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  if (connect(fd, (void *)&to, sizeof to)) give_up("connect");
  return flow_of_connection(fd, tls_client, 1);
}

/* The server opens its connection to us when it has the first message for us. */
static inline void flows_listen(int port) {
  struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(port)};
  int on = 1;
  listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  inet_pton(AF_INET, "127.0.0.1", &local.sin_addr);
  if (bind(listen_fd, (void *)&local, sizeof local) || listen(listen_fd, 1024)) give_up("listen");
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, listen_fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = NULL});
}

static inline void flow_flush(struct flow *f) {
  if (f->udp) {
    udp_flush(f->udp);
    return;
  }
  size_t sent = 0;
  while (sent < f->out_bytes) {
    int left = (int)(f->out_bytes - sent);
    int n = f->ssl ? SSL_write(f->ssl, f->out + sent, left)
                   : (int)send(f->fd, f->out + sent, (size_t)left, MSG_NOSIGNAL);
    if (n <= 0) break;
    sent += (size_t)n;
  }
  memmove(f->out, f->out + sent, f->out_bytes - sent);
  f->out_bytes -= sent;
}

/* Room for the next message; `flow_queue` says how long it became. */
static inline char *flow_room(struct flow *f) {
  if (f->udp) return udp_room(f->udp);
  if (f->out_bytes + BYTES_MAX > STREAM_BYTES_MAX) flow_flush(f);
  if (f->out_bytes + BYTES_MAX > STREAM_BYTES_MAX) {
    fprintf(stderr, "the server does not read its connection from port %d\n", f->port);
    exit(3);
  }
  return f->out + f->out_bytes;
}

static inline void flow_queue(struct flow *f, int length) {
  if (f->udp) udp_queue(f->udp, length);
  else f->out_bytes += (size_t)length;
  if (f->is_waiting) return;
  f->is_waiting = 1;
  waiting[waiting_count++] = f;
}

/* What cannot be written now stays in the list. */
static inline void flows_flush(void) {
  int kept = 0;
  for (int i = 0; i < waiting_count; i++) {
    struct flow *f = waiting[i];
    flow_flush(f);
    if (!f->udp && f->out_bytes > 0) waiting[kept++] = f;
    else f->is_waiting = 0;
  }
  waiting_count = kept;
}

/* The bytes of the first message in the buffer, or 0 when it is not whole. RFC 3261 §18.3 */
static inline size_t message_bytes(const char *text) {
  const char *end = strstr(text, "\r\n\r\n");
  const char *length = header(text, "\r\nContent-Length: ");
  if (!end) return 0;
  return (size_t)(end - text) + 4 + (length && length < end ? strtoul(length, NULL, 10) : 0);
}

static inline void take_messages(struct flow *f, message_handler *handle) {
  size_t at = 0, length;
  f->in[f->in_bytes] = 0;
  for (;;) {
    while (at < f->in_bytes && (f->in[at] == '\r' || f->in[at] == '\n')) at++;
    length = message_bytes(f->in + at);
    if (length == 0 || at + length > f->in_bytes) break;
    char next = f->in[at + length];
    f->in[at + length] = 0;
    handle(f, f->in + at);
    f->in[at + length] = next;
    at += length;
  }
  memmove(f->in, f->in + at, f->in_bytes - at);
  f->in_bytes -= at;
}

static inline void connection_read(struct flow *f, message_handler *handle) {
  for (;;) {
    int room = (int)(STREAM_BYTES_MAX - 1 - f->in_bytes);
    int n = f->ssl ? SSL_read(f->ssl, f->in + f->in_bytes, room)
                   : (int)recv(f->fd, f->in + f->in_bytes, (size_t)room, 0);
    if (n == 0 || (n < 0 && !f->ssl && errno != EAGAIN)) epoll_ctl(poll_fd, EPOLL_CTL_DEL, f->fd, NULL);
    if (n <= 0) return;
    f->in_bytes += (size_t)n;
    take_messages(f, handle);
  }
}

static inline void udp_flow_read(struct flow *f, message_handler *handle) {
  for (int i = 0, n = udp_read(f->udp); i < n; i++) handle(f, f->udp->in_text[i]);
}

/* Reads what has come on any connection. */
static inline void connections_read(message_handler *handle) {
  struct epoll_event events[EVENTS_MAX];
  int n = epoll_wait(poll_fd, events, EVENTS_MAX, 0);
  for (int i = 0; i < n; i++) {
    if (events[i].data.ptr) {
      connection_read(events[i].data.ptr, handle);
      continue;
    }
    int fd = accept(listen_fd, NULL, NULL);
    if (fd >= 0) flow_of_connection(fd, tls_server, 0);
  }
}
#endif
