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
} as const;
