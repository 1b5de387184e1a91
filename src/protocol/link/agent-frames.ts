/**
 * What every frame between worker and agent must be, whole, before anybody reads it. To add a field: the interface in
 * agent-v1.ts first, then its shape here, without which it does not compile, then a sample in
 * test/coverage/frames.test.ts. Fields without a shape never get past the edge.
 */
import { limits } from '../../base/limits.ts';
import type { AgentFrame, WorkerToAgentFrame } from './agent-v1.ts';
import {
  address,
  attempt,
  bye,
  chunk,
  chunkSeq,
  code,
  count,
  digest,
  facts,
  fetched,
  figure,
  instant,
  live,
  mark,
  name,
  nonce,
  pem,
  pid,
  proof,
  protocolRange,
  question,
  reportFields,
  sealed,
  signature,
  size,
  stream,
  upgradeOrder,
  upgradeState,
  uuid,
  version,
} from './common-shapes.ts';
import { bytes, integer, list, oneOf, optional, record, text, truth, frameShapes } from './shape.ts';

/** Scripts, standard input and secrets, and a little for their names. */
const SPEC_BYTES_MAX =
  limits.scriptBytesMax +
  limits.stdinBytesMax +
  2 * limits.argumentsBytesMax +
  limits.secretsMax * limits.secretBytesMax;

/** What an agent may say. */
export const AGENT_FRAMES = frameShapes<AgentFrame>({
  hello: {
    protocol: protocolRange,
    agentId: uuid,
    hostId: uuid,
    version,
    bootId: text(100),
    proof,
    attempts: list(
      record({ a: attempt, state: oneOf('accepted', 'running', 'finished') }),
      limits.executionsPerAgentMax,
    ),
  },
  accepted: { a: attempt },
  started: { a: attempt, pid, atMs: instant },
  output: live,
  chunk: chunk,
  report: reportFields,
  unknown: { a: attempt, order: optional(size), server: optional(text(36)) },
  busy: { a: attempt, order: optional(size), server: optional(text(36)) },
  data: { id: question, a: attempt, stream, offset: size, bytes: fetched, size, eof: truth, error: optional(code) },
  renew: { csr: pem, signature },
  load: {
    running: count,
    unreported: count,
    rssBytes: figure,
    loadAverage: figure,
    lagMs: figure,
    freeSpoolBytes: figure,
    freeMemoryBytes: optional(figure),
    nowMs: optional(instant),
  },
  facts: { version, bootId: text(100), nowMs: instant, facts },
  said: sealed,
  'ask-time': { nonce },
  'upgrade-state': upgradeState,
});

/** What a worker may say to an agent. */
export const WORKER_TO_AGENT_FRAMES = frameShapes<WorkerToAgentFrame>({
  welcome: {
    protocol: count,
    workerId: uuid,
    nowMs: instant,
    workers: list(address, limits.hostsPerFrameMax),
  },
  start: {
    a: attempt,
    ...mark,
    validUntilMs: instant,
    mac: bytes(0, 32),
    spec: bytes(0, SPEC_BYTES_MAX),
    hostName: name,
    watch: optional(truth),
  },
  cancel: { a: attempt, ...mark, mac: optional(digest) },
  watch: { a: attempt, on: truth },
  ack: {
    acks: list(record<{ a: string; mac?: Uint8Array }>({ a: attempt, mac: optional(digest) }), limits.hostsPerFrameMax),
  },
  'chunk-ack': { a: attempt, stream, seq: chunkSeq, mac: optional(digest) },
  time: { server: uuid, nonce, serverMs: instant, mac: digest },
  query: { a: attempt, ...mark, mac: optional(digest) },
  fetch: { id: question, a: attempt, stream, offset: size, length: integer(0, limits.outputKeptBytesMax) },
  certificate: { certificate: pem, ca: pem },
  upgrade: { id: uuid, server: uuid, order: upgradeOrder, mac: digest },
  bye: bye,
});
