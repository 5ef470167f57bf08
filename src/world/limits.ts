/** Every limit of this room. Reaching one costs a datagram, a stream or a millisecond, never memory. */
export const limits = {
  /** What may wait unsent in one stream before `write` refuses. */
  streamQueueBytes: 1 << 20,
  /** How long a stream that was ended may take to send the rest. */
  streamEndMs: 5_000,
  /** Read of one connection before the others have their turn, and handed to the kernel at once. */
  streamReadBytes: 64 << 10,
  streamSendBytes: 64 << 10,
  /** A message of SIP has seldom less: by it bytes are counted as messages. */
  streamMessageBytes: 512,
  /** Connections of which one look hears; what more is ready waits for the next turn. */
  readyBatch: 256,
  /** Connections accepted in one look, and the pause when there is no room for one more. */
  acceptBatch: 64,
  acceptRestMs: 100,
  /** The operator is told of that no more often than this. */
  acceptComplaintMs: 10_000,
  /** How long a balancer may take to say whom it connects for, unless its listener says. */
  proxyHeaderMs: 10_000,
  /** What a PROXY header of version 2 may hold behind its fixed part. */
  proxyHeaderBytes: 1_024,

  /** The longest message of a WebSocket, and the fragments it may come in. */
  webSocketMessageBytes: 65_535,
  webSocketFragments: 64,
  /** How long one may take from its first byte to its last, unless its listener says. */
  webSocketMessageMs: 10_000,
  /** Pings and pongs of the other side, from one of our own pings to the next. */
  webSocketControls: 1_000,
  /** The head of the HTTP request that asks for a WebSocket. */
  upgradeHeadBytes: 8_192,
  /** How often a WebSocket is asked whether it lives; it is closed when it has not answered until the next time. */
  webSocketPingMs: 30_000,

  /** Asked of the kernel for what a UDP socket sends; it may grant less. */
  sendBufferBytes: 4 << 20,
  /**
   * The same for what comes in, of which the kernel counts twice as much: a third of a second of a flood of 40,000
   * packets/s. What waits longer than T1 has been sent again before it is read.
   */
  receiveBufferBytes: 8 << 20,
  /** What libuv may hold back for one dgram socket while the kernel takes no more. */
  dgramQueueBytes: 4 << 20,
  /** The longest UDP payload over IPv4: 65,535 less 20 bytes of IP and 8 of UDP. */
  datagramBytes: 65_507,
  /** Remote endpoints a socket remembers; a collision forgets the older one. */
  endpointSlots: 65_536,

  /** Datagrams read by one recvmmsg. */
  receiveBatch: 64,
  /** Batches read in one turn of the event loop before timers and streams get theirs. */
  batchesPerTurn: 2,
  /** Datagrams queued before they are sent without waiting for the end of the batch. */
  sendBatch: 256,
  /** Their bytes; must hold the longest datagram. */
  sendArenaBytes: 512 << 10,
  /** How often one flush waits for room in the kernel's send buffer, and how long each time. */
  sendWaits: 3,
  sendWaitMs: 2,

  /** UDP_MAX_SEGMENTS of older kernels. */
  gsoSegments: 64,
  gsoBytes: 65_000,
  /** A segment must fit the path; RFC 3261 §18.1.1 draws the same line for a path it does not know. */
  gsoSegmentBytes: 1_300,
  /** Refusals by the kernel before a socket does without GSO for good. */
  gsoRefusals: 8,

  /** The rate is taken over this long. */
  paceWindowMs: 10,
  /** How often we look: each wake-up saved is worth more than what one datagram costs, and under load time counts. */
  paceTickMs: 2,
  paceBusyTickMs: 1.5,
  /** Datagrams a millisecond from which on we look once a tick, and below which we are woken again. */
  pacePackets: 1,
  paceLeavePackets: 0.5,
  /** The same of the shorter tick. */
  paceBusyPackets: 20,
  paceCalmPackets: 14,
  paceEmptyTicks: 5,

  /** libuv counts whole milliseconds of a clock that may lag by one: so much earlier a timer may fire. */
  timerGrainMs: 2,
  /** The longest wait that Node counts; a longer one goes in pieces of this. */
  timeoutMs: 2 ** 31 - 1,
  /** Random bytes made at once. */
  randomPoolBytes: 4_096,
  /** How long the list of our own addresses is believed. */
  localAddressMs: 10_000,

  /** How long one name server is waited for, and how often each is asked, unless the settings say otherwise. */
  dnsTimeoutMs: 1_000,
  dnsAttempts: 2,
  /** Names being asked for at once, a socket each; beyond it who has waited longest is asked for no longer. */
  dnsOutstanding: 1_024,
  /** So long a zone counts as silent that did not answer, and so many are remembered. */
  dnsSilentMs: 60_000,
  dnsSilentZones: 10_000,
  /** CNAME records followed for one name. */
  dnsAliases: 8,
  /** Records of one name and type that are kept. */
  dnsRecords: 64,
  /** Names remembered for each type; beyond it one that was not used lately is forgotten. */
  dnsNames: 10_000,
  /** A record is believed so long at least, and so long at most, whatever its TTL. */
  dnsTtlLeastMs: 1_000,
  dnsTtlMostMs: 86_400_000,
  /** So long at most is it remembered that there is no such record. RFC 2308 §5 */
  dnsNegativeMostMs: 900_000,
  /** So long it is remembered that nobody could tell. RFC 2308 §7 */
  dnsFailureMs: 5_000,
  /** So long an outdated record is used when nobody can tell a newer one, and how often they are asked meanwhile. */
  dnsStaleMs: 86_400_000,
  dnsStaleRetryMs: 30_000,
  /** How long resolv.conf and the hosts file are believed. */
  dnsFilesMs: 30_000,
  dnsFileBytes: 1 << 20,
  dnsServers: 8,
} as const;
