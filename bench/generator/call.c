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
 *   call port= callerPort= calleePort= rate= count= users= holdMs= transport= pem= phones= stops=
 *
 * transport: udp, tcp, tls; `pem` has the certificate. With TCP and TLS either the caller is a proxy, with one
 * connection, and so is the callee, to whom the server connects; or there are so many `phones`, each with a connection
 * by which it registers, calls and is called.
 *
 * Prints {"made","done","failed","refused","repeated","seconds","madeSeconds","lateUs","p50Us","p99Us",
 * "p999Us","setupP50Us","setupP99Us"}: `refused` had a final failure, `repeated` are INVITEs that came again,
 * `setup` is the time from INVITE to its 200 at the caller.
 */
#include "flow.h"

enum { SLOTS = 1 << 18, STALL_MS = 5000, MADE_AT_ONCE = 16, REGISTER_SECONDS = 30, ASK_AGAIN_MS = 1000,
       UNREGISTERED_MAX = 32 };

enum state { IDLE, INVITED, RUNG, TALKING, HUNG_UP };

struct call {
  uint64_t number, started_ns, ends_ns;
  enum state state;
  char route[256], target[128], to[160];
};

static struct call calls[SLOTS];
static struct latency invite_latency, setup_latency;
/* Who calls and is called: two proxies, or every phone. */
static struct flow *caller, *callee, *phones[FLOWS_MAX];
static int server_port, callee_port, users, phone_count, registered, run;
static uint8_t is_registered[FLOWS_MAX];
static uint64_t hold_ns, done, refused, stalled, repeated;
/* Calls in the order they were made, and in the order they were answered. */
static uint64_t oldest, answered_order[SLOTS], answered_first, answered_next;

/* Its first line says which call it is: a server of two legs has a Call-ID of its own for the second. */
static const char SDP[] =
    "v=0\r\no=bench %lu %d IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n";

/* A phone is called by the one on the other side of the town. */
static struct flow *caller_of(uint64_t number) {
  return phone_count > 0 ? phones[(number + (unsigned)phone_count / 2) % (unsigned)phone_count] : caller;
}

static void send_invite(uint64_t number, uint64_t now) {
  struct call *c = &calls[number % SLOTS];
  struct flow *f = caller_of(number);
  char sdp[sizeof SDP + 32];
  unsigned user = (unsigned)(number % (unsigned)users);
  if (c->state != IDLE) stalled++;
  c->number = number;
  c->started_ns = now;
  c->state = INVITED;
  snprintf(sdp, sizeof sdp, SDP, number, run);
  flow_queue(f, snprintf(flow_room(f), BYTES_MAX,
      "INVITE sip:user%u@bench.local SIP/2.0\r\n"
      "Via: SIP/2.0/%s 127.0.0.1:%d;branch=z9hG4bK-%d-%lu-i\r\n"
      "Max-Forwards: 70\r\n"
      "From: \"Bench\" <sip:caller@bench.local>;tag=%dc%lu\r\n"
      "To: <sip:user%u@bench.local>\r\n"
      "Call-ID: %lu-%d@127.0.0.1\r\n"
      "CSeq: 1 INVITE\r\n"
      "Contact: <sip:caller@127.0.0.1:%d%s>\r\n"
      "User-Agent: bench-ua/1.0\r\n"
      "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE, SUBSCRIBE, INFO\r\n"
      "Content-Type: application/sdp\r\n"
      "Content-Length: %zu\r\n\r\n%s",
      user, VIA_NAMES[transport], f->port, run, number, run, number, user, number, run, f->port,
      URI_PARAMS[transport], strlen(sdp), sdp));
}

/* ACK and BYE: along the recorded route to the callee's contact. RFC 3261 §12.2.1.1. */
static void send_in_dialog(const struct call *c, const char *method, int cseq, const char *branch) {
  struct flow *f = caller_of(c->number);
  flow_queue(f, snprintf(flow_room(f), BYTES_MAX,
      "%s %s SIP/2.0\r\n"
      "Via: SIP/2.0/%s 127.0.0.1:%d;branch=z9hG4bK-%d-%lu-%s\r\n"
      "%s%s%s"
      "Max-Forwards: 70\r\n"
      "From: \"Bench\" <sip:caller@bench.local>;tag=%dc%lu\r\n"
      "To: %s\r\n"
      "Call-ID: %lu-%d@127.0.0.1\r\n"
      "CSeq: %d %s\r\n"
      "User-Agent: bench-ua/1.0\r\n"
      "Content-Length: 0\r\n\r\n",
      method, c->target, VIA_NAMES[transport], f->port, run, c->number, branch,
      c->route[0] ? "Route: " : "", c->route, c->route[0] ? "\r\n" : "", run, c->number, c->to, c->number, run, cseq, method));
}

static struct call *call_with(uint64_t number, int of_run) {
  struct call *c = &calls[number % SLOTS];
  return of_run == run && c->number == number ? c : NULL;
}

static struct call *find_at_caller(const char *text) {
  const char *id = header(text, "\r\nCall-ID: ");
  char *end;
  uint64_t number = id ? strtoull(id, &end, 10) : 0;
  return id && *end == '-' ? call_with(number, atoi(end + 1)) : NULL;
}

/* By the description it carries, and within the dialog by the tag we gave it. */
static struct call *find_at_callee(const char *text) {
  const char *origin = header(text, "\r\no=bench ");
  const char *to = header(text, "\r\nTo: ");
  const char *tag = to ? strstr(to, ";tag=") : NULL;
  char *end;
  if (text[0] == 'I') {
    uint64_t number = origin ? strtoull(origin, &end, 10) : 0;
    return origin ? call_with(number, atoi(end)) : NULL;
  }
  long of_run = tag ? strtol(tag + 5, &end, 10) : 0;
  return tag && *end == 's' ? call_with(strtoull(end + 1, NULL, 10), (int)of_run) : NULL;
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
  struct call *c = find_at_caller(text);
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

static void reply(struct flow *f, const char *status, const char *copied, const char *body) {
  flow_queue(f, snprintf(flow_room(f), BYTES_MAX,
      "SIP/2.0 %s\r\n%sContact: <sip:callee@127.0.0.1:%d%s>\r\n%sContent-Length: %zu\r\n\r\n%s", status, copied,
      phone_count > 0 ? f->port : callee_port, URI_PARAMS[transport],
      *body ? "Content-Type: application/sdp\r\n" : "", strlen(body), body));
}

static void read_at_callee(struct flow *f, const char *text, uint64_t now) {
  struct call *c = find_at_callee(text);
  char copied[BYTES_MAX], sdp[sizeof SDP + 32];
  if (!c || text[0] == 'A') return;
  copy_for_reply(copied, text, c->number);
  if (text[0] != 'I') {
    reply(f, "200 OK", copied, "");
    return;
  }
  if (c->state == INVITED) {
    latency_add(&invite_latency, now - c->started_ns);
    c->state = RUNG;
  } else {
    repeated++;
  }
  snprintf(sdp, sizeof sdp, SDP, c->number, run);
  reply(f, "180 Ringing", copied, "");
  reply(f, "200 OK", copied, sdp);
}

static void read_at_registering(const char *text) {
  const char *id = header(text, "\r\nCall-ID: register");
  int user = id ? atoi(id) : FLOWS_MAX;
  if (user >= phone_count || is_registered[user] || atoi(text + 8) != 200) return;
  is_registered[user] = 1;
  registered++;
}

static void read_message(struct flow *from, const char *text) {
  const char *cseq = header(text, "\r\nCSeq: ");
  int is_response = !strncmp(text, "SIP/2.0 ", 8);
  int is_register = cseq && !strncmp(cseq + strcspn(cseq, " "), " REGISTER", 9);
  if (is_response && is_register) read_at_registering(text);
  else if (is_response) read_at_caller(text, now_ns());
  else read_at_callee(from, text, now_ns());
}

static void read_all(void) {
  if (transport != UDP) {
    connections_read(read_message);
  } else {
    udp_flow_read(caller, read_message);
    flows_flush();
    udp_flow_read(callee, read_message);
  }
  flows_flush();
}

static void send_register(int user, int cseq, int expires_seconds) {
  struct flow *f = phones[user];
  flow_queue(f, snprintf(flow_room(f), BYTES_MAX,
      "REGISTER sip:bench.local SIP/2.0\r\n"
      "Via: SIP/2.0/%s 127.0.0.1:%d;branch=z9hG4bK-%d-%d-r%d\r\n"
      "Max-Forwards: 70\r\n"
      "From: <sip:user%d@bench.local>;tag=%d\r\n"
      "To: <sip:user%d@bench.local>\r\n"
      "Call-ID: register%d-%d@127.0.0.1\r\n"
      "CSeq: %d REGISTER\r\n"
      "Contact: <sip:user%d@127.0.0.1:%d%s>\r\n"
      "Expires: %d\r\n"
      "Content-Length: 0\r\n\r\n",
      VIA_NAMES[transport], f->port, run, user, cseq, user, run, user, user, run, cseq, user, f->port,
      URI_PARAMS[transport], expires_seconds));
}

static int wait_for_registered(int count) {
  uint64_t patience = now_ns() + ASK_AGAIN_MS * 1000000ull;
  while (registered < count && now_ns() < patience) read_all();
  return registered >= count;
}

/*
 * Every phone by its own connection, a few at once: a server may be no good at a thousand that connect together. Who is
 * refused asks again. With 0 seconds they say goodbye.
 */
static void register_phones(int expires_seconds) {
  static int cseq;
  uint64_t late = now_ns() + REGISTER_SECONDS * 1000000000ull;
  memset(is_registered, 0, sizeof is_registered);
  registered = 0;
  do {
    cseq++;
    for (int user = 0, asked = registered; user < phone_count; user++) {
      if (!phones[user]) phones[user] = flow_connect(server_port);
      if (is_registered[user]) continue;
      send_register(user, cseq, expires_seconds);
      flows_flush();
      if (!wait_for_registered(++asked - UNREGISTERED_MAX)) asked = registered;
    }
  } while (!wait_for_registered(phone_count) && now_ns() < late);
  if (registered == phone_count) return;
  fprintf(stderr, "only %d of %d phones could register\n", registered, phone_count);
  exit(3);
}

static void open_flows(int argc, char **argv) {
  server_port = (int)argument(argc, argv, "port", 17160);
  const char *name = argument_text(argc, argv, "transport");
  flows_open(!strcmp(name, "tls") ? TLS : !strcmp(name, "tcp") ? TCP : UDP, argument_text(argc, argv, "pem"));
  callee_port = (int)argument(argc, argv, "calleePort", 17170);
  phone_count = (int)argument(argc, argv, "phones", 0);
  if (phone_count > FLOWS_MAX) phone_count = FLOWS_MAX;
  if (phone_count > 0) {
    users = phone_count;
    register_phones(3600);
  } else if (transport == UDP) {
    caller = flow_of_udp((int)argument(argc, argv, "callerPort", 17161), server_port);
    callee = flow_of_udp(callee_port, server_port);
  } else {
    flows_listen(callee_port);
    caller = flow_connect(server_port);
  }
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
  signal(SIGPIPE, SIG_IGN); /* Whoever writes to a connection that is gone says so. */
  users = (int)argument(argc, argv, "users", 1000);
  hold_ns = (uint64_t)(argument(argc, argv, "holdMs", 0) * 1e6);
  run = getpid();
  open_flows(argc, argv);
  stop_if_asked(argc, argv);

  uint64_t start = now_ns(), now = start, made_ns = start;
  struct pace pace = {.next_ns = (double)start, .gap_ns = 1e9 / argument(argc, argv, "rate", 100),
                      .due = (uint64_t)argument(argc, argv, "count", 1000)};
  while (done + refused + stalled < pace.due) {
    now = now_ns();
    for (int i = 0; i < MADE_AT_ONCE && pace_due(&pace, now); i++) send_invite(pace.made - 1, made_ns = now);
    hang_up_due(now);
    flows_flush();
    read_all();
    give_up_stalled(now, pace.made);
  }
  print_figures(&pace, start, made_ns, now);
  stop_if_asked(argc, argv);
  if (phone_count > 0) register_phones(0);
  return 0;
}
