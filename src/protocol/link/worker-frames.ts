/**
 * What every frame between server and worker must be, whole, before anybody reads it. To add a field: the interface in
 * worker-v1.ts first, then its shape here, without which it does not compile, then a sample in
 * test/coverage/frames.test.ts. Fields without a shape never get past the edge.
 */
import { limits } from '../../base/limits.ts';
import { PARTITIONS_MAX } from '../../base/ids.ts';
import {
  address,
  attempt,
  bye,
  chunk,
  chunkSeq,
  code,
  count,
  digest,
  executor,
  fault,
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
  report,
  sealed,
  signature,
  size,
  skew,
  stream,
  upgradeOrder,
  uuid,
  version,
} from './common-shapes.ts';
import {
  bytes,
  integer,
  list,
  oneOf,
  optional,
  record,
  text,
  truth,
  variants,
  words,
  frameShapes,
  type Shape,
} from './shape.ts';
import type { SshAccess, SshBecome, SshCredential, SshHop, SshHostKey } from './ssh-access.ts';
import type {
  AgentLoadFigures,
  AssignTarget,
  AttemptEvent,
  ConnectionStep,
  LaneFigures,
  WorkerLoad,
  LinkedAgent,
  OrderedAttempt,
  QueueFigures,
  ServerAssign,
  ServerToWorkerFrame,
  WorkerToServerFrame,
} from './worker-v1.ts';

const wordOf = { a: attempt, executor } as const;
const event: Shape<AttemptEvent> = variants<AttemptEvent, 'k'>('k', {
  said: { a: attempt, agentId: uuid, ...sealed },
  accepted: wordOf,
  started: { ...wordOf, atMs: instant, pid },
  report: { executor, report },
  unknown: { ...wordOf, order: optional(size), server: optional(text(36)), instance: optional(uuid) },
  queued: { a: attempt },
  undelivered: {
    a: attempt,
    code: oneOf('host-not-linked', 'agent-busy', 'worker-full'),
    executor: optional(executor),
    order: optional(size),
    server: optional(text(36)),
    instance: optional(uuid),
  },
});
const queue = record<QueueFigures>({ length: count, oldestMs: figure, starts: size, waitedMs: figure });
const lane = record<LaneFigures>({
  underWay: count,
  capacity: count,
  queues: record({ high: queue, normal: queue, low: queue }),
});
const resources = record<NonNullable<ServerAssign['needs']>>({ milliCpus: count, memoryMiB: count, diskMiB: count });
const step = record<ConnectionStep>({
  step: text(64),
  result: oneOf('ok', 'failed', 'warning', 'not-tried'),
  code: optional(code),
  detail: optional(words(limits.reasonLengthMax)),
});

/** What a worker may say to a server. */
export const WORKER_FRAMES = frameShapes<WorkerToServerFrame>({
  hello: {
    protocol: protocolRange,
    workerId: uuid,
    version,
    agentAddress: address,
    nowMs: instant,
    features: optional(list(text(64), 64)),
    instance: optional(uuid),
  },
  agents: {
    agents: list(
      record<LinkedAgent>({ hostId: uuid, agentId: uuid, sinceMs: instant, proof }),
      limits.linksPerFrameMax,
    ),
    last: truth,
  },
  linked: { hostId: uuid, agentId: uuid, atMs: instant, proof },
  unlinked: { hostId: uuid, agentId: uuid, atMs: instant },
  said: { agentId: uuid, ...sealed },
  'ask-time': { hostId: uuid, agentId: uuid, nonce },
  'data-said': { id: question, agentId: uuid, ...sealed },
  events: { events: list(event, limits.eventsPerFrameMax) },
  output: live,
  chunk: { ...chunk, executor },
  data: { id: question, bytes: fetched, size, eof: truth, error: optional(code) },
  renew: { id: question, agentId: optional(uuid), csr: pem, signature },
  load: {
    agents: count,
    queued: count,
    rssBytes: figure,
    lagMs: figure,
    outputBytesHeld: figure,
    lanes: optional(
      record<NonNullable<WorkerLoad['lanes']>>({ agent: lane, ssh: lane, process: lane, calls: optional(lane) }),
    ),
    resources: optional(record({ total: resources, free: resources, loadMilliCpus: count })),
    framesRefused: optional(size),
    framesPassedOver: optional(size),
  },
  access: { id: question, hostId: uuid, accountId: optional(uuid) },
  secrets: { id: question, a: attempt },
  'connection-tested': { id: question, steps: optional(list(step, 256)), error: optional(fault) },
  'host-key': {
    id: question,
    hostId: uuid,
    algorithm: text(100),
    key: bytes(1, limits.hostKeyBytesMax),
  },
  'agent-loads': {
    loads: list(
      record<AgentLoadFigures>({
        h: uuid,
        running: count,
        unreported: count,
        rssBytes: figure,
        loadAverage: figure,
        lagMs: figure,
        freeSpoolBytes: figure,
        freeMemoryBytes: optional(figure),
        skewMs: optional(skew),
      }),
      limits.hostsPerFrameMax,
    ),
  },
});

const partition = integer(0, PARTITIONS_MAX - 1);
const term = size;
const servers = list(record({ id: uuid, url: address }), 1_000);
const workers = list(address, limits.hostsPerFrameMax);
const ordered = record<OrderedAttempt>({ a: attempt, executor, mac: optional(digest) });
const orders = { partition, term, ...mark, attempts: list(ordered, limits.hostsPerFrameMax) } as const;
/** HMAC-SHA256; empty for the worker itself. */
const mac = bytes(0, 32);

const key = text(limits.keyTextBytesMax);
const password = text(limits.passwordBytesMax);
const user = text(256);
const credential: Shape<SshCredential> = variants<SshCredential, 'kind'>('kind', {
  key: { name, privateKey: key, passphrase: optional(password), certificate: optional(key) },
  password: { name, password },
  'keyboard-interactive': { name, password },
  agent: { name, socket: text(4_096) },
});
const become: Shape<SshBecome> = variants<SshBecome, 'kind'>('kind', {
  direct: {},
  sudo: { user, password: optional(password) },
  su: { user, password: optional(password) },
});
const algorithm = optional(list(text(100), limits.algorithmsPerKindMax));
const hop = record<SshHop>({
  hostId: uuid,
  address: text(limits.addressLengthMax),
  port: integer(1, 65_535),
  user,
  credentials: list(credential, limits.credentialsPerAccountMax),
  hostKeyPolicy: oneOf('strict', 'first-use'),
  knownHostKeys: list(
    record<SshHostKey>({ algorithm: text(100), key: bytes(1, limits.hostKeyBytesMax) }),
    limits.hostKeysPerHostMax,
  ),
  isOtherKeyShown: optional(truth),
  algorithms: optional(
    record<NonNullable<SshHop['algorithms']>>({
      kex: algorithm,
      cipher: algorithm,
      serverHostKey: algorithm,
      hmac: algorithm,
    }),
  ),
});
const access = record<SshAccess>({
  hostId: uuid,
  accountId: uuid,
  hops: list(hop, limits.sshHopsMax),
  become,
});

/** What a server may say to a worker. */
export const SERVER_FRAMES = frameShapes<ServerToWorkerFrame>({
  welcome: {
    protocol: count,
    serverId: uuid,
    nowMs: instant,
    partitionCount: integer(1, PARTITIONS_MAX),
    servers,
    workers,
  },
  topology: { servers, workers },
  owns: { partitions: list(record({ id: partition, term }), PARTITIONS_MAX) },
  assign: {
    runId: uuid,
    task: count,
    partition,
    term,
    priority: oneOf('high', 'normal', 'low'),
    caller: optional(name),
    spec: bytes(0, limits.frameBytesMax),
    ...mark,
    validUntilMs: instant,
    targets: list(
      record<AssignTarget>({
        ordinal: count,
        attempt: count,
        hostId: optional(uuid),
        hostName: optional(name),
        executor,
        mac,
        watch: optional(truth),
      }),
      limits.hostsPerFrameMax,
    ),
    accountId: optional(uuid),
    needs: optional(resources),
  },
  cancel: orders,
  query: orders,
  watch: { on: truth, attempts: list(ordered, limits.hostsPerFrameMax) },
  ack: {
    attempts: list(ordered, limits.hostsPerFrameMax),
  },
  'chunk-ack': { ...wordOf, stream, seq: chunkSeq, mac: optional(digest) },
  time: { hostId: uuid, agentId: uuid, server: uuid, nonce, serverMs: instant, mac: digest },
  refused: { hostId: uuid, agentId: uuid, instance: text(36), code, detail: words(limits.reasonLengthMax) },
  fetch: {
    id: question,
    executor,
    a: attempt,
    stream,
    offset: size,
    length: integer(0, limits.outputKeptBytesMax),
  },
  certificate: { id: question, certificate: optional(pem), ca: optional(pem), error: optional(code) },
  revoked: { agentIds: list(uuid, limits.hostsPerFrameMax) },
  drain: { on: truth },
  access: { id: question, access: optional(access), error: optional(fault) },
  secrets: {
    id: question,
    values: optional(list(text(limits.argumentStringBytesMax), limits.secretsMax)),
    error: optional(fault),
  },
  'access-changed': {},
  'connection-test': { id: question, hostId: uuid, accountId: optional(uuid) },
  'host-key': { id: question, answer: oneOf('recorded', 'refused'), error: optional(fault) },
  upgrade: {
    id: uuid,
    server: uuid,
    order: upgradeOrder,
    targets: list(record({ hostId: uuid, agentId: uuid, mac }), limits.hostsPerFrameMax),
  },
  bye: bye,
});
