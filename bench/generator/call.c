/*
 * Calls at an even pace, caller and callee in one process:
 *
 *   caller            server            callee
 *     │── INVITE ───────▶│── INVITE ───────▶│   latency: from here to there
 *     │◀─ 100, 180, 200 ─│◀──── 180, 200 ───│
 *     │── ACK ──────────▶│── ACK ──────────▶│
 *     │    holdMs        │                  │
 *     │── BYE ──────────▶│── BYE ──────────▶│
 *     │◀──────────── 200 │◀──────────── 200 │
 *
 *   call port= callerPort= calleePort= rate= count= users= holdMs=
 *
 * Prints {"made","done","failed","refused","repeated","seconds","madeSeconds","lateUs","p50Us","p99Us",
 * "p999Us","setupP50Us","setupP99Us"}: `refused` had a final failure, `repeated` are INVITEs that came again,
 * `setup` is the time from INVITE to its 200 at the caller.
 */
#include "load.h"

enum { SLOTS = 1 << 18, STALL_MS = 5000, MADE_AT_ONCE = 16 };

enum state { IDLE, INVITED, RUNG, TALKING, HUNG_UP };

struct call {
  uint64_t number, started_ns, ends_ns;
  enum state state;
  char route[256], target[128], to[160];
};

static struct call calls[SLOTS];
static struct latency invite_latency, setup_latency;
static struct udp *caller, *callee;
static int caller_port, callee_port, users, run;
static uint64_t hold_ns, done, refused, stalled, repeated;
/* Calls in the order they were made, and in the order they were answered. */
static uint64_t oldest, answered_order[SLOTS], answered_first, answered_next;

static const char SDP[] =
    "v=0\r\no=bench 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n";

static void send_invite(uint64_t number, uint64_t now) {
  struct call *c = &calls[number % SLOTS];
  unsigned user = (unsigned)(number % (unsigned)users);
  if (c->state != IDLE) stalled++;
  c->number = number;
  c->started_ns = now;
  c->state = INVITED;
  udp_queue(caller, snprintf(udp_room(caller), BYTES_MAX,
      "INVITE sip:user%u@bench.local SIP/2.0\r\n"
      "Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK-%d-%lu-i\r\n"
      "Max-Forwards: 70\r\n"
      "From: \"Bench\" <sip:caller@bench.local>;tag=%dc%lu\r\n"
      "To: <sip:user%u@bench.local>\r\n"
      "Call-ID: %lu-%d@127.0.0.1\r\n"
      "CSeq: 1 INVITE\r\n"
      "Contact: <sip:caller@127.0.0.1:%d>\r\n"
      "User-Agent: bench-ua/1.0\r\n"
      "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE, SUBSCRIBE, INFO\r\n"
      "Content-Type: application/sdp\r\n"
      "Content-Length: %zu\r\n\r\n%s",
      user, caller_port, run, number, run, number, user, number, run, caller_port, sizeof SDP - 1, SDP));
}

/* ACK and BYE: along the recorded route to the callee's contact. RFC 3261 §12.2.1.1. */
static void send_in_dialog(const struct call *c, const char *method, int cseq, const char *branch) {
  udp_queue(caller, snprintf(udp_room(caller), BYTES_MAX,
      "%s %s SIP/2.0\r\n"
      "Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK-%d-%lu-%s\r\n"
      "%s%s%s"
      "Max-Forwards: 70\r\n"
      "From: \"Bench\" <sip:caller@bench.local>;tag=%dc%lu\r\n"
      "To: %s\r\n"
      "Call-ID: %lu-%d@127.0.0.1\r\n"
      "CSeq: %d %s\r\n"
      "User-Agent: bench-ua/1.0\r\n"
      "Content-Length: 0\r\n\r\n",
      method, c->target, caller_port, run, c->number, branch, c->route[0] ? "Route: " : "", c->route,
      c->route[0] ? "\r\n" : "", run, c->number, c->to, c->number, run, cseq, method));
}

static struct call *find_call(const char *text) {
  const char *id = header(text, "\r\nCall-ID: ");
  char *end;
  if (!id) return NULL;
  struct call *c = &calls[strtoull(id, &end, 10) % SLOTS];
  if (*end != '-' || atoi(end + 1) != run || c->number != strtoull(id, NULL, 10)) return NULL;
  return c;
}

/* One proxy on the path writes one Record-Route, or two in one line or two lines. */
static void keep_routes(struct call *c, const char *text) {
  const char *line = text;
  size_t used = 0;
  c->route[0] = 0;
  while ((line = header(line, "\r\nRecord-Route: "))) {
    char value[sizeof c->route];
    copy_line(value, sizeof value, line);
    int n = snprintf(c->route + used, sizeof c->route - used, "%s%s", used ? "," : "", value);
    if (n < 0 || used + (size_t)n >= sizeof c->route) return;
    used += (size_t)n;
  }
}

static void keep_dialog(struct call *c, const char *text) {
  const char *contact = header(text, "\r\nContact: <");
  size_t length = contact ? strcspn(contact, ">") : 0;
  if (length >= sizeof c->target) length = 0;
  memcpy(c->target, contact, length);
  c->target[length] = 0;
  copy_line(c->to, sizeof c->to, header(text, "\r\nTo: "));
  keep_routes(c, text);
}

/* RFC 3261 §17.1.1.3: the ACK of a failure belongs to the INVITE's transaction. */
static void refuse(struct call *c, const char *text) {
  snprintf(c->target, sizeof c->target, "sip:user%u@bench.local", (unsigned)(c->number % (unsigned)users));
  copy_line(c->to, sizeof c->to, header(text, "\r\nTo: "));
  c->route[0] = 0;
  send_in_dialog(c, "ACK", 1, "i");
  c->state = IDLE;
  refused++;
}

static void read_at_caller(const char *text, uint64_t now) {
  struct call *c = find_call(text);
  const char *cseq = header(text, "\r\nCSeq: ");
  int status = atoi(text + 8);
  if (!c || !cseq || status < 200) return;
  if (cseq[0] == '2') {
    if (c->state != HUNG_UP) return;
    c->state = IDLE;
    if (status == 200) done++;
    else refused++;
  } else if (status >= 300) {
    if (c->state == INVITED || c->state == RUNG) refuse(c, text);
  } else if (c->state == INVITED || c->state == RUNG) {
    latency_add(&setup_latency, now - c->started_ns);
    keep_dialog(c, text);
    send_in_dialog(c, "ACK", 1, "a");
    c->state = TALKING;
    c->ends_ns = now + hold_ns;
    answered_order[answered_next++ % SLOTS] = c->number;
  }
}

static void hang_up_due(uint64_t now) {
  while (answered_first != answered_next) {
    uint64_t number = answered_order[answered_first % SLOTS];
    struct call *c = &calls[number % SLOTS];
    if (c->number == number && c->state == TALKING) {
      if (c->ends_ns > now) return;
      send_in_dialog(c, "BYE", 2, "b");
      c->state = HUNG_UP;
    }
    answered_first++;
  }
}

static void give_up_stalled(uint64_t now, uint64_t made) {
  for (; oldest < made; oldest++) {
    struct call *c = &calls[oldest % SLOTS];
    if (c->number == oldest && c->state != IDLE) {
      if (now - c->started_ns < hold_ns + STALL_MS * 1000000ull) return;
      c->state = IDLE;
      stalled++;
    }
  }
}

/* Vias, Record-Routes, From, To, Call-ID and CSeq, as a response repeats them. RFC 3261 §8.2.6.2. */
static int copy_for_reply(char *to, const char *request, uint64_t number) {
  char *at = to;
  const char *line = strstr(request, "\r\n");
  for (line = line ? line + 2 : ""; *line && *line != '\r';) {
    size_t length = strcspn(line, "\r");
    int is_to = !strncmp(line, "To:", 3);
    if (is_to || !strncmp(line, "Via:", 4) || !strncmp(line, "From:", 5) || !strncmp(line, "Call-ID:", 8) ||
        !strncmp(line, "CSeq:", 5) || !strncmp(line, "Record-Route:", 13)) {
      memcpy(at, line, length);
      at += length;
      if (is_to && !memmem(line, length, ";tag=", 5)) at += sprintf(at, ";tag=%ds%lu", run, number);
      at = (char *)memcpy(at, "\r\n", 2) + 2;
    }
    line += length + 2;
  }
  *at = 0;
  return (int)(at - to);
}

static void reply(const char *status, const char *copied, const char *body) {
  udp_queue(callee, snprintf(udp_room(callee), BYTES_MAX,
      "SIP/2.0 %s\r\n%sContact: <sip:callee@127.0.0.1:%d>\r\n%sContent-Length: %zu\r\n\r\n%s", status, copied,
      callee_port, *body ? "Content-Type: application/sdp\r\n" : "", strlen(body), body));
}

static void read_at_callee(const char *text, uint64_t now) {
  struct call *c = find_call(text);
  char copied[BYTES_MAX];
  if (!c || text[0] == 'A' || text[0] == 'S') return;
  copy_for_reply(copied, text, c->number);
  if (text[0] != 'I') {
    reply("200 OK", copied, "");
    return;
  }
  if (c->state == INVITED) {
    latency_add(&invite_latency, now - c->started_ns);
    c->state = RUNG;
  } else {
    repeated++;
  }
  reply("180 Ringing", copied, "");
  reply("200 OK", copied, SDP);
}

static void print_figures(const struct pace *pace, uint64_t start, uint64_t made_ns, uint64_t end) {
  printf("{\"made\":%lu,\"done\":%lu,\"failed\":%lu,\"refused\":%lu,\"repeated\":%lu,\"seconds\":%.4f,"
         "\"madeSeconds\":%.4f,\"lateUs\":%lu,\"p50Us\":%d,\"p99Us\":%d,\"p999Us\":%d,\"setupP50Us\":%d,"
         "\"setupP99Us\":%d}\n",
      pace->made, done, refused + stalled, refused, repeated, (double)(end - start) / 1e9,
      (double)(made_ns - start) / 1e9, pace->late_ns / 1000, latency_at(&invite_latency, 0.5),
      latency_at(&invite_latency, 0.99), latency_at(&invite_latency, 0.999), latency_at(&setup_latency, 0.5),
      latency_at(&setup_latency, 0.99));
}

int main(int argc, char **argv) {
  int port = (int)argument(argc, argv, "port", 17160);
  caller_port = (int)argument(argc, argv, "callerPort", 17161);
  callee_port = (int)argument(argc, argv, "calleePort", 17170);
  users = (int)argument(argc, argv, "users", 1000);
  hold_ns = (uint64_t)(argument(argc, argv, "holdMs", 0) * 1e6);
  run = getpid();
  caller = udp_open(caller_port, port);
  callee = udp_open(callee_port, port);

  uint64_t start = now_ns(), now = start, made_ns = start;
  struct pace pace = {.next_ns = (double)start, .gap_ns = 1e9 / argument(argc, argv, "rate", 100),
                      .due = (uint64_t)argument(argc, argv, "count", 1000)};
  while (done + refused + stalled < pace.due) {
    now = now_ns();
    for (int i = 0; i < MADE_AT_ONCE && pace_due(&pace, now); i++) send_invite(pace.made - 1, made_ns = now);
    hang_up_due(now);
    udp_flush(caller);
    for (int i = 0, n = udp_read(caller); i < n; i++) read_at_caller(caller->in_text[i], now_ns());
    udp_flush(caller);
    for (int i = 0, n = udp_read(callee); i < n; i++) read_at_callee(callee->in_text[i], now_ns());
    udp_flush(callee);
    give_up_stalled(now, pace.made);
  }
  print_figures(&pace, start, made_ns, now);
  return 0;
}
