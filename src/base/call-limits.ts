/** Limits of calls, which workers make themselves, beside those of all else (limits.ts). */
const KiB = 1024;
const MiB = 1024 * KiB;

export const callLimits = {
  // — calls that workers make —
  /** Calls that a worker has under way at once. `drover worker --call-capacity` */
  workerCallsDefault: 100,
  /** Calls that a worker holds, those among them that wait for room or whose end no server has yet. */
  workerCallsMax: 4_096,
  /** Of a URL, with all that is filled in: most servers take no longer one. */
  callUrlLengthMax: 8 * KiB,
  callHeadersMax: 100,
  /** Name and value of one, with all that is filled in. */
  callHeaderBytesMax: 8 * KiB,
  /** Of what is sent, with all that is filled in. Larger payloads are files, which a script sends. */
  callBodyBytesMax: 1 * MiB,
  /** Redirects that one call follows. */
  callRedirectsMax: 10,
  /** Statuses and ranges of them that are a success. */
  callStatusesMax: 20,
  /** Values that a call takes out of its answer. */
  callExtractsMax: 60,
  callPointerLengthMax: 1_000,
  /** Certificates of who vouches for the far end. */
  callAuthoritiesBytesMax: 64 * KiB,
  /** Headers of an answer (`call-broken`). */
  callAnswerHeaderBytesMax: 64 * KiB,
  /** So much of an answer is read (`output-limit`). */
  callAnswerBytesMax: 64 * MiB,
  /** So much of an answer is looked through for values; of a longer one none are told. */
  callExtractBytesMax: 1 * MiB,
  /** Values in its lists and objects: reading one takes a worker a thousand times what a letter takes. */
  callExtractValuesMax: 20_000,
  /** For what it may have done to be heard when it is to end, and for a database to be told that it is. */
  callEndMsMax: 5_000,
  // — calls of databases —
  sqlStatementBytesMax: 256 * KiB,
  /** Of a statement; what they come to together is bounded as a body is. */
  sqlValuesMax: 1_000,
  /** Ranges of counts of rows that are a success. */
  sqlRowsRangesMax: 20,
  sqlRowsDefault: 1_000,
  /** `rows_max` of a step. */
  sqlRowsMax: 100_000,
  /** Rows as they are kept; what comes after is told as cut. */
  sqlRowsBytesMax: 16 * MiB,
  /** Of one row as the database sends it, and of whatever else it says at once (`output-limit`). */
  sqlMessageBytesMax: 1 * MiB,
  /** A result with more has names that nobody has written. */
  sqlColumnsMax: 1_700,
  /** What a database says beside its rows, each on a line of stderr. */
  sqlNoticesMax: 1_000,
} as const;
