/*
 * REGISTER at an even pace: one contact a user, refreshed in turn.
 *
 *   register port= clientPort= contactPort= rate= count= users= contactTransport=
 *
 * contactTransport: 0 UDP, 1 TCP, 2 TLS; by which the contact wants to be reached.
 * Prints {"made","done","failed","seconds","lateUs","p50Us","p99Us","p999Us"}; latency is request to 200.
 */
#include "load.h"

enum { SLOTS = 1 << 18, REPLY_MS = 3000 };

static uint64_t sent_ns[SLOTS];
static struct latency latency;
static uint64_t done, failed;
static int client_port, contact_port, users;
static const char *const CONTACT_PARAMS[] = {"", ";transport=tcp", ";transport=tls"};
static const char *contact_params;

static void send_register(struct udp *u, uint64_t number, uint64_t now) {
  unsigned user = (unsigned)(number % (unsigned)users);
  sent_ns[number % SLOTS] = now;
  int length = snprintf(udp_room(u), BYTES_MAX,
      "REGISTER sip:bench.local SIP/2.0\r\n"
      "Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK-%d-%lu;rport\r\n"
      "Max-Forwards: 70\r\n"
      "From: <sip:user%u@bench.local>;tag=%lu\r\n"
      "To: <sip:user%u@bench.local>\r\n"
      "Call-ID: user%u-%d@127.0.0.1\r\n"
      "CSeq: %lu REGISTER\r\n"
      "Contact: <sip:user%u@127.0.0.1:%d%s>\r\n"
      "Expires: 3600\r\n"
      "User-Agent: bench-ua/1.0\r\n"
      "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE, SUBSCRIBE, INFO\r\n"
      "Content-Length: 0\r\n\r\n",
      client_port, getpid(), number, user, number, user, user, getpid(), number / (unsigned)users + 1, user,
      contact_port, contact_params);
  udp_queue(u, length);
}

static void read_reply(const char *text, uint64_t now) {
  const char *branch = strstr(text, "branch=z9hG4bK-");
  const char *dash = branch ? strchr(branch + 15, '-') : NULL;
  if (!dash || atoi(branch + 15) != getpid() || atoi(text + 8) < 200) return;
  uint64_t *sent = &sent_ns[strtoull(dash + 1, NULL, 10) % SLOTS];
  if (*sent == 0) return;
  if (atoi(text + 8) == 200) {
    latency_add(&latency, now - *sent);
    done++;
  } else {
    failed++;
  }
  *sent = 0;
}

int main(int argc, char **argv) {
  double rate = argument(argc, argv, "rate", 1000);
  client_port = (int)argument(argc, argv, "clientPort", 17161);
  contact_port = (int)argument(argc, argv, "contactPort", 17170);
  users = (int)argument(argc, argv, "users", 1000);
  contact_params = CONTACT_PARAMS[(int)argument(argc, argv, "contactTransport", 0) % 3];

  struct udp *u = udp_open(client_port, (int)argument(argc, argv, "port", 17160));
  stop_if_asked(argc, argv);
  uint64_t start = now_ns(), now = start, last = start;
  struct pace pace = {.next_ns = (double)start, .gap_ns = 1e9 / rate,
                      .due = (uint64_t)argument(argc, argv, "count", 1000)};
  while (done + failed < pace.due) {
    now = now_ns();
    for (int i = 0; i < 16 && pace_due(&pace, now); i++) {
      send_register(u, pace.made - 1, now);
      last = now;
    }
    udp_flush(u);
    for (int i = 0, n = udp_read(u); i < n; i++) read_reply(u->in_text[i], now_ns());
    if (pace.made == pace.due && now - last > REPLY_MS * 1000000ull) failed = pace.due - done;
  }
  printf("{\"made\":%lu,\"done\":%lu,\"failed\":%lu,\"seconds\":%.4f,\"lateUs\":%lu,"
         "\"p50Us\":%d,\"p99Us\":%d,\"p999Us\":%d}\n",
      pace.made, done, failed, (double)(now - start) / 1e9, pace.late_ns / 1000, latency_at(&latency, 0.5),
      latency_at(&latency, 0.99), latency_at(&latency, 0.999));
  stop_if_asked(argc, argv);
  return 0;
}
