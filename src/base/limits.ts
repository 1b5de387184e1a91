/**
 * Every limit of the product, with its default and its reason. A limit that a caller can hit names the error code
 * that it answers with; tests stand at the limit and at limit + 1.
 */
const KiB = 1024;
const MiB = 1024 * KiB;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

export const limits = {
  // — what a request may ask (code `bad-input` unless said) —
  /** Hosts of one run (`too-many-targets`). Ten times the fleet we measure; memory of the owner is ~200 B a host. */
  targetsPerRunMax: 100_000,
  /** Script text (`script-too-large`). Larger payloads are files, not scripts. */
  scriptBytesMax: 1 * MiB,
  /** Standard input given with a run. */
  stdinBytesMax: 1 * MiB,
  /**
   * Arguments, variables, parameters and secrets of one run together, as a process gets them: with their names and
   * ends. Linux takes 2 MiB unless its stack is limited.
   */
  argumentsBytesMax: 128 * KiB,
  /** One argument, or one variable with its name, `=` and end: what Linux takes for one string. */
  argumentStringBytesMax: 128 * KiB,
  argumentsMax: 1_000,
  /** Variables of one run, and as many parameters. */
  environmentEntriesMax: 1_000,
  secretsMax: 100,
  /** A chain of certificates with its key has 8 KiB. To mask it takes a worker or agent 10 ms and 1.5 MiB for each KiB. */
  secretBytesMax: 16 * KiB,
  /** Secrets of one run together. */
  secretsBytesMax: 32 * KiB,
  /** Shorter secrets are refused: masking them would blank out ordinary text. */
  secretBytesMin: 4,
  requestBodyBytesMax: 4 * MiB,
  /** Bodies that a server holds at once, from before their first byte until the answer (`overloaded`): of all callers, and of one. */
  requestBodiesBytesMax: 128 * MiB,
  requestBodiesPerCallerBytesMax: 32 * MiB,
  /** Answers that have not been read yet (`overloaded`): of all callers, and of one. */
  answersBytesMax: 256 * MiB,
  answersPerCallerBytesMax: 64 * MiB,
  /** Requests of one connection that are not answered yet; who sends more is cut. */
  requestsPipelinedMax: 16,
  /** Body of an operation that needs no token (`body-too-large`): anybody may send it. */
  publicBodyBytesMax: 64 * KiB,
  /** Values in a body, each of a list or an object counted: judging them takes 5 µs each. Imports are judged entry by entry. */
  bodyValuesMax: 10_000,
  /** Faults that a refusal tells; the others are only counted. */
  faultsToldMax: 100,
  jsonDepthMax: 32,
  nameLengthMax: 200,
  /** Of the name of a host, a worker or a zone, in UTF-8: as many as a file's name may have. Letters of most scripts take two or three. */
  nameBytesMax: 255,
  reasonLengthMax: 2_000,
  /** Names of ten thousand hosts written out. */
  targetExpressionLengthMax: 200_000,
  targetExpressionDepthMax: 50,
  /** Sets of numbers in one name, as in `rack[1-4]n[1-8]`. */
  targetNumberSetsMax: 8,
  /** Ranges of numbers with a step, as `0-100/10`, in a pattern with `*` or `?`: each is held against each number in a name. */
  targetGlobStepsMax: 16,
  /** Letters, signs and ranges of them in one `[ ]`, as in `[a-cx]`: names have some forty of them. */
  targetLettersMax: 64,
  /**
   * Words and signs of one expression; the names of ten thousand hosts and the commas between them are half of it. More
   * is felt by everybody while it is read.
   */
  targetWordsMax: 40_000,
  /** Names and values that one expression stands for, its sets of numbers written out: twice a hundred thousand are felt by everybody. */
  targetNamesMax: 100_000,
  /** Labels, globs and lists of names in one expression: each is held against every host of the fleet. */
  targetTermsMax: 200,
  labelsPerHostMax: 64,
  labelLengthMax: 128,
  /** Of a label's key, and of its value, in UTF-8: a fleet's labels are held in memory by each server. */
  labelBytesMax: 256,
  pageSizeMax: 1_000,
  pageSizeDefault: 100,
  timeoutMsMax: 30 * DAY_MS,
  timeoutMsDefault: 60 * MINUTE_MS,
  killAfterMsMax: 60 * MINUTE_MS,
  killAfterMsDefault: 10_000,
  /** How long a host that is off may keep its execution waiting before it is `not_started`. */
  startDeadlineMsDefault: 2 * MINUTE_MS,
  startDeadlineMsMax: 30 * DAY_MS,
  retriesMax: 100,
  /** Exit codes that a run may name as success, and the greatest of them. */
  successExitCodesMax: 256,
  exitCodeMax: 2_147_483_647,
  /** Executions in flight per run unless asked otherwise: no limit of its own, the workers' capacity holds. */
  concurrencyMax: 100_000,
  idempotencyKeyLengthMax: 200,
  idempotencyKeptMs: 1 * DAY_MS,
  /** `all` on more hosts than this asks first on a terminal. */
  confirmTargetsOver: 100,

  // — callers —
  /**
   * Requests of one address that need no token (`too-many-requests`): so many a second, and so many at once after a
   * quiet time. A whole rack joins at once.
   */
  publicRequestsPerSecond: 50,
  publicRequestsBurst: 500,
  /** Tokens of an address, not found here before, that are looked up at once (`too-many-requests`): the known wait behind none of them. */
  unknownTokensPerAddressMax: 32,
  /** Addresses that are remembered for it, those heard last; networks of IPv6 count as one address. */
  publicAddressesMax: 10_000,
  /**
   * Connections of a port that are no links: in all (fewer where the process has few descriptors), of one address, and
   * how many of all are kept for this machine and for addresses that links came from.
   */
  connectionsMax: 10_000,
  connectionsPerAddressMax: 1_000,
  connectionsKeptForKnown: 1_000,
  /** Of one address at a worker's port, until they have proved that they are agents: a whole fleet may come from one address at once. */
  agentConnectionsPerAddressMax: 5_000,
  /** TLS handshakes of one address that are under way at once: a millisecond of processor each; the others wait. */
  handshakesAtOncePerAddressMax: 64,
  /** From the connection to its first byte, from there to the end of the handshake, and for the head of a request. */
  connectionStepMsMax: 10_000,
  /** A body brings at least so many bytes in every `connectionStepMsMax`. */
  bodyStepBytesMin: 10 * KiB,
  /** For a whole request: 4 MiB at 35 KiB a second. */
  requestReceiveMsMax: 120_000,
  /** Between two requests on one connection. */
  connectionIdleMsMax: 75_000,
  /** Requests carried out at once; more would only wait for the same connections to PostgreSQL. */
  requestsAtOnceMax: 32,
  /** The same of requests that wait for hosts or for readers. */
  longRequestsAtOnceMax: 200,
  /** Requests that wait for their turn, by turns between tokens (`overloaded`), with their bodies, and so long. */
  requestsWaitingMax: 2_000,
  requestsWaitingBytesMax: 64 * MiB,
  requestWaitMsMax: 10_000,
  /**
   * Connections of one server to PostgreSQL: for requests, for what it owns, for what its workers and agents ask, and
   * one each for its lease and for hints.
   */
  requestConnectionsMax: 12,
  ownerConnectionsMax: 6,
  fleetConnectionsMax: 4,

  // — output —
  /** Kept of each stream per execution: half head, half tail. The whole stays on the host. */
  outputKeptBytesDefault: 4 * MiB,
  outputKeptBytesMax: 64 * MiB,
  /** A report whose kept output fits in this travels in one frame; larger output travels in chunks, each acknowledged. */
  outputInlineBytesMax: 32 * KiB,
  outputChunkBytes: 128 * KiB,
  /** Chunks an agent may have unacknowledged; bounds the worker's memory together with `workerOutputBytesMax`. */
  outputChunksInFlightMax: 2,
  /** Output bytes a worker holds for all agents together before it stops reading from those that send more. */
  workerOutputBytesMax: 64 * MiB,
  /** Starts that a worker has written and agents have not read yet, all agents together: beyond it the queues wait. */
  workerStartBytesMax: 64 * MiB,
  /** Live output is best effort: beyond this rate per watched execution bytes are skipped and counted. */
  liveOutputBytesPerSecondMax: 1 * MiB,
  outputFetchBytesMax: 1 * MiB,
  /** Whole output kept on the host. */
  spoolKeptMs: 7 * DAY_MS,
  /** Spool of one execution (`output-limit`): the tree is killed beyond it, before it fills the host's disk. */
  spoolBytesMax: 16 * 1024 * MiB,
  /** The same for a script run over SSH, per stream; it lies in the host's own folder for temporary files. */
  sshSpoolBytesMax: 4 * 1024 * MiB,
  /** Shortest interval between two looks at a young process; what a short script waits for at most. */
  sweepMsMin: 2,
  /** Free space an agent wants before it starts anything (`spool-full`). */
  spoolFreeBytesMin: 64 * MiB,

  // — links and frames —
  frameBytesMax: 8 * MiB,
  /**
   * Values in one frame (`frame-invalid`): a list of empty maps takes a byte for each on the line and fifty in memory.
   * An order for `hostsPerFrameMax` hosts has half as many.
   */
  frameValuesMax: 250_000,
  /** Lists and maps within each other (`frame-invalid`); access to a host over SSH has six. */
  frameDepthMax: 12,
  /** Hosts, attempts, or agents in one frame, of some 160 bytes each: no long pause for the other end. More travel in several. */
  hostsPerFrameMax: 10_000,
  /**
   * Of the proof with which an agent links (`frame-invalid`): it has a few hundred bytes, and is read before it is
   * known whether the agent counts.
   */
  linkProofBytesMax: 1_024,
  /** Of the nonce that a server answers with its time (`frame-invalid`); agents draw 16. */
  linkNonceBytesMax: 64,
  /** Links of agents that a worker tells of in one frame (`frame-invalid`): each is a MAC to check, and thousands of them are felt. */
  linksPerFrameMax: 250,
  /** What an agent tells of its host: a machine of a cluster may have thousands of addresses, and nobody reads them all. */
  factsAddressesMax: 256,
  factsDisksMax: 64,
  /** An acknowledgement waits no longer than this for the end of a burst: well below `reportRetryBaseMs`. */
  ackWaitMsMax: 2_000,
  /** Acknowledgements of a server that wait for the end of a burst; more of them are sent in its midst. */
  acksWaitingMax: 50_000,
  /** An agent reports again, at the latest after this, until the server has committed. */
  reportRetryBaseMs: 5_000,
  reportRetryCapMs: 5 * MINUTE_MS,
  reconnectBaseMs: 500,
  reconnectCapMs: 15_000,
  /** Workers are few, and each that is away from a server is a part of the fleet that this server cannot tell of. */
  workerReconnectCapMs: 5_000,
  linkHeartbeatMs: 10_000,
  /** A link that has said nothing for this long is closed by either end. */
  linkSilentMsMax: 35_000,
  /** A certificate with its proof, in the head of a request: those of our authority have 1 KiB. */
  peerProofBytesMax: 4 * KiB,
  /** Handshakes a worker or server lets in per second; the others are told when to come back. */
  linkAdmissionsPerSecond: 500,
  /**
   * Of them of one agent or worker: one that came back before it was known that its former link is dead has two. Beyond
   * it the oldest is ended.
   */
  linksPerPeerMax: 3,
  /** Of one agent or worker: one that flaps links twice, and one that means harm must not use up what there is for all. */
  linksPerPeerPerSecond: 5,
  agentsPerWorkerMax: 60_000,
  /** Questions of one worker that a server sees to at once (access, keys, secrets to mask), and as many renewals. */
  workerQuestionsAtOnceMax: 8,
  /** The others wait, for a worker that starts anew asks for thousands at once; what is beyond is refused (`overloaded`). */
  workerQuestionsWaitingMax: 10_000,
  /** Requests of one agent or worker for a new certificate (`too-many-requests`); certificates live ten seconds at least. */
  renewalsPerSecond: 1,
  /** What one agent tells of its upgrade; there are half a dozen states in all. The others are passed over. */
  upgradeStatesPerSecond: 10,
  /** Warnings and errors of one kind in a log; the others of the second are counted, for a peer may give cause for thousands. */
  logLinesAlikePerSecond: 20,
  /** Runs that have left memory and are read because one agent or worker reports of them, at once; the other reports come again. */
  runLoadsPerSenderMax: 8,
  /**
   * Reports and pieces of output of one agent or worker that wait until it is known whether their attempts are there;
   * the others come again.
   */
  attemptLooksPerSenderMax: 64,
  /** A frame may be carried out only this long after it was signed; retries are signed anew. */
  dispatchValidMs: 10 * MINUTE_MS,
  /** Settled attempts an agent remembers, so that a late duplicate never runs twice. Must be longer than `dispatchValidMs`. */
  tombstoneKeptMs: 1 * DAY_MS,
  /** A server's answer to the question for its time that took longer is of no use: the time is asked for anew. */
  timeAnswerMsMax: 10_000,
  /** An agent that holds an order and does not know the time waits for it so long. */
  timeWaitMsMax: 5_000,
  timeAskEveryMsMin: 250,
  /** Servers whose time an agent remembers; a server that is started anew is another one. */
  serversKnownMax: 64,
  /** An agent that hears no server over its link for so long tries another worker. */
  serverUnheardMsMax: 10 * MINUTE_MS,
  /** Attempts of which an agent remembers having said that it does not know them. */
  ordersUnknownMax: 10_000,
  /** One of two copies of an agent that has not shown itself for so long is taken as gone. */
  agentCopyQuietMs: 15 * MINUTE_MS,
  /**
   * That an agent holds, unreported ends included (`agent-busy`). Nobody counts more of it: an agent that says more
   * when it links is none of ours (`frame-invalid`), so agents come to hold fewer before workers take fewer.
   */
  executionsPerAgentMax: 256,
  executionsPerAgentConcurrent: 64,
  workerQueueMax: 200_000,
  /** Executions under way through one worker, over its agents: it holds little for each. `drover worker --capacity` */
  workerExecutionsDefault: 50_000,
  /** The same over SSH, where the worker holds a connection and a channel for each. `drover worker --ssh-capacity` */
  workerSshExecutionsDefault: 1_000,
  /**
   * What was cancelled, by a user or because its deadline is long over, takes room no longer than this, though its host
   * has not told its end: kills take seconds, and a host that says nothing would hold a place for good.
   */
  workerCancelledRoomMs: 120_000,
  eventsPerFrameMax: 512,
  liveWatchersPerServerMax: 1_000,
  /** Of them with one token (`too-many-watchers`): a dashboard that leaks must not blind everybody. */
  liveWatchersPerTokenMax: 300,
  /** Last events that a server keeps for watchers, all watched runs together; who is further behind reads for itself. About 1 KiB each. */
  watchedEventsKeptMax: 100_000,
  /** Whoever takes nothing for so long of what is to be written is cut off (`reader-too-slow`). */
  readerStalledMsMax: 60_000,
  /** Large answers are read and written in pieces of this. */
  outputReadBytes: 1 * MiB,
  /** Long requests of one token at once; the others wait. */
  longRequestsPerTokenMax: 50,

  // — SSH —
  /** Connections of one worker, 50 KiB each; beyond it idle ones are closed, oldest first, and dials wait. */
  sshConnectionsMax: 2_000,
  /** A warm connection costs its host a process; one that has been idle for this long is closed. */
  sshIdleMs: 5 * MINUTE_MS,
  /** Connections being opened at once: more only wait for the same CPU. */
  sshDialsMax: 64,
  /** To one address and port: several accounts of one host stay under the 10 of OpenSSH's MaxStartups. */
  sshDialsPerHostMax: 6,
  /** Through one jump host. */
  sshDialsPerJumpHostMax: 32,
  sshHopsMax: 8,
  /** Sessions on one connection, before the server's own MaxSessions (10 by default) is met and remembered. */
  sshSessionsPerConnectionMax: 64,
  /**
   * A server that opens no session, though none of ours is open, may not have freed the last one; after so long a new
   * connection is made.
   */
  sshSessionFreeMs: 5_000,
  sshTcpMs: 10_000,
  /** Key exchange and login; slow name services take several seconds of it. */
  sshHandshakeMs: 30_000,
  /**
   * For sudo and su to run the program or to ask for a password: a name service or PAM takes some seconds of it, a
   * question without an answer all of it.
   */
  sshBecomeMs: 30_000,
  /**
   * For a shell that was given a channel to say its first word: slow start-up files take some of it, a file server that
   * hangs all of it.
   */
  sshBeginMs: 60_000,
  /**
   * How long an order over SSH may be on its way. A host that takes it up later, by its own clock, does not begin it;
   * before that nobody repeats it, or says that nothing ran.
   */
  sshOrderValidMs: 30_000,
  sshKeepaliveMs: 15_000,
  /**
   * How long after a script must be over, by its deadline or a cancel, its host may say nothing of the end before it is
   * asked anew: kills and output of an ordinary size take seconds.
   */
  sshSilentMs: 90_000,
  /** Unanswered keepalives after which a connection is given up. */
  sshKeepalivesMissedMax: 3,
  /** A server over its MaxStartups is tried again so often (`ssh-busy`), with delays from base to cap. */
  sshBusyTriesMax: 10,
  sshBusyBaseMs: 250,
  sshBusyCapMs: 5_000,
  /**
   * A connection that ends before the login is through is tried again so often, with the same delays: a bad line or a
   * restarting sshd, not a server that refuses so.
   */
  sshCutLoginTriesMax: 3,
  /** Attempts over SSH that a worker holds; each has its output up to `outputInlineBytesMax` in memory, the rest on disk. */
  sshExecutionsMax: 4_096,
  /** After a lost connection a running script is looked for again, from base to cap, until this long after its deadline. */
  sshReattachBaseMs: 250,
  sshReattachCapMs: 30_000,
  sshReattachMs: 1 * DAY_MS,
  /** How far a host's start may be misjudged; what is nearer counts as a restart in between. */
  sshRebootMarginMs: 2_000,
  /** Tries to remove what an attempt left on its host; after them the host's own sweep does it. */
  sshForgetTriesMax: 5,
  /** Shells that a connection keeps for the next order: what a host is asked at once is rarely more, and each is a process there. */
  sshShellsKeptMax: 2,
  /** A kept shell without a next order removes the files of the last ones. */
  sshTidyMs: 1_000,
  /** A question to the shell of a host, asked when something failed there. */
  sshProbeMs: 15_000,
  /** Decrypted keys that are remembered, so that a thousand dials with one key decrypt it once. */
  sshKeysParsedMax: 256,

  // — time and ownership —
  /** Link gone longer than this: the execution is told as lost. */
  lostAfterMsDefault: 2 * MINUTE_MS,
  /** How much later than the host's own deadline the server steps in. */
  deadlineGuardMs: 30_000,
  serverLeaseMs: 6_000,
  serverLeaseRenewMs: 1_000,
  /** An owner trusts its lease for less than its length, by its own monotonic clock. */
  serverLeaseMarginMs: 1_500,
  /** A main thread that has not answered its lease keeper for this long loses its lease: it is stuck, not busy. */
  mainThreadStuckMs: 60_000,
  clockSkewMsMax: 60_000,
  /** A join beyond it is refused (`certificate-invalid`): certificates are dated back by as much, and no further. */
  joinClockSkewMsMax: 5 * MINUTE_MS,
  /** A server that starts while PostgreSQL is away waits for it for so long (`database-unavailable`); then its own supervisor may try. */
  databaseWaitMsMax: 2 * MINUTE_MS,
  commitBatchMax: 5_000,
  /**
   * What executors of a run are given, scripts above all, that a server holds with each run that is not over; larger
   * ones are read when they are sent, of which those used last are kept in so many bytes together.
   */
  orderSpecOwnBytesMax: 4 * KiB,
  orderSpecsKeptBytesMax: 32 * MiB,
  /**
   * Free space at the data of an embedded PostgreSQL below which new work is refused (`database-full`): room for the
   * ends of what runs, and for several of PostgreSQL's 16 MiB log segments.
   */
  databaseFreeBytesMin: 128 * MiB,

  // — identity —
  /** Certificates of agents and workers; DROVER_CERTIFICATE_LIFE of the server shortens it. */
  agentCertificateMs: 30 * DAY_MS,
  /** Shorter, and a link that takes a while to come back finds its certificate expired. */
  agentCertificateMsMin: 10_000,
  /** Whoever joins and is told to come back later does so for so long. */
  joinPatienceMs: 5 * MINUTE_MS,
  joinTokenMsDefault: 60 * MINUTE_MS,
  /** Hosts that may join with one token; a run that installs agents has one use for each of its hosts. */
  joinTokenUsesMax: 100_000,
  apiTokenMsDefault: 90 * DAY_MS,
  /** Entries of the audit that are chained in one transaction. */
  auditSealBatch: 1_000,
  /** Entries of the audit that one request checks: a few milliseconds of hashing. */
  auditVerifyPage: 1_000,
  apiTokenMsMax: 366 * DAY_MS,

  // — hosts without agents —
  /** Hosts of one import: one request, one transaction, a body within `requestBodyBytesMax`. */
  hostsPerImportMax: 10_000,
  /** A file that is imported; the largest inventories seen are a few MiB. */
  importFileBytesMax: 16 * MiB,
  /** Files of one import (variables of hosts and groups, included ones each time), and the bytes of all of them. */
  importFilesMax: 20_000,
  importBytesMax: 256 * MiB,
  /**
   * Parts of a YAML document that are there because of aliases, counted each time: three nested lists of a hundred
   * aliases are a million.
   */
  importAliasedPartsMax: 100_000,
  /** A DNS name has at most 253 characters. */
  addressLengthMax: 255,
  /** Names of one kind of algorithm in a host's override. */
  algorithmsPerKindMax: 64,
  /** Keys recorded for a host: one of each kind is usual. */
  hostKeysPerHostMax: 32,
  /**
   * Keys not believed of one host that the audit tells of one by one in an hour; of more it tells ever more rarely, with
   * their count: who shows another one each time must not fill it.
   */
  hostKeyOffersToldPerHour: 5,
  /** A public key of RSA with 16,384 bits has 2 KiB. */
  hostKeyBytesMax: 8 * KiB,

  // — accounts —
  /** Accounts of one installation (`too-many-accounts`): every choice of an account for a host looks at all of them. */
  accountsMax: 1_000,
  /** Credentials of one account, tried in order: sshd hangs up after six failures (MaxAuthTries) by default. */
  credentialsPerAccountMax: 6,
  /** A private key or certificate as text; RSA with 16,384 bits has 13 KiB. */
  keyTextBytesMax: 32 * KiB,
  /** A password or passphrase; PAM takes no more than 511 characters. */
  passwordBytesMax: 1 * KiB,
  /** Master keys of a server at once (`bad-input`): each sealed value is tried under all of them. */
  masterKeysMax: 8,
  /** Sealed values re-encrypted in one statement: short locks, and little to do again after a crash. */
  rotationBatch: 200,
  /** Key derivation rounds of an encrypted OpenSSH key (`bad-credential`): ssh-keygen takes 24, and each costs the server time. */
  keyDerivationRoundsMax: 128,

  /** Of one installation: 40 MiB over a slow line, and a minute to be linked. */
  agentInstallMsMax: 30 * MINUTE_MS,
  /** Hosts that are installed at once, unless asked otherwise. */
  agentInstallsDefault: 50,

  // — how agents are —
  /** Between two words of an agent about its load, give or take a fifth: 10,000 agents are 170 a second for a worker. */
  agentLoadEveryMs: 60_000,
  /** Linked so often within the window, an agent flaps: a restart or a worker that moved are one or two. */
  agentFlapLinks: 5,
  agentFlapWindowMs: 10 * MINUTE_MS,
  /** Event loop of an agent later than this: its host is overloaded, and cancels come late. */
  agentLagMsMax: 1_000,
  /** Hosts with a problem that /metrics names; the rest is only counted, so that labels stay few. */
  problemHostsInMetricsMax: 20,

  // — packages and upgrades of agents —
  /**
   * Manifests that a server reads from its packages folder, the newest; it tells of older ones, which it has not
   * (`package-not-found`): more is a folder of something else.
   */
  packageVersionsMax: 200,
  /**
   * Hosts that fetch a package from one server at once; the others are told to come back. 40 MiB each, so this also
   * bounds what the network sees.
   */
  packageDownloadsMax: 100,
  /**
   * Of them of one address (networks of IPv6 count as one): hosts behind one address fetch in turns, and none of them
   * keeps all others out.
   */
  packageDownloadsPerAddressMax: 20,
  /**
   * Of one agent that shows its certificate, which counts for itself and not for its address: one that was cut on its
   * way may still count when it is back.
   */
  packageDownloadsPerAgentMax: 2,
  /**
   * A reader of a package takes at least `packageStepBytesMin` in every `packageStepMs`, or is cut off and may go on
   * later: 40 MiB in the half hour that an installation has are 240 KiB.
   */
  packageStepMs: 10_000,
  packageStepBytesMin: 128 * KiB,
  /** Agents of one batch. */
  upgradeBatchDefault: 50,
  upgradeBatchMax: 1_000,
  /** From its order to its end, fetching included. */
  upgradeWaitMsDefault: 10 * MINUTE_MS,
  upgradeWaitMsMin: 20_000,
  upgradeWaitMsMax: 6 * 60 * MINUTE_MS,
  /** How long a new version has to be linked and steady, or the former comes back. */
  upgradeTrialMsMin: 10_000,
  upgradeTrialMsMax: 5 * MINUTE_MS,

  // — retention —
  runsKeptMsDefault: 90 * DAY_MS,
} as const;
