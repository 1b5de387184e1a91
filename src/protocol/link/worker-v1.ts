/**
 * Frames between server and worker, version 1; same rules as agent-v1. The worker dials every server. What an agent says
 * of an attempt travels to the server that owns the run's partition (`owners`), which any worker can compute.
 */
import type { EngineName, NamedExecutor } from '../../domain/run/executor.ts';
import type { Resources } from '../../domain/placement/plugins.ts';
import type { AgentReport } from './agent-v1.ts';
import type { Sealed } from './session.ts';
import type { SshAccess } from './ssh-access.ts';
import type { ServerUpgrade } from './upgrade-order.ts';

export const WORKER_PROTOCOL = { min: 1, max: 1 } as const;

// — worker → server —

/** Its name, zone and rights are in its enrolment record; nothing that it could say of them counts. */
export interface WorkerHello {
  t: 'hello';
  protocol: { min: number; max: number };
  workerId: string;
  version: string;
  /** host:port where agents of its zone link. */
  agentAddress: string;
  nowMs: number;
  /** What it can do beyond agents: its engines, `ssh` and `process`. */
  features?: string[];
  /** Which start of its process it is; none of two is told apart from the other by anything else. Absent of older ones. */
  instance?: string;
}

/** All agents linked now, in several frames; `last` ends the snapshot, after which only changes follow. */
export interface WorkerAgents {
  t: 'agents';
  agents: LinkedAgent[];
  last: boolean;
}
export interface LinkedAgent {
  hostId: string;
  agentId: string;
  sinceMs: number;
  /** As the agent gave it in its hello: a host is held by whom its own agent has linked to. */
  proof: Sealed;
}
export interface WorkerLinked {
  t: 'linked';
  hostId: string;
  agentId: string;
  atMs: number;
  proof: Sealed;
}
export interface WorkerUnlinked {
  t: 'unlinked';
  hostId: string;
  agentId: string;
  atMs: number;
}
/** What an agent has sealed, other than of attempts: facts, output, chunks, how its upgrade goes. */
export interface WorkerSaid extends Sealed {
  t: 'said';
  agentId: string;
}
export interface WorkerAskTime {
  t: 'ask-time';
  hostId: string;
  agentId: string;
  nonce: Uint8Array;
}

/**
 * What agents said of attempts, sealed by them, and what the worker says of those that it carries out itself; batched. Order within one
 * attempt is kept; nothing else is promised. `executor`: whose word it is; in clear that can only be the worker itself.
 */
export interface WorkerEvents {
  t: 'events';
  events: AttemptEvent[];
}
export type AttemptEvent =
  | ({ k: 'said'; a: string; agentId: string } & Sealed)
  | { k: 'accepted'; a: string; executor: NamedExecutor }
  | { k: 'started'; a: string; executor: NamedExecutor; atMs: number; pid: number }
  | { k: 'report'; executor: NamedExecutor; report: AgentReport }
  | { k: 'unknown'; a: string; executor: NamedExecutor; order?: number; server?: string; instance?: string }
  /** It waits its turn at the worker; sent once for each that does not start at once. */
  | { k: 'queued'; a: string }
  /**
   * The worker could not hand it on: the agent is not linked here (any more), or its queue is full, or its own machine has
   * not what the task wants. Nothing was sent.
   */
  | {
      k: 'undelivered';
      a: string;
      code: 'host-not-linked' | 'agent-busy' | 'worker-full';
      /** With the order that this answers, where the executor itself has said it. */
      executor?: NamedExecutor;
      order?: number;
      server?: string;
      instance?: string;
    };

export interface WorkerOutput {
  t: 'output';
  a: string;
  stream: 1 | 2;
  offset: number;
  bytes: Uint8Array;
  skipped?: number;
}
export interface WorkerChunk {
  t: 'chunk';
  a: string;
  executor: NamedExecutor;
  stream: 1 | 2;
  seq: number;
  bytes: Uint8Array;
}
/** The answer to `fetch`, by the agent. */
export interface WorkerDataSaid extends Sealed {
  t: 'data-said';
  id: number;
  agentId: string;
}
/** The answer to `fetch` of what the worker itself carried out, and that there is none. */
export interface WorkerData {
  t: 'data';
  id: number;
  bytes: Uint8Array;
  size: number;
  eof: boolean;
  error?: string;
}
/** An agent's renewal (its own signature inside), or the worker's own when agentId is absent. */
export interface WorkerRenew {
  t: 'renew';
  id: number;
  agentId?: string;
  csr: string;
  signature: Uint8Array;
}
export interface WorkerLoad {
  t: 'load';
  agents: number;
  queued: number;
  rssBytes: number;
  lagMs: number;
  outputBytesHeld: number;
  /** A worker of before has no lane of calls. */
  lanes?: Record<Exclude<LaneName, 'calls'>, LaneFigures> & { calls?: LaneFigures };
  /** Of its machine, for tasks without hosts; absent where it takes none. */
  resources?: { total: Resources; free: Resources; loadMilliCpus: number };
  /** Frames of agents and servers that were none, or could not be carried out, since the worker started; each ended its link. */
  framesRefused?: number;
  /** Frames of agents and servers of types that the worker does not know, since it started. */
  framesPassedOver?: number;
}

/** The ways out of a worker: over its agents, and by each of its own engines. */
export type LaneName = 'agent' | EngineName;
export interface LaneFigures {
  underWay: number;
  capacity: number;
  queues: Record<'high' | 'normal' | 'low', QueueFigures>;
}
/** `starts` and `waitedMs` count from the worker's own start. */
export interface QueueFigures {
  length: number;
  oldestMs: number;
  starts: number;
  waitedMs: number;
}

/** What it needs to open a session on a host over SSH; the server checks that the host is in the worker's zone. */
export interface WorkerAccess {
  t: 'access';
  id: number;
  hostId: string;
  accountId?: string;
}
/** The answer to `connection-test`: `error` where there was nothing to be tried. */
export interface WorkerConnectionTested {
  t: 'connection-tested';
  id: number;
  steps?: ConnectionStep[];
  error?: { code: string; detail: string };
}
/** `code` is an error code; the steps of one way to a host, in the order in which they are tried. */
export interface ConnectionStep {
  step: string;
  result: 'ok' | 'failed' | 'warning' | 'not-tried';
  code?: string;
  detail?: string;
}
/** To mask the output of an attempt that this worker began before it was started anew: the values are in no journal. */
export interface WorkerSecrets {
  t: 'secrets';
  id: number;
  a: string;
}
/** The key that a host has shown for the first time, or instead of the one it had: before anything is sent to it. */
export interface WorkerHostKey {
  t: 'host-key';
  id: number;
  hostId: string;
  algorithm: string;
  key: Uint8Array;
}

/** What agents last said of their load, together. Extension: an older server passes it over. */
export interface WorkerAgentLoads {
  t: 'agent-loads';
  loads: AgentLoadFigures[];
}
export interface AgentLoadFigures {
  h: string;
  running: number;
  unreported: number;
  rssBytes: number;
  loadAverage: number;
  lagMs: number;
  freeSpoolBytes: number;
  freeMemoryBytes?: number;
  skewMs?: number;
}

export type WorkerToServerFrame =
  | WorkerHello
  | WorkerAgents
  | WorkerLinked
  | WorkerUnlinked
  | WorkerSaid
  | WorkerAskTime
  | WorkerEvents
  | WorkerOutput
  | WorkerChunk
  | WorkerData
  | WorkerDataSaid
  | WorkerRenew
  | WorkerLoad
  | WorkerAgentLoads
  | WorkerAccess
  | WorkerSecrets
  | WorkerHostKey
  | WorkerConnectionTested;

// — server → worker —

export interface ServerWelcome {
  t: 'welcome';
  protocol: number;
  serverId: string;
  nowMs: number;
  /** Into so many partitions runs are hashed: a worker finds a run's owner by it. */
  partitionCount: number;
  /** Every live server's link address; the worker dials them all. */
  servers: { id: string; url: string }[];
  /** host:port of every live worker of the zone, told on to agents. */
  workers: string[];
}
/** Sent again whenever it changes. */
export interface ServerTopology {
  t: 'topology';
  servers: { id: string; url: string }[];
  workers: string[];
}
/** The partitions that this server owns, with their terms. A worker believes the higher term. */
export interface ServerOwns {
  t: 'owns';
  partitions: { id: number; term: number }[];
}

/** Part of a task for this worker: the work once, and the hosts. A worker drops it when it knows a higher term of the partition. */
export interface ServerAssign {
  t: 'assign';
  runId: string;
  task: number;
  partition: number;
  term: number;
  priority: 'high' | 'normal' | 'low';
  /** An id of whoever has begun the run: callers share the room of a worker. */
  caller?: string;
  spec: Uint8Array;
  server: string;
  order: number;
  validUntilMs: number;
  targets: AssignTarget[];
  /** The account that the run asks for; over SSH the worker asks for access with it. */
  accountId?: string;
  /** Of a task without hosts: what it wants of the worker's machine. */
  needs?: Resources;
}
/** For the worker itself `mac` is empty: the order comes over the link of the server itself. */
export interface AssignTarget {
  ordinal: number;
  attempt: number;
  /** Absent where the work goes to no host. */
  hostId?: string;
  /** As the run has it: what the script is told, whatever the host was called before or is called since. Under the mark. */
  hostName?: string;
  executor: NamedExecutor;
  mac: Uint8Array;
  watch?: boolean;
}

/** Attempts to end; ones still queued at the worker are answered `unknown` without reaching the agent. */
export interface ServerCancel {
  t: 'cancel';
  partition: number;
  term: number;
  server: string;
  order: number;
  attempts: OrderedAttempt[];
}
export interface ServerQuery {
  t: 'query';
  partition: number;
  term: number;
  server: string;
  order: number;
  attempts: OrderedAttempt[];
}
/** `mac`: for an agent. */
export interface OrderedAttempt {
  a: string;
  executor: NamedExecutor;
  mac?: Uint8Array;
}
export interface ServerWatch {
  t: 'watch';
  on: boolean;
  attempts: OrderedAttempt[];
}
/** Committed: the executors may forget these. */
export interface ServerAck {
  t: 'ack';
  attempts: OrderedAttempt[];
}
export interface ServerChunkAck {
  t: 'chunk-ack';
  a: string;
  executor: NamedExecutor;
  stream: 1 | 2;
  seq: number;
  mac?: Uint8Array;
}
/** For an agent whose link this server has taken note of. */
export interface ServerTime {
  t: 'time';
  hostId: string;
  agentId: string;
  server: string;
  nonce: Uint8Array;
  serverMs: number;
  mac: Uint8Array;
}
/** The link of this start of an agent does not count: the worker ends it. */
export interface ServerRefused {
  t: 'refused';
  hostId: string;
  agentId: string;
  instance: string;
  code: string;
  detail: string;
}
export interface ServerFetch {
  t: 'fetch';
  id: number;
  executor: NamedExecutor;
  a: string;
  stream: 1 | 2;
  offset: number;
  length: number;
}
export interface ServerCertificate {
  t: 'certificate';
  id: number;
  certificate?: string;
  ca?: string;
  error?: string;
}
/** Agents that may not link any more; sent whole at welcome and when it grows. */
export interface ServerRevoked {
  t: 'revoked';
  agentIds: string[];
}
/** No new work is meant for this worker: its agents are sent to the others of the zone, and what is under way ends. */
export interface ServerDrain {
  t: 'drain';
  on: boolean;
}
export interface ServerAccess {
  t: 'access';
  id: number;
  access?: SshAccess;
  error?: { code: string; detail: string };
}
/** Hosts or accounts have changed: what stands on access that was given is checked before it is used again. */
export interface ServerAccessChanged {
  t: 'access-changed';
}
export interface ServerConnectionTest {
  t: 'connection-test';
  id: number;
  hostId: string;
  accountId?: string;
}
export interface ServerSecrets {
  t: 'secrets';
  id: number;
  values?: string[];
  error?: { code: string; detail: string };
}
/** `refused`: the key may not be believed; `error` says why and what to do. */
export interface ServerHostKey {
  t: 'host-key';
  id: number;
  answer: 'recorded' | 'refused';
  error?: { code: string; detail: string };
}
export interface ServerBye {
  t: 'bye';
  code: string;
  detail: string;
  retryAfterMs?: number;
}

export type ServerToWorkerFrame =
  | ServerWelcome
  | ServerTopology
  | ServerOwns
  | ServerAssign
  | ServerCancel
  | ServerQuery
  | ServerWatch
  | ServerAck
  | ServerChunkAck
  | ServerTime
  | ServerRefused
  | ServerFetch
  | ServerCertificate
  | ServerRevoked
  | ServerUpgrade
  | ServerDrain
  | ServerAccess
  | ServerAccessChanged
  | ServerConnectionTest
  | ServerSecrets
  | ServerHostKey
  | ServerBye;
