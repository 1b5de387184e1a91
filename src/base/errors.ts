/**
 * The only table of errors. A code here is documented in docs/ERRORS.md and appears in the OpenAPI document, or a test
 * fails. Agent frames, API problems and the CLI use the same codes.
 *
 * `status` is the HTTP status; `retryable` says whether the same call may succeed later without a change.
 */
import { limits } from './limits.ts';

export interface ErrorSpec {
  readonly status: number;
  readonly retryable: boolean;
  readonly title: string;
}

export const errors = {
  // — the caller's input —
  'bad-input': { status: 400, retryable: false, title: 'The input is not valid' },
  'bad-duration': { status: 400, retryable: false, title: 'Not a duration' },
  'bad-target': { status: 400, retryable: false, title: 'The target expression is not valid' },
  'no-target-matched': { status: 422, retryable: false, title: 'No host matched the target' },
  'too-many-targets': { status: 422, retryable: false, title: 'Too many hosts in one run' },
  'script-empty': { status: 400, retryable: false, title: 'The script is empty' },
  'script-format': { status: 400, retryable: false, title: 'The script is not written as a shell reads it' },
  'script-too-large': { status: 413, retryable: false, title: 'The script is too large' },
  'body-too-large': { status: 413, retryable: false, title: 'The request body is too large' },
  'unsupported-media-type': { status: 415, retryable: false, title: 'The content type is not supported' },
  'idempotency-key-reused': {
    status: 422,
    retryable: false,
    title: 'The idempotency key was used for another request',
  },
  'idempotency-in-progress': {
    status: 409,
    retryable: true,
    title: 'The first request with this key is still running',
  },
  'secret-shown-once': {
    status: 409,
    retryable: false,
    title: 'The secret of that answer was shown once and is not kept',
  },

  // — who and what —
  unauthenticated: { status: 401, retryable: false, title: 'No valid credentials' },
  'token-expired': { status: 401, retryable: false, title: 'The token has expired' },
  'agents-share-user': { status: 409, retryable: false, title: 'Scripts here run as the user who keeps the token' },
  'permission-denied': { status: 403, retryable: false, title: 'Not allowed' },
  'not-found': { status: 404, retryable: false, title: 'Not found' },
  'run-not-found': { status: 404, retryable: false, title: 'No such run' },
  'step-not-found': { status: 404, retryable: false, title: 'The run has no such step' },
  'host-not-found': { status: 404, retryable: false, title: 'No such host' },
  'run-not-finished': { status: 409, retryable: true, title: 'The run has not finished' },
  'too-many-batches': { status: 422, retryable: false, title: 'Too many batches' },
  'too-many-runs': { status: 409, retryable: true, title: 'The token has as much under way as it may' },
  'run-asks': { status: 409, retryable: false, title: 'The run waits for an answer' },
  'nothing-asked': { status: 409, retryable: false, title: 'The run asks nothing' },
  'run-stopping': { status: 409, retryable: false, title: 'The run is being ended' },
  'step-over': { status: 409, retryable: false, title: 'The step is over' },
  'run-already-finished': { status: 409, retryable: false, title: 'The run has already finished' },
  'nothing-to-retry': { status: 409, retryable: false, title: 'No execution of the run is in the chosen states' },
  'token-name-taken': { status: 409, retryable: false, title: 'Another token has this name' },
  'host-name-taken': { status: 409, retryable: false, title: 'Another host has this name' },
  'host-is-twin': { status: 409, retryable: false, title: 'It is not decided yet which machine this host is' },
  'host-not-twin': { status: 409, retryable: false, title: 'The host is not a twin of another' },
  'label-protected': { status: 403, retryable: false, title: 'The scope of an account counts on this label' },
  'host-in-use': { status: 409, retryable: true, title: 'The host has executions in flight' },
  'host-is-jump-host': { status: 409, retryable: false, title: 'Other hosts are reached through this one' },
  'jump-path-invalid': { status: 422, retryable: false, title: 'The way over jump hosts does not lead to the host' },
  'host-without-address': { status: 422, retryable: false, title: 'The host has no address to be reached at' },
  'host-without-agent': { status: 422, retryable: false, title: 'The host has no agent' },
  'host-key-not-found': { status: 404, retryable: false, title: 'The host has no such key' },
  'too-many-host-keys': { status: 422, retryable: false, title: 'A host would have too many keys' },
  'output-not-available': { status: 404, retryable: false, title: 'The output is no longer available' },
  'host-not-linked': { status: 503, retryable: true, title: 'The host is not connected' },

  // — accounts —
  'account-not-found': { status: 404, retryable: false, title: 'No such account' },
  'account-name-taken': { status: 409, retryable: false, title: 'Another account has this name' },
  'account-in-use': { status: 409, retryable: false, title: 'Hosts name this account' },
  'account-changed': { status: 409, retryable: true, title: 'Somebody else changed the account meanwhile' },
  'too-many-accounts': { status: 422, retryable: false, title: 'There are as many accounts as there may be' },
  'account-out-of-scope': { status: 403, retryable: false, title: 'The account may not be used on this host' },
  'account-ambiguous': { status: 409, retryable: false, title: 'Several default accounts fit the host alike' },
  'account-missing': { status: 422, retryable: false, title: 'No account fits the host' },
  'bad-credential': { status: 400, retryable: false, title: 'The credential cannot be used' },
  'secret-unreadable': { status: 500, retryable: false, title: 'A stored secret does not open' },

  // — jobs —
  'job-unreadable': { status: 400, retryable: false, title: 'The text of the job cannot be read' },
  'job-key-unknown': { status: 400, retryable: false, title: 'A job has no such key there' },
  'job-name-twice': { status: 400, retryable: false, title: 'Two things of a job have one name' },
  'job-reference-unknown': { status: 400, retryable: false, title: 'A job names something that it does not have' },
  'job-cycle': { status: 400, retryable: false, title: 'Parts of a job wait for each other' },
  'job-unreachable': { status: 400, retryable: false, title: 'A stage of a job never begins' },
  'job-expression': { status: 400, retryable: false, title: 'An expression of a job is not valid' },
  'parameter-invalid': { status: 400, retryable: false, title: 'A parameter of a job or its value is not valid' },
  'job-not-found': { status: 404, retryable: false, title: 'No such job' },
  'job-version-not-found': { status: 404, retryable: false, title: 'The job has no such version' },
  'job-has-runs': { status: 409, retryable: false, title: 'Runs of the job are on record' },
  'job-changed': { status: 409, retryable: false, title: 'Somebody else changed the job meanwhile' },
  'job-version-state': { status: 409, retryable: false, title: 'The version is in a state that does not allow it' },
  'too-many-jobs': { status: 422, retryable: false, title: 'There are as many jobs or versions as there may be' },

  // — notices, and what servers ask of strange machines —
  'channel-not-found': { status: 404, retryable: false, title: 'No such channel' },
  'channel-name-taken': { status: 409, retryable: false, title: 'Another channel has this name' },
  'channel-changed': { status: 409, retryable: true, title: 'Somebody else changed the channel meanwhile' },
  'too-many-channels': { status: 422, retryable: false, title: 'There are as many channels as there may be' },
  'channel-in-use': { status: 409, retryable: false, title: 'Rules or jobs name this channel' },
  'notice-not-found': { status: 404, retryable: false, title: 'No such notice' },
  'notice-rule-not-found': { status: 404, retryable: false, title: 'No such rule of notices' },
  'too-many-notice-rules': { status: 422, retryable: false, title: 'There are as many rules as there may be' },
  'channel-busy': { status: 429, retryable: true, title: 'The channel takes no more messages in this minute' },
  'channel-refused': { status: 502, retryable: true, title: 'The far end of the channel did not take the message' },
  'address-not-allowed': { status: 403, retryable: false, title: 'Servers do not speak to this address' },
  'outbound-unreachable': { status: 502, retryable: true, title: 'A strange machine was not reached' },
  'outbound-timeout': { status: 504, retryable: true, title: 'A strange machine did not answer in time' },

  // — joining and links —
  'join-token-invalid': { status: 401, retryable: false, title: 'The join token is not valid' },
  'join-token-expired': { status: 401, retryable: false, title: 'The join token has expired or is used up' },
  'certificate-invalid': { status: 401, retryable: false, title: 'The certificate is not valid' },
  'certificate-expired': { status: 401, retryable: false, title: 'The certificate has expired' },
  'agent-revoked': { status: 403, retryable: false, title: 'The agent has been revoked' },
  'agent-copied': { status: 409, retryable: false, title: 'The agent shows itself twice' },
  'worker-revoked': { status: 403, retryable: false, title: 'The worker has been revoked' },
  'worker-copied': { status: 409, retryable: false, title: 'The worker shows itself twice' },
  'protocol-unsupported': { status: 426, retryable: false, title: 'No common protocol version' },
  'frame-invalid': { status: 400, retryable: false, title: 'A frame could not be understood' },
  'worker-draining': { status: 503, retryable: true, title: 'The worker is being emptied' },
  'no-worker-fits': { status: 503, retryable: true, title: 'No worker fits the task' },
  'zone-without-worker': { status: 503, retryable: true, title: 'No worker of the zone is there' },
  'server-answer-invalid': { status: 502, retryable: false, title: 'What answered is no server of Drover' },
  'token-in-clear': { status: 400, retryable: false, title: 'The token would go over the network in clear' },
  'server-unreachable': { status: 503, retryable: true, title: 'No server answers' },
  'link-busy': { status: 503, retryable: true, title: 'Too many connections at once; come back later' },

  // — starting on a host (reasons of an execution) —
  'signature-invalid': { status: 403, retryable: false, title: 'The dispatch is not signed by the server' },
  'worker-drained': { status: 503, retryable: true, title: 'Every worker that could take it is being drained' },
  'agent-busy': { status: 503, retryable: true, title: 'The agent holds as many executions as it may' },
  'output-absent': { status: 422, retryable: false, title: 'A step before it has told no such output' },
  'work-kind-unknown': { status: 422, retryable: false, title: 'The executor does not know this kind of work' },
  'user-unknown': { status: 422, retryable: false, title: 'The host has no such user' },
  'user-not-permitted': { status: 403, retryable: false, title: 'The agent may not become this user' },
  'become-password-missing': { status: 422, retryable: false, title: 'Becoming the user needs a password' },
  'become-password-wrong': { status: 422, retryable: false, title: 'The password to become the user was not taken' },
  'become-not-allowed': { status: 403, retryable: false, title: 'The host does not let the account become the user' },
  'interpreter-missing': { status: 422, retryable: false, title: 'The host has no such interpreter' },
  'directory-missing': { status: 422, retryable: false, title: 'The working directory cannot be entered' },
  'spool-full': { status: 507, retryable: true, title: 'No space left for output on the host' },
  'spool-unwritable': { status: 500, retryable: false, title: 'The agent cannot write to its data folder' },
  'script-unreachable': { status: 422, retryable: false, title: 'The user cannot reach the script' },
  'spawn-failed': { status: 500, retryable: true, title: 'The process could not be started' },
  'output-limit': { status: 507, retryable: false, title: 'The output exceeded the spool limit of one execution' },
  'call-not-allowed': { status: 403, retryable: false, title: 'Calls of this worker do not go there' },
  'call-unreachable': { status: 502, retryable: true, title: 'The far end of a call was not reached' },
  'call-broken': { status: 502, retryable: false, title: 'A call ended without its whole answer' },
  'sql-failed': { status: 422, retryable: false, title: 'The database refused the statement' },
  'commit-unknown': { status: 500, retryable: false, title: 'Nobody knows whether the statement was committed' },
  'worker-restarted': { status: 500, retryable: false, title: 'The worker restarted while the call was under way' },
  'agent-replaced': { status: 409, retryable: false, title: 'The host was enrolled anew while the attempt was out' },
  'host-rebooted': { status: 409, retryable: false, title: 'The host restarted while the script ran' },
  'status-unknown': { status: 500, retryable: false, title: 'The process ended without leaving a status' },
  'link-lost': { status: 503, retryable: true, title: 'The host was out of reach for too long' },
  'start-deadline': { status: 504, retryable: true, title: 'The host did not come on line in time' },
  'deadline-guard': { status: 504, retryable: false, title: 'The host did not report after its deadline' },
  'rollout-declined': { status: 409, retryable: false, title: 'Somebody has said that it does not go on' },
  'failure-limit': { status: 409, retryable: false, title: 'Too many hosts failed' },
  'cancelled-by-user': { status: 409, retryable: false, title: 'Cancelled' },

  // — installing and upgrading agents —
  'platform-unsupported': { status: 422, retryable: false, title: 'The agent does not run on this operating system' },
  'package-not-found': { status: 404, retryable: false, title: 'There is no such package of the agent' },
  'package-invalid': {
    status: 422,
    retryable: false,
    title: 'The package is damaged or not signed by the release key',
  },
  'package-fetch-failed': { status: 503, retryable: true, title: 'The package could not be fetched' },
  'package-unusable': { status: 422, retryable: false, title: 'The package does not start on this host' },
  'install-space': { status: 507, retryable: true, title: 'No space to install a new version' },
  'upgrade-unsupported': { status: 409, retryable: false, title: 'The agent cannot replace itself' },
  'upgrade-rolled-back': {
    status: 500,
    retryable: false,
    title: 'The new version did not prove itself and was taken back',
  },
  'upgrade-unanswered': {
    status: 504,
    retryable: true,
    title: 'The agent did not answer the order to upgrade in time',
  },
  'upgrade-out-of-time': { status: 504, retryable: true, title: 'Too little time was left for the upgrade' },
  'upgrade-in-progress': { status: 409, retryable: true, title: 'Another upgrade is in progress' },
  'upgrade-already-finished': { status: 409, retryable: false, title: 'The upgrade has already finished' },

  // — the way to a host over SSH —
  'ssh-name-unknown': { status: 422, retryable: true, title: 'The name of the host does not resolve' },
  'ssh-refused': { status: 503, retryable: true, title: 'The host refuses the connection' },
  'ssh-timeout': { status: 504, retryable: true, title: 'The host does not answer in time' },
  'ssh-silent': { status: 504, retryable: true, title: 'Something takes the connection and says nothing' },
  'ssh-not-ssh': { status: 422, retryable: false, title: 'What answers is not SSH' },
  'ssh-busy': { status: 503, retryable: true, title: 'The SSH server takes no more connections for now' },
  'ssh-no-common-algorithm': { status: 422, retryable: false, title: 'No SSH algorithm in common' },
  'ssh-host-key-unknown': { status: 403, retryable: false, title: 'The host key is not known' },
  'ssh-host-key-changed': { status: 403, retryable: false, title: 'The host key has changed' },
  'ssh-auth-failed': { status: 403, retryable: false, title: 'The host accepts none of the credentials' },
  'ssh-key-passphrase': { status: 422, retryable: false, title: 'The passphrase of the key is missing or wrong' },
  'ssh-key-unreadable': { status: 422, retryable: false, title: 'The private key cannot be used' },
  'ssh-password-expired': { status: 403, retryable: false, title: 'The password has expired on the host' },
  'ssh-path-invalid': { status: 422, retryable: false, title: 'The way over jump hosts leads nowhere' },
  'ssh-forward-refused': { status: 403, retryable: false, title: 'The jump host forwards nothing' },
  'ssh-session-refused': { status: 503, retryable: true, title: 'The host opens no session' },
  'ssh-no-shell': { status: 422, retryable: false, title: 'The account has no usable shell' },
  'ssh-lost': { status: 503, retryable: true, title: 'The SSH connection was lost' },

  // — data folders and the database —
  'data-folder-in-use': { status: 409, retryable: false, title: 'Another process uses this data folder' },
  'data-folder-foreign': {
    status: 409,
    retryable: false,
    title: 'The folder is not a Drover data folder of this kind',
  },
  'data-folder-unwritable': { status: 500, retryable: false, title: 'The data folder cannot be written' },
  'schema-newer': { status: 500, retryable: false, title: 'The database is newer than this program' },
  'schema-unknown': { status: 500, retryable: false, title: 'The database is of another build of this program' },
  'database-encoding': { status: 500, retryable: false, title: 'The database does not hold UTF-8' },
  'database-full': { status: 507, retryable: true, title: 'The database has no space left' },
  'database-unavailable': { status: 503, retryable: true, title: 'The database does not answer' },
  'embedded-database-failed': { status: 500, retryable: false, title: 'The embedded PostgreSQL did not start' },
  'backup-damaged': { status: 422, retryable: false, title: 'The backup is not whole' },
  'backup-unwritable': { status: 500, retryable: false, title: 'The backup cannot be written' },
  'backup-key-missing': { status: 422, retryable: false, title: 'The master key of the backup is not there' },
  'restore-target-used': { status: 409, retryable: false, title: 'The database to restore into is in use' },
  'restore-unfinished': { status: 409, retryable: false, title: 'A restore into the database was not finished' },
  'address-in-use': { status: 500, retryable: false, title: 'The address is in use' },

  // — the service —
  'too-many-requests': { status: 429, retryable: true, title: 'Too many requests' },
  'too-many-watchers': { status: 429, retryable: true, title: 'The token watches as many runs as it may' },
  'reader-too-slow': { status: 408, retryable: true, title: 'Nobody read what was sent' },
  overloaded: { status: 503, retryable: true, title: 'The server has more to do than it can' },
  'shutting-down': { status: 503, retryable: true, title: 'The server is stopping' },
  internal: { status: 500, retryable: true, title: 'An internal error' },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof errors;

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errors, text);
}

/** One fault of an input; `pointer` is an RFC 6901 JSON pointer into the body (`#/…`) or a parameter name. */
export interface InputFault {
  readonly pointer: string;
  readonly code: ErrorCode;
  readonly detail: string;
}

export interface DroverErrorOptions {
  /** For the user: what happened and what to do. */
  readonly detail?: string;
  /** For the log only. */
  readonly context?: Readonly<Record<string, unknown>>;
  readonly faults?: readonly InputFault[];
  /** Seconds after which the caller may come back. */
  readonly retryAfterS?: number;
  readonly cause?: unknown;
}

/** A refusal or a fault. Recognise it by `code`: errors cross processes. */
export class DroverError extends Error {
  override readonly name = 'DroverError';
  readonly code: ErrorCode;
  readonly detail: string;
  readonly context: Readonly<Record<string, unknown>>;
  /** The first `faultsToldMax` of them. */
  readonly faults: readonly InputFault[];
  /** All of them. */
  readonly faultCount: number;
  readonly retryAfterS: number | undefined;

  constructor(code: ErrorCode, options: DroverErrorOptions = {}) {
    super(options.detail ?? errors[code].title, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = options.detail ?? `${errors[code].title}.`;
    this.context = options.context ?? {};
    this.faults = (options.faults ?? []).slice(0, limits.faultsToldMax);
    this.faultCount = options.faults?.length ?? 0;
    this.retryAfterS = options.retryAfterS;
  }
}

/**
 * An input is refused with all its faults at once, as far as anybody would read them: the first hundred and how many there are. A single
 * fault gives the refusal its code.
 */
export function inputRefusal(faults: readonly InputFault[]): DroverError {
  const told = faults.slice(0, limits.faultsToldMax).map((fault) => `${fault.pointer}: ${fault.detail}`);
  const more = faults.length - told.length;
  return new DroverError(faults.length === 1 ? faults[0]!.code : 'bad-input', {
    detail: `${told.join('; ')}${more > 0 ? `; and ${more} more` : ''}`,
    faults,
  });
}

/** The code of anything thrown; `internal` for what is not ours. */
export function errorCodeOf(error: unknown): ErrorCode {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && isErrorCode(code) ? code : 'internal';
}
