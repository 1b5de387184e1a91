/** Shapes that several frames share, so that what a worker takes from an agent is what a server takes from a worker. */
import { limits } from '../../base/limits.ts';
import { valueLimits } from '../../base/value-limits.ts';
import { ENGINES, type NamedExecutor } from '../../domain/run/executor.ts';
import {
  SURVIVORS_MAX,
  type AgentReport,
  type HostFacts,
  type ProcessEnd,
  type ReportedOutcome,
  type StreamReport,
} from './agent-v1.ts';
import type { ProtocolRange } from './protocol-range.ts';
import type { Sealed } from './session.ts';
import {
  bytes,
  dictionary,
  integer,
  list,
  matching,
  number,
  oneOf,
  optional,
  record,
  text,
  variants,
  words,
  type Shape,
} from './shape.ts';

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';

export const uuid = matching(new RegExp(`^${UUID}$`), 36, 'a UUID');
/** As `parseAttemptId` takes it. */
export const attempt = matching(
  new RegExp(`^${UUID}\\.(?:0|[1-9]\\d{0,8})\\.(?:0|[1-9]\\d{0,8})\\.[1-9]\\d{0,8}$`),
  36 + 3 * 10,
  'an attempt id',
);
export const executor: Shape<NamedExecutor> = variants<NamedExecutor, 'kind'>('kind', {
  agent: { id: uuid },
  worker: { id: uuid, engine: oneOf(...ENGINES) },
});
/** A code of a newer peer is taken too; what reads it knows what to do with one that is none of ours. */
export const code = matching(/^[a-z][a-z0-9-]{0,63}$/, 64, 'an error code');
export const fault = record<{ code: string; detail: string }>({ code, detail: words(limits.reasonLengthMax) });

/** The last instant that JavaScript has a date for; PostgreSQL's bigint holds it. */
const INSTANT_MS_MAX = 8_640_000_000_000_000;
export const instant = integer(0, INSTANT_MS_MAX);
export const skew = number(-INSTANT_MS_MAX, INSTANT_MS_MAX);
/** A figure that is shown and added up: file systems tell of sizes beyond 2^53. */
export const figure = number(0, 2 ** 64);
export const count = integer(0, 2 ** 31 - 1);
export const size = integer(0, Number.MAX_SAFE_INTEGER);
/** Numbers a question and its answer. */
export const question = integer(0, Number.MAX_SAFE_INTEGER);
/** Of a process; Windows has unsigned ones. */
export const pid = integer(0, 2 ** 32 - 1);
export const name = text(limits.nameLengthMax);
export const version = text(100);
/** Names of machines and ports, and URLs made of them. */
export const address = text(2 * limits.addressLengthMax);
export const pem = text(limits.keyTextBytesMax);
export const signature = bytes(0, 1_024);
/** HMAC-SHA256, or SHA-256. */
export const digest = bytes(32, 32);
/** Any frame under an agent's seal; what is in it is checked when it is opened. */
export const sealed = { body: bytes(0, limits.frameBytesMax / 2), mac: bytes(0, 32) } as const;
/** That an agent has linked: a few ids and numbers, which a server reads before it knows that the agent counts. */
export const proof = record<Sealed>({ body: bytes(0, limits.linkProofBytesMax), mac: bytes(0, 32) });
export const nonce = bytes(0, limits.linkNonceBytesMax);
export const mark = { server: text(36), order: size } as const;
export const stream: Shape<1 | 2> = oneOf(1, 2);
export const protocolRange = record<ProtocolRange>({ min: count, max: count });

/** Masks make text longer, by half at most. */
const MASKED = 2;
export const fetched = bytes(0, MASKED * limits.outputFetchBytesMax);
export const live = {
  a: attempt,
  stream,
  offset: size,
  bytes: bytes(0, limits.liveOutputBytesPerSecondMax),
  skipped: optional(size),
};
/** Chunks of one stream of one attempt, when it keeps as much as may be kept. */
const CHUNKS_MAX = Math.ceil(limits.outputKeptBytesMax / limits.outputChunkBytes);
export const chunkSeq = integer(0, CHUNKS_MAX - 1);
export const chunk = { a: attempt, stream, seq: chunkSeq, bytes: bytes(0, limits.outputChunkBytes) };

const streamReport = record<StreamReport>({
  size,
  head: integer(0, limits.outputKeptBytesMax),
  tail: integer(0, limits.outputKeptBytesMax),
  digest: optional(digest),
  inline: optional(bytes(0, limits.outputInlineBytesMax)),
});
const exited = { code: integer(-(2 ** 31 - 1), 2 ** 31 - 1) } as const;
const signal = optional(text(32));
const end = variants<ProcessEnd, 'kind'>('kind', { exited, signalled: { signal } });
const outcome: Shape<ReportedOutcome> = variants<ReportedOutcome, 'kind'>('kind', {
  exited,
  signalled: { signal, reason: optional(code) },
  timed_out: { end: optional(end) },
  cancelled: { end: optional(end) },
  answered: { status: integer(100, 999) },
  rows: { rows: integer(0, Number.MAX_SAFE_INTEGER) },
  faulted: { reason: code },
  refused: { reason: code },
  unknown: { reason: code },
});
export const reportFields = {
  a: attempt,
  outcome,
  detail: optional(words(limits.reasonLengthMax)),
  startedAtMs: optional(instant),
  finishedAtMs: instant,
  stdout: streamReport,
  stderr: streamReport,
  survivors: optional(list(pid, SURVIVORS_MAX)),
  values: optional(
    dictionary(
      text(valueLimits.outputValueBytesMax),
      valueLimits.outputValuesMax,
      valueLimits.outputValueNameLengthMax,
    ),
  ),
  valuesFault: optional(words(limits.reasonLengthMax)),
} as const;
export const report: Shape<AgentReport> = record<AgentReport>({ t: oneOf('report'), ...reportFields });

const word = words(limits.nameLengthMax);
export const facts: Shape<HostFacts> = record<HostFacts>({
  name: word,
  os: word,
  arch: optional(word),
  kernel: optional(word),
  distribution: optional(word),
  cpus: optional(count),
  cpuModel: optional(word),
  memoryBytes: optional(figure),
  disks: optional(list(record({ mount: words(1_024), totalBytes: figure, freeBytes: figure }), limits.factsDisksMax)),
  addresses: optional(list(word, limits.factsAddressesMax)),
  labels: optional(dictionary(words(limits.labelLengthMax), limits.labelsPerHostMax, limits.labelLengthMax)),
  agentVersion: optional(version),
  agentUser: optional(word),
});

export const upgradeState = {
  id: uuid,
  state: oneOf('fetching', 'switching', 'trying', 'succeeded', 'failed', 'rolled_back'),
  version,
  code: optional(code),
  detail: optional(words(limits.reasonLengthMax)),
} as const;
export const upgradeOrder = bytes(0, 256 * 1_024);
export const bye = {
  code,
  detail: words(limits.reasonLengthMax),
  retryAfterMs: optional(size),
} as const;
