/**
 * Limits of what a port takes of whoever has proved nothing, and of how much an operation takes, beside those of all
 * else (limits.ts), which commands load that listen nowhere.
 */
const KiB = 1024;
const MiB = 1024 * KiB;

export const portLimits = {
  // — ports (the connection ends unless said) —
  /**
   * A connection that was refused has so long to take its answer and to hang up, and then is gone. What it says meanwhile
   * is read and dropped.
   */
  farewellMsMax: 2_000,
  /**
   * Pieces (records of TLS) in which a connection that has proved nothing may say what it says, beside one for each
   * `pieceBytesMin` of it: each costs some ten microseconds, however short it is.
   */
  piecesMax: 256,
  /** Proxies and slow lines send pieces of a kilobyte and more. */
  pieceBytesMin: 128,
  /** Each request that came whole may have been in so many pieces more: many short ones on one connection are no fault. */
  piecesPerRequest: 8,
  /**
   * Questions of one address for `/healthz` and `/readyz` (`too-many-requests`), but for this machine's own: so many a
   * second, and so many at once after a quiet time. Where a proxy stands between, whoever looks after servers has the
   * address of all.
   */
  healthRequestsPerSecond: 100,
  healthRequestsBurst: 1_000,
  /** Body of an operation (`body-too-large`), unless it takes more: names, labels, reasons. */
  bodyBytesDefault: 64 * KiB,
  /**
   * Body of one that takes an expression for hosts, or keys (`body-too-large`); those with scripts, jobs and lists of
   * hosts have `requestBodyBytesMax`.
   */
  wideBodyBytesMax: 1 * MiB,
  // — far ends of calls and channels —
  /**
   * What a far end says until its handshake of TLS is over ; one that says more is not reached. A chain of four certificates has
   * 6 KiB.
   */
  farHandshakeBytesMax: 24 * KiB,
} as const;
