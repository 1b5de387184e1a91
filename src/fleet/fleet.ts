/**
 * The server's view of its workers and the agents they hold: soft state, rebuilt from snapshots whenever a worker links.
 * It carries orders out and events in; it decides nothing. `link-fleet.ts` implements it over links, tests may over memory.
 */
import type { AccountId, AgentId, AttemptId, HostId, RunId, WorkerId } from '../base/ids.ts';
import type { WorkerChoice } from '../domain/placement/placement.ts';
import type { Priority } from '../domain/placement/queue-pick.ts';
import type { ChosenWorker, Executor, Route } from '../domain/run/executor.ts';
import type { Resources } from '../domain/placement/plugins.ts';
import type { Service } from '../base/service.ts';
import type { AttemptEvent, ConnectionStep, WorkerLoad } from '../protocol/link/worker-v1.ts';
import type { AgentUpgradeState } from '../protocol/link/upgrade-order.ts';
import type { AgentHealth } from './agent-health.ts';

export interface AgentLocation extends Route {
  readonly executor: Executor & { readonly kind: 'agent' };
  readonly instance: string;
  /** Which of the links of that start. */
  readonly link: number;
}

export interface Assignment {
  readonly workerId: WorkerId;
  readonly runId: RunId;
  readonly task: number;
  readonly partition: number;
  readonly term: number;
  readonly order: number;
  readonly priority: Priority;
  /** Whoever has begun the run. */
  readonly caller: string;
  readonly accountId?: AccountId;
  /** What a task without hosts wants of the worker's machine. */
  readonly needs?: Resources;
  readonly spec: Uint8Array;
  readonly targets: readonly {
    readonly ordinal: number;
    readonly attempt: number;
    /** Of the host, as the run has it; absent where it goes to none. */
    readonly hostId?: HostId;
    readonly hostName?: string;
    readonly executor: Executor;
    /** The start of the agent that it is for; another is not given it. */
    readonly instance?: string;
    readonly watch: boolean;
  }[];
}

/** What was said of an attempt, by whose word it is known to be: an agent's under its seal, or a worker's of itself. */
export type HeardEvent = Exclude<AttemptEvent, { k: 'said' }>;
export interface ChunkName {
  readonly attempt: AttemptId;
  readonly executor: Executor;
  readonly stream: 1 | 2;
  readonly seq: number;
}
export type HeardChunk = ChunkName & { readonly bytes: Uint8Array };

export interface FleetListener {
  /** What executors said of attempts of partitions that this server owns; others are dropped and come again. */
  onEvents(workerId: WorkerId, events: readonly HeardEvent[]): void;
  /** Pieces of output; the listener answers each with `ackChunk` once written. */
  onChunk(workerId: WorkerId, chunk: HeardChunk): void;
  onLinked(hostId: HostId, location: AgentLocation): void;
  /** The agent's link is gone, or its worker's. */
  onUnlinked(hostId: HostId, agentId: AgentId): void;
  /** Hosts may be reached in other ways than before, or in none; `workerId` is the worker that has come (again), if that is why. */
  onRoutesChanged(workerId?: WorkerId): void;
}

/** Where an attempt is, or would be: absent an executor, with the agent that its host has by then. */
export interface AttemptPlace {
  readonly attempt: AttemptId;
  /** Absent where it is of no host. */
  readonly hostId?: HostId;
  readonly executor?: Executor;
}
export interface AttemptOrder {
  readonly partition: number;
  readonly term: number;
  readonly order: number;
  readonly attempts: readonly AttemptPlace[];
}
export type LiveWorker = Pick<
  WorkerLoad,
  'agents' | 'queued' | 'rssBytes' | 'lagMs' | 'lanes' | 'resources' | 'framesRefused' | 'framesPassedOver'
> & {
  readonly id: WorkerId;
  readonly name: string;
  readonly zone: string /** When it said so, by the server's clock; absent until it has. */;
  readonly heardAtMs?: number;
};

export interface LiveOutput {
  readonly attempt: AttemptId;
  readonly stream: 1 | 2;
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly skipped: number;
}

export interface AgentUpgradeHeard {
  readonly id: string;
  readonly hostId: HostId;
  readonly agentId: AgentId;
  readonly state: AgentUpgradeState['state'];
  readonly code?: string;
  readonly detail?: string;
}

/** The host has no address, its zone has no worker that speaks SSH, or each of them is being drained. */
export type SshObstacle = 'no-address' | 'no-worker' | 'drained';

/** What agents tell of their upgrades. */
export interface UpgradeListener {
  onUpgradeState(heard: AgentUpgradeHeard): void;
}

export interface Fleet extends Omit<Service, 'start'> {
  /** From now on links are taken, and what comes over them is told to these. A start that failed may be repeated. */
  start(runs: FleetListener, upgrades: UpgradeListener): Promise<void>;
  locate(hostId: HostId): AgentLocation | undefined;
  /** The worker that would reach the host over SSH now: of its zone, able to, and not being drained. */
  sshRoute(hostId: HostId): WorkerId | undefined;
  /** Why there is no such worker; undefined where there is one. */
  sshObstacle(hostId: HostId): SshObstacle | undefined;
  /** The worker that is given a task without hosts now. Each call picks anew. */
  workerFor(choice: WorkerChoice): ChosenWorker | undefined;
  /** How many workers might be given one, and in words why the others are not. */
  workersFor(choice: WorkerChoice): { readonly count: number; readonly why: string };
  /** How often the list of hosts with an address was begun to be read, and the last such look that has ended. */
  accessLooks(): { readonly begun: number; readonly done: number };
  /** Whether a worker of the host's zone is linked here, one that is being drained too. */
  hasWorker(hostId: HostId): boolean;
  /** Whether two starts of the host's agent have shown themselves, so that neither counts. */
  hasCopies(hostId: HostId): boolean;
  isLinked(workerId: WorkerId): boolean;
  /** Linked, and not being drained. */
  takesWork(workerId: WorkerId): boolean;
  workers(): readonly LiveWorker[];
  readonly health: AgentHealth;
  /** Tells workers what this server owns; workers route events by it. */
  announceOwned(partitions: readonly { id: number; term: number }[]): void;
  /** A number for the next order: each higher than all before. */
  nextOrder(): number;
  /** Signs each target for its agent and sends. False when the worker's link cannot take it now. */
  assign(assignment: Assignment): boolean;
  cancel(workerId: WorkerId, order: AttemptOrder): boolean;
  query(workerId: WorkerId, order: AttemptOrder): boolean;
  ack(workerId: WorkerId, attempts: readonly { attempt: AttemptId; executor: Executor }[]): void;
  ackChunk(workerId: WorkerId, chunk: ChunkName): void;
  /** Live output of attempts, wherever their agents are linked, until the answer is called. Not bound to ownership. */
  watch(attempts: readonly AttemptPlace[], onOutput: (output: LiveOutput) => void): () => void;
  /** A range of the whole output from the host itself. Rejects `host-not-linked`, `output-not-available`. */
  fetchOutput(
    place: AttemptPlace,
    stream: 1 | 2,
    offset: number,
    length: number,
  ): Promise<{ bytes: Uint8Array; size: number; eof: boolean }>;
  /** Signs the order for each of these agents and sends it, as far as they are linked. */
  upgrade(
    id: string,
    order: Uint8Array,
    agents: readonly { readonly hostId: HostId; readonly agentId: AgentId }[],
  ): void;
  /**
   * Tries the way to a host from the worker that would take it. Rejects `zone-without-worker`, and with the reason why
   * there is nothing to be tried.
   */
  testConnection(hostId: HostId, accountId?: AccountId): Promise<readonly ConnectionStep[]>;
  /** Cuts a worker's link here, at once; the other servers hear of it from the store. */
  revokeWorker(workerId: WorkerId): void;
  /** Cuts these agents off everywhere; workers refuse them from now on. */
  revoke(agentIds: readonly AgentId[]): void;
  /** As far as is known without asking: a revocation of another server is heard of within a moment. */
  isRevoked(agentId: string): boolean;
}
