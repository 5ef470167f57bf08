/**
 * Every error code of the product in one table, with the SIP status a peer is answered and the exit code of the CLI.
 * `docs/errors.md` explains each; a test compares the two.
 */
export const errorCodes = {
  BAD_MESSAGE: { sip: 400, text: 'the message breaks the grammar of RFC 3261' },
  BAD_HEADER: { sip: 400, text: 'a header field is missing, repeated or malformed' },
  UNSUPPORTED_SCHEME: { sip: 416, text: 'the Request-URI has a scheme we do not serve' },
  BAD_EXTENSION: { sip: 420, text: 'the request requires an extension we do not know' },
  OUTSIDE_DIALOG: { sip: 403, text: 'the request would leave its dialog for an address that is not of it' },
  VERSION_NOT_SUPPORTED: { sip: 505, text: 'the SIP version is not 2.0' },
  INTERVAL_TOO_BRIEF: { sip: 423, text: 'the expiry asked for is shorter than [registrar] min_expires' },
  TOO_MANY_CONTACTS: {
    sip: 403,
    text: 'the address-of-record has more bindings than [registrar] max_contacts',
  },
  STORE_FAILED: { sip: 503, exit: 5, text: 'the database did not take the change; nothing was acknowledged' },
  OVERLOADED: { sip: 503, text: 'a limit on transactions or memory is reached' },
  ROUTE_REFUSED: { sip: 500, text: 'a route threw a RouteError; the answer has its status' },
  ROUTE_SLOW: { sip: 500, text: 'a route took longer than five seconds' },
  HTTP_FAILED: { sip: 500, text: 'an HTTP request of a script had no whole answer' },
  SETTINGS_INVALID: { exit: 5, text: 'a setting is wrong or unknown' },
  CERTIFICATE_INVALID: { exit: 5, text: 'a certificate or key of [tls] cannot be used' },
  PORT_TAKEN: { exit: 5, text: 'a port to listen on is in use' },
  SCRIPT_INVALID: { exit: 5, text: 'the routing script does not check or does not start' },
  NOT_RUNNING: { exit: 6, text: 'no exchange answers on the control socket' },
  NOT_FOUND: { exit: 3, text: 'no such user, call or file' },
  CONFLICT: { exit: 5, text: 'it exists already' },
  INVALID: { exit: 5, text: 'a value was refused' },
  USAGE: { exit: 2, text: 'the command line is wrong' },
  DATABASE: { exit: 5, text: 'the database server cannot be used' },
  DATA_FOLDER: { exit: 5, text: 'the data folder cannot be used' },
} as const satisfies Record<string, { sip?: number; exit?: number; text: string }>;

/** The name of a row of the table. */
export type ErrorCode = keyof typeof errorCodes;

/** A peer's or an operator's mistake, with its code. `message` says what was expected, what came, and where. */
export class TandemError extends Error {
  override readonly name: string = 'TandemError';
  readonly code: ErrorCode;
  /** The next command or step, for people. */
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; hint?: string } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}

/** A request we must refuse: answered with `status`. */
export class SipError extends TandemError {
  override readonly name = 'SipError';
  readonly status: number;
  /** Header lines the answer must carry, such as `Min-Expires: 60`. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: ErrorCode,
    status: number,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(code, message);
    this.status = status;
    this.headers = headers;
  }
}
