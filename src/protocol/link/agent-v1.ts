/**
 * Frames between worker and agent, version 1. Each is one MessagePack map in one binary WebSocket message; `t` names it.
 * A field is never renamed or given another meaning; a new optional field is an extension, anything else is version 2.
 * Unknown fields and unknown frame types are ignored, so that a newer peer may say more.
 *
 * `a` is always an attempt id. Duplicates, reordering and late frames are harmless by construction: the agent's
 * journal decides, not the frame.
 */
import type { StoredWork } from '../../domain/work/work.ts';
import type { Sealed } from './session.ts';
import type { AgentUpgradeState, WorkerUpgrade } from './upgrade-order.ts';

export const AGENT_PROTOCOL = { min: 1, max: 1 } as const;

// — agent → worker —

export interface AgentHello {
  t: 'hello';
  protocol: { min: number; max: number };
  agentId: string;
  hostId: string;
  version: string;
  /** Changes when the host restarts. */
  bootId: string;
  /** For the servers: which start and link of the agent this is, at which worker. */
  proof: Sealed;
  /** Attempts in the journal whose report the server has not acknowledged. */
  attempts: { a: string; state: 'accepted' | 'running' | 'finished' }[];
}

/** What an agent tells about its host; every field but name and os may be missing. */
export interface HostFacts {
  name: string;
  os: string;
  arch?: string;
  kernel?: string;
  distribution?: string;
  cpus?: number;
  cpuModel?: string;
  memoryBytes?: number;
  disks?: { mount: string; totalBytes: number; freeBytes: number }[];
  addresses?: string[];
  labels?: Record<string, string>;
  agentVersion?: string;
  agentUser?: string;
}

/** The start is in the journal: it will run at most once, and its report will come. */
export interface AgentAccepted {
  t: 'accepted';
  a: string;
}
export interface AgentStarted {
  t: 'started';
  a: string;
  pid: number;
  atMs: number;
}
/** Live output, best effort. `skipped` counts bytes left out just before `bytes`. */
export interface AgentOutput {
  t: 'output';
  a: string;
  stream: 1 | 2;
  offset: number;
  bytes: Uint8Array;
  skipped?: number;
}
/** A piece of the kept output of a finished attempt, in order per stream; the report follows when all are acknowledged. */
export interface AgentChunk {
  t: 'chunk';
  a: string;
  stream: 1 | 2;
  seq: number;
  bytes: Uint8Array;
}

/** How a process ended. A signal has its name, with `SIG`; absent where nobody saw which it was. */
export type ProcessEnd = { kind: 'exited'; code: number } | { kind: 'signalled'; signal?: string };

/** How an attempt ended, whole: what it was, and whatever belongs to that and to nothing else. A `reason` is an error code. */
export type ReportedOutcome =
  | { kind: 'exited'; code: number }
  /** `reason`: its executor ended it, for this (`output-limit`). */
  | { kind: 'signalled'; signal?: string; reason?: string }
  /**
   * Ended by its executor, at its deadline or because somebody asked; `end`: how its process then ended, where it had
   * one and that was seen.
   */
  | { kind: 'timed_out' | 'cancelled'; end?: ProcessEnd }
  /** Of a call: with what status it was answered. */
  | { kind: 'answered'; status: number }
  /** Of a statement of a database: so many rows it has read or changed. */
  | { kind: 'rows'; rows: number }
  /** Of a call that was begun: it ended without its whole answer. */
  | { kind: 'faulted'; reason: string }
  /** Nothing of it ran. */
  | { kind: 'refused'; reason: string }
  /** It ran, or may have run, and nobody can tell how it ended. */
  | { kind: 'unknown'; reason: string };

/** Of the processes that a report names: a frame with more is taken by nobody, and it would be told again and again. */
export const SURVIVORS_MAX = 4_096;

/** The final record of an attempt. Sent again on a Fibonacci schedule until acknowledged. */
export interface AgentReport {
  t: 'report';
  a: string;
  outcome: ReportedOutcome;
  /** For people: what there is to say of it beyond the outcome. */
  detail?: string;
  startedAtMs?: number;
  finishedAtMs: number;
  stdout: StreamReport;
  stderr: StreamReport;
  /** Process ids that survived KILL (uninterruptible sleep), `SURVIVORS_MAX` at most; empty when nothing did. */
  survivors?: number[];
  /** Output values by name, masked; absent where none were told. */
  values?: Record<string, string>;
  /** For people: what of its output values was left out, and why. */
  valuesFault?: string;
}

export interface StreamReport {
  /** Bytes the process wrote. */
  size: number;
  /** Bytes kept from the start and from the end; size − head − tail is the gap. */
  head: number;
  tail: number;
  /** SHA-256 of the kept bytes followed by the gap's length; equal outputs are equal here. Absent when nothing was written. */
  digest?: Uint8Array;
  /** Head and tail joined, when they fit in one frame; otherwise they came as chunks. */
  inline?: Uint8Array;
}

/** Not taken for now: the agent holds as many executions as it may. Nothing was journaled. */
export interface AgentBusy {
  t: 'busy';
  a: string;
  /** The order that this answers: neither it nor an earlier one is carried out any more. */
  order?: number;
  server?: string;
}
/** The answer to `query` or `cancel` for an attempt that the journal does not hold and never accepted. */
export interface AgentUnknown {
  t: 'unknown';
  a: string;
  /** The order that this answers: no earlier one is carried out any more. */
  order?: number;
  server?: string;
}
/** The answer to `fetch`: a range of the whole output kept on the host. */
export interface AgentData {
  t: 'data';
  id: number;
  a: string;
  stream: 1 | 2;
  offset: number;
  bytes: Uint8Array;
  size: number;
  eof: boolean;
  error?: string;
}
/** A new key's certificate request, signed with the present key, so that nobody between can ask for the agent. */
export interface AgentRenew {
  t: 'renew';
  csr: string;
  signature: Uint8Array;
}
/** About once a minute. `nowMs` is the agent's clock; a worker tells skew from it. */
export interface AgentLoad {
  t: 'load';
  running: number;
  unreported: number;
  rssBytes: number;
  loadAverage: number;
  lagMs: number;
  freeSpoolBytes: number;
  freeMemoryBytes?: number;
  nowMs?: number;
}
/** Said when a server has heard of the link, and every few minutes. `nowMs` is the host's wall clock, for display only. */
export interface AgentFacts {
  t: 'facts';
  version: string;
  bootId: string;
  nowMs: number;
  facts: HostFacts;
}
/** Any of the frames that a server is to believe, encoded and under the agent's MAC: what an agent says of attempts and of its host. */
export interface AgentSaid extends Sealed {
  t: 'said';
}
/** Every server is asked for its time. */
export interface AgentAskTime {
  t: 'ask-time';
  nonce: Uint8Array;
}

export type AgentFrame =
  | AgentHello
  | AgentAccepted
  | AgentStarted
  | AgentOutput
  | AgentChunk
  | AgentReport
  | AgentUnknown
  | AgentBusy
  | AgentData
  | AgentRenew
  | AgentLoad
  | AgentFacts
  | AgentSaid
  | AgentAskTime
  | AgentUpgradeState;

// — worker → agent —

export interface WorkerWelcome {
  t: 'welcome';
  protocol: number;
  workerId: string;
  nowMs: number;
  /** Where the agent may link when this worker is gone; host:port. */
  workers: string[];
}

/** The signed order to run. `spec` is the encoded ExecutionSpec, the same bytes for every host of a task. */
export interface WorkerStart {
  t: 'start';
  a: string;
  server: string;
  order: number;
  /** By the clock of that server. */
  validUntilMs: number;
  /** HMAC-SHA256 under the agent's dispatch key over startMessage(): only the server can make it. */
  mac: Uint8Array;
  spec: Uint8Array;
  /** Of this host, as the run has it; the script is told it. */
  hostName: string;
  watch?: boolean;
}

export interface WorkerCancel {
  t: 'cancel';
  a: string;
  server: string;
  order: number;
  mac?: Uint8Array;
}
export interface WorkerWatch {
  t: 'watch';
  a: string;
  on: boolean;
}
/** The server has committed these reports; the agent may forget them. */
export interface WorkerAck {
  t: 'ack';
  acks: { a: string; mac?: Uint8Array }[];
}
export interface WorkerChunkAck {
  t: 'chunk-ack';
  a: string;
  stream: 1 | 2;
  seq: number;
  mac?: Uint8Array;
}
/** A server's answer to a nonce: it has heard of the link, and what its clock says. Under its MAC over timeMessage(). */
export interface WorkerTime {
  t: 'time';
  server: string;
  nonce: Uint8Array;
  serverMs: number;
  mac: Uint8Array;
}
/** What do you know of this attempt? Answered by accepted, started, report or unknown. */
export interface WorkerQuery {
  t: 'query';
  a: string;
  server: string;
  order: number;
  mac?: Uint8Array;
}
export interface WorkerFetch {
  t: 'fetch';
  id: number;
  a: string;
  stream: 1 | 2;
  offset: number;
  length: number;
}
export interface WorkerCertificate {
  t: 'certificate';
  certificate: string;
  ca: string;
}
/** The link ends for a reason; `retryAfterMs` for `link-busy`, no return for `agent-revoked`. */
export interface WorkerBye {
  t: 'bye';
  code: string;
  detail: string;
  retryAfterMs?: number;
}

export type WorkerToAgentFrame =
  | WorkerWelcome
  | WorkerStart
  | WorkerCancel
  | WorkerWatch
  | WorkerAck
  | WorkerChunkAck
  | WorkerTime
  | WorkerQuery
  | WorkerFetch
  | WorkerCertificate
  | WorkerUpgrade
  | WorkerBye;

/**
 * What an executor is given, encoded once per task with MessagePack and carried as bytes to every host: the work, and
 * beside it what holds for this run alone. So a new kind of work changes nothing here.
 */
export interface ExecutionSpec {
  v: 1;
  runId: string;
  runName: string;
  /** In the stored form of its kind (src/domain/work), which says kind and version. Who does not know them refuses, and never guesses. */
  work: StoredWork;
  /** Values of the secrets that the work names; they are masked in all output. */
  secrets: Record<string, string>;
  /** Which of several this is done for: the script is told it. */
  item?: string;
  user?: string;
  /**
   * Variables that it starts with: a few that are the same everywhere (`clean`, also when absent), a login shell's of
   * the user, or the agent's own.
   */
  environment?: 'clean' | 'login' | 'agent';
  timeoutMs: number;
  killAfterMs: number;
  outputKeptBytes: number;
}
