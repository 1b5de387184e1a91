/**
 * The contract of durable state, by noun. `postgres/` implements it; nothing outside `bin` and tests may know that.
 *
 * Rules of every implementation:
 *  - A state changes only if it still is what the caller thinks; rows that did not change are an answer, not an error.
 *  - A write made as owner of a partition carries a `Fence` and lands only while that term is current, atomically.
 *  - Sets go in one statement; rows are locked in key order.
 *  - A database that does not answer is `database-unavailable` (retryable); a broken invariant is a bug and throws.
 *  - Instants are milliseconds since the epoch, by the database's clock where the caller does not give one.
 */
import type { CommitResult } from './commit-result.ts';
import type { OwnerLook } from './looks.ts';
import type { ExecutionPlace, PageToSeq } from './run-changes.ts';
import type { Clock } from '../base/clock.ts';
import type { AgentId, AttemptKey, ExecutionKey, HostId, RunId, ServerId, TokenId, WorkerId } from '../base/ids.ts';
import type { GuardedChange, GuardedLabels } from '../domain/access/guarded-labels.ts';
import type { Role } from '../domain/access/permission.ts';
import type { HostAlgorithms, HostKeyPolicy } from '../domain/inventory/host-draft.ts';
import type { AgentSessionStore } from './agent-session-store.ts';
import type { SeenInstance } from '../domain/agent/session-rule.ts';
import type { ExecutionCounts, ExecutionState } from '../domain/run/execution-machine.ts';
import type { RunState } from '../domain/run/run-machine.ts';
import type { RunSpec } from '../domain/run/spec.ts';
import type { AgentUpgradeCounts, AgentUpgradeState, UpgradeState } from '../domain/upgrade/upgrade-machine.ts';

/** Ownership of a partition, as of a term. A stale fence makes the whole write a no-op. */
export interface Fence {
  readonly partition: number;
  readonly term: number;
  readonly serverId: ServerId;
}
/** Who acts: a token, or the system itself. */
export interface Actor {
  readonly kind: 'token' | 'system';
  readonly id: string;
  readonly name: string;
}

export interface Page<T> {
  readonly items: readonly T[] /** Opaque; absent on the last page. */;
  readonly next?: string;
}

export interface AuditEntry {
  readonly actor: Actor;
  readonly action: string;
  readonly target: string;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly requestId?: string;
}
export interface AuditRecord extends AuditEntry {
  readonly id: string;
  readonly atMs: number;
  /** Its number and its place in the chain; absent for about a second after the deed. */
  readonly seal?: { readonly seq: number; readonly hash: string; readonly previousHash: string };
}

/** An entry by its number and its hash, in hexadecimal. */
export interface AuditPosition {
  readonly seq: number;
  readonly hash: string;
}
export interface AuditFault {
  /** The entry that is wrong; absent for one that is not sealed yet. */
  readonly seq?: number;
  readonly kind: 'altered' | 'missing' | 'unchained' | 'head';
  readonly detail: string;
}
export interface AuditCheck {
  readonly checked: number;
  /** The last entry that is as it was written. */
  readonly through: AuditPosition;
  readonly fault?: AuditFault;
  /** With the end of the chain: entries that were written and are not in it yet. */
  readonly unsealed?: number;
  /** The chain was checked to its end, and nothing is wrong. */
  readonly isWhole: boolean;
}

// — runs —

export interface RunTarget {
  readonly hostId: HostId;
  readonly hostName: string;
}

export interface NewRun {
  readonly id: RunId;
  readonly partition: number;
  readonly name: string;
  readonly reason: string;
  readonly createdBy: Actor;
  readonly targetExpression: string;
  readonly spec: RunSpec;
  /** AES-256-GCM sealed JSON of name → value; absent without secrets. */
  readonly sealedSecrets?: Uint8Array;
  readonly targets: readonly RunTarget[];
  /** Marked as done in the same transaction: a crash right after it cannot make a second run of the same request. */
  readonly claim?: { readonly principal: string; readonly key: string };
  /** What its owner does first, written with it; left out, and the run waits, when the fence is stale. */
  readonly dispatch?: FirstDispatch;
}

/** The executions of a new run that have a way to their hosts, as dispatched; `run.seq` is theirs too. */
export interface FirstDispatch {
  readonly fence: Fence;
  readonly executions: readonly {
    readonly ordinal: number;
    readonly agentId: AgentId;
    readonly agentInstance?: string;
    readonly workerId: WorkerId;
  }[];
  readonly dispatchedAtMs: number;
  readonly run: RunChange & { readonly to: RunState };
  readonly timeline: readonly TimelineEntry[];
}

export interface RunRecord {
  readonly id: RunId;
  readonly partition: number;
  readonly name: string;
  readonly reason: string;
  readonly createdBy: Actor;
  readonly state: RunState;
  /** From 1; a retry opens the next. */
  readonly round: number;
  readonly targetExpression: string;
  readonly hostCount: number;
  readonly counts: ExecutionCounts;
  /** Absent in lists: a script may be a megabyte. */
  readonly spec?: RunSpec;
  readonly createdAtMs: number;
  readonly startedAtMs?: number;
  readonly finishedAtMs?: number;
  /** Start of the present round: deadlines count from here. */
  readonly roundStartedAtMs: number;
  /** What earlier rounds took, without the time between them. */
  readonly earlierRoundsMs: number;
  readonly cancelRequestedAtMs?: number;
  readonly cancelRequestedBy?: string;
  /** Grows with every committed change of the run or of one of its executions; the cursor of its event stream. */
  readonly seq: number;
}

export interface RunFilter {
  readonly states?: readonly RunState[];
  readonly name?: string;
  readonly createdBy?: string;
  readonly createdAfterMs?: number;
  readonly createdBeforeMs?: number;
  readonly idPrefix?: string;
}

/** What one stream of an attempt left behind. */
export interface StreamRecord {
  readonly size: number;
  readonly head: number;
  readonly tail: number;
  readonly digest?: Uint8Array;
}

export interface ExecutionRecord extends AttemptKey {
  readonly hostId: HostId;
  readonly hostName: string;
  readonly state: ExecutionState;
  readonly round: number;
  /** How its host was, or is, reached: the worker itself is the executor over SSH. */
  readonly via?: 'agent' | 'ssh';
  readonly workerId?: WorkerId;
  readonly agentId?: AgentId;
  readonly dispatchedAtMs?: number;
  readonly startedAtMs?: number;
  readonly finishedAtMs?: number;
  readonly exitCode?: number;
  readonly signal?: string;
  /** An error code that says why, where the state alone does not. */
  readonly reason?: string;
  readonly detail?: string;
  readonly stdout: StreamRecord;
  readonly stderr: StreamRecord;
  /** True when a lost attempt was settled by its own late report. */
  readonly settledLate: boolean;
  /** The run's seq at the last change of this row. */
  readonly seq: number;
  /** Of a past, lost attempt: what its agent told after all. */
  readonly lateReport?: LateReport;
}

/** The truth of a lost attempt that came when a newer attempt had been opened: known, and without any effect on the run. */
export interface LateReport {
  readonly state: 'succeeded' | 'failed' | 'timed_out' | 'cancelled';
  readonly receivedAtMs: number;
  readonly startedAtMs?: number;
  readonly finishedAtMs: number;
  readonly exitCode?: number;
  readonly signal?: string;
  readonly reason?: string;
  readonly detail?: string;
  readonly stdout: StreamRecord;
  readonly stderr: StreamRecord;
}

export interface ExecutionFilter {
  readonly states?: readonly ExecutionState[];
  readonly hostName?: string;
}

/** One group of `runs output`: executions that ended alike with the same output. */
export interface OutputGroup {
  readonly state: ExecutionState;
  readonly exitCode?: number;
  readonly signal?: string;
  readonly reason?: string;
  readonly stdout: StreamRecord;
  readonly stderr: StreamRecord;
  readonly count: number;
  /** At most as many as asked for, in ordinal order. */
  readonly hosts: readonly string[];
  /** Any one of them, to read the output from. */
  readonly sample: AttemptKey;
}

/** What the owner needs of an execution to go on; compact, because a run has up to 100,000. */
export interface ExecutionSeed {
  readonly task: number;
  readonly ordinal: number;
  readonly attempt: number;
  readonly hostId: HostId;
  readonly hostName: string;
  readonly state: ExecutionState;
  readonly agentId?: AgentId;
  /** The start of the agent that it was given to. */
  readonly agentInstance?: string;
  readonly workerId?: WorkerId;
  readonly dispatchedAtMs?: number;
  readonly startedAtMs?: number;
  /** Attempts of the present round that ended in failure already; `retries` allows so many more. */
  readonly failuresInRound: number;
}

export interface RunSeed {
  readonly run: RunRecord;
  readonly spec: RunSpec;
  readonly sealedSecrets?: Uint8Array;
  readonly executions: readonly ExecutionSeed[];
}

/** One conditional change of an execution. Lands only if attempt matches and the state is one of `from`. */
export interface ExecutionChange extends AttemptKey {
  readonly from: readonly ExecutionState[];
  readonly to: ExecutionState;
  readonly agentId?: AgentId;
  readonly agentInstance?: string;
  readonly workerId?: WorkerId;
  readonly dispatchedAtMs?: number;
  readonly startedAtMs?: number;
  readonly finishedAtMs?: number;
  readonly exitCode?: number;
  readonly signal?: string;
  readonly reason?: string;
  readonly detail?: string;
  readonly stdout?: StreamRecord & { readonly inline?: Uint8Array };
  readonly stderr?: StreamRecord & { readonly inline?: Uint8Array };
  readonly settledLate?: boolean;
  /** Automatic retry: the row's attempt (this change's outcome) moves to the history and attempt + 1 opens as waiting. */
  readonly retry?: boolean;
  /** The run's seq of this change. */
  readonly seq: number;
}

/** A late report as told; written only when the history has the attempt as lost by this agent, and only once. */
export interface LateReportChange extends ExecutionChange {
  readonly receivedAtMs: number;
}

export interface RunChange {
  readonly runId: RunId;
  readonly to?: RunState;
  readonly counts: ExecutionCounts;
  readonly startedAtMs?: number;
  readonly finishedAtMs?: number;
  readonly seq: number;
  /** The round that the run had ended with, when its owner believes it over: a retry may have opened the next, and then nothing of it is written. */
  readonly endedRound?: number;
}

export interface TimelineEntry {
  readonly runId: RunId;
  readonly seq: number;
  readonly atMs: number;
  readonly kind: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface OwnerCommit {
  readonly fence: Fence;
  readonly executions: readonly ExecutionChange[];
  readonly runs: readonly RunChange[];
  readonly timeline: readonly TimelineEntry[];
  readonly lateReports?: readonly LateReportChange[];
}

export interface OutputChunk extends AttemptKey {
  readonly stream: 1 | 2;
  readonly seq: number;
  readonly bytes: Uint8Array;
  readonly agentId: AgentId;
}
// — fleet —
export interface HostRecord {
  readonly id: HostId;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly agentId?: AgentId;
  readonly linked: boolean;
  readonly workerId?: WorkerId;
  /** Last change of `linked`. */
  readonly linkChangedAtMs?: number;
  readonly createdAtMs: number;
  readonly zone: string;
  /** Absent: not reached over SSH. */
  readonly address?: string;
  readonly port: number;
  readonly accountId?: string;
  /** By name. */
  readonly jumpHost?: string;
  /** Name of the host that it looks like, until somebody has decided; no target matches it before. */
  readonly twinOf?: string;
  readonly hostKeyPolicy: HostKeyPolicy;
  readonly algorithms?: HostAlgorithms;
}

export interface AgentRecord {
  readonly id: AgentId;
  readonly hostId: HostId;
  readonly hostName: string;
  readonly state: 'active' | 'revoked' | 'replaced';
  readonly version?: string;
  readonly joinedAtMs: number;
  readonly certificateExpiresAtMs: number;
  /** SPKI of the key that the agent proved to hold; a renewal must be signed by it. */
  readonly publicKey: Uint8Array;
  readonly linked: boolean;
  /** The two starts that show themselves while neither can be the other's successor. */
  readonly copies?: readonly SeenInstance[];
}

export interface WorkerRecord {
  readonly id: WorkerId;
  readonly name: string;
  readonly zone: string;
  readonly agentAddress: string;
  readonly linked: boolean;
  readonly joinedAtMs: number;
  readonly version?: string;
  readonly publicKey: Uint8Array;
  /** It takes no new work. */
  readonly drained: boolean;
  /** Since when it is cut off for good; absent while it is not. */
  readonly revokedAtMs?: number;
}

export interface FleetLook {
  /** Of the ways to hosts: another one than before says that `hostAccessList` has news. */
  readonly hostAccessVersion: number;
  /** Agents whose certificates have not expired yet but that may not link. */
  readonly revoked: readonly AgentId[];
  readonly workers: readonly WorkerRecord[];
  readonly servers: readonly { readonly id: ServerId; readonly url: string }[];
}

export interface JoinToken {
  readonly id: TokenId;
  readonly role: 'agent' | 'worker';
  readonly labels: Readonly<Record<string, string>>;
  readonly zone: string;
  /** Made for this host: whoever joins with it becomes that host's agent. */
  readonly hostId?: HostId;
  readonly usesLeft: number;
  readonly expiresAtMs: number;
  readonly createdAtMs: number;
  readonly createdBy: Actor;
}

export interface ApiToken {
  readonly id: TokenId;
  readonly name: string;
  readonly role: Role;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly revokedAtMs?: number;
}

export type JoinOutcome =
  | {
      readonly kind: 'joined';
      readonly hostId: HostId;
      readonly agentId: AgentId;
      readonly zone: string;
      /** As the host is on record from now on. */
      readonly name: string;
      readonly labels: Readonly<Record<string, string>>;
      readonly replaced?: AgentId;
      /** The host that it looks like: somebody has to decide before it gets work. */
      readonly twinOf?: string;
    }
  | {
      readonly kind: 'refused';
      readonly code: 'join-token-invalid' | 'join-token-expired' | 'host-name-taken' | 'link-busy' | 'bad-input';
    }
  | { readonly kind: 'refused'; readonly code: 'label-protected'; readonly guarded: GuardedChange };

// — upgrades of agents —

export interface NewUpgrade {
  readonly id: string;
  readonly version: string;
  readonly targets: string;
  readonly createdBy: Actor;
  readonly batch: number;
  readonly maxFailed: number;
  readonly waitMs: number;
  readonly hosts: readonly { readonly id: HostId; readonly name: string }[];
}
export interface UpgradeRecord extends Omit<NewUpgrade, 'hosts'> {
  readonly state: UpgradeState;
  readonly hostCount: number;
  readonly counts: AgentUpgradeCounts;
  readonly createdAtMs: number;
  readonly finishedAtMs?: number;
  readonly cancelRequestedAtMs?: number;
}
export interface AgentUpgradeRecord {
  readonly ordinal: number;
  readonly hostId: HostId;
  readonly hostName: string;
  readonly state: AgentUpgradeState;
  readonly fromVersion?: string /** What the agent last said while it was in hand. */;
  readonly progress?: string;
  readonly code?: string;
  readonly detail?: string;
  readonly orderedAtMs?: number;
  readonly finishedAtMs?: number;
}
export interface OrderedAgent {
  readonly hostId: HostId;
  readonly agentId: AgentId;
  readonly orderedAtMs: number;
}

export interface Store extends AgentSessionStore<AuditEntry> {
  /** The clock that all servers share: deadlines that outlive a server, and instants that another one reads, are of this one. */
  clock(): Clock;
  // runs
  /** One transaction: run, task, executions, the timeline's first entries and the audit entry. Wakes the partition (hint). The answer's `seq` tells whether `dispatch` is in it. */
  runCreate(run: NewRun, audit: AuditEntry): Promise<RunRecord>;
  /** The run's secrets, sealed under `run/<id>`; undefined where it has none. */
  runSealedSecrets(id: RunId): Promise<Uint8Array | undefined>;
  /** `own`: what this server owns never waits for callers. */
  runFetch(id: RunId, whose?: 'own'): Promise<RunRecord | undefined>;
  runList(filter: RunFilter, page: { limit: number; cursor?: string }): Promise<Page<RunRecord>>;
  /** Marks the wish; the owner acts. False when the run is terminal already. */
  runCancelRequest(
    id: RunId,
    actor: Actor,
    audit: AuditEntry,
  ): Promise<'requested' | 'already-requested' | 'already-finished' | 'not-found'>;
  /** Opens round + 1 over the executions in `states`: their settled attempts move to the history, attempt + 1 waits. Only on a terminal run. */
  runRetry(
    id: RunId,
    states: readonly ExecutionState[],
    audit: AuditEntry,
  ): Promise<
    { kind: 'opened'; run: RunRecord; executions: number } | { kind: 'not-finished' | 'nothing-to-retry' | 'not-found' }
  >;
  timelineList(id: RunId, page: { limit: number; afterSeq?: number }): Promise<readonly TimelineEntry[]>;

  executionFetch(key: ExecutionKey): Promise<ExecutionRecord | undefined>;
  executionList(
    runId: RunId,
    filter: ExecutionFilter,
    page: { limit: number; cursor?: string },
  ): Promise<Page<ExecutionRecord>>;
  /** Executions by their last change, as (seq, task, ordinal): the next after a place, up to a seq. What an event stream still has to tell. */
  executionChanges(runId: RunId, after: ExecutionPlace, page: PageToSeq): Promise<readonly ExecutionRecord[]>;
  /** Entries after a seq and up to another, in an order that stays; the first `skip` of them left out. */
  timelineAfter(runId: RunId, after: { seq: number; skip: number }, page: PageToSeq): Promise<readonly TimelineEntry[]>;
  runSeqs(ids: readonly RunId[]): Promise<readonly { readonly id: RunId; readonly seq: number }[]>;
  /** Settled earlier attempts, oldest first. */
  executionHistory(key: ExecutionKey): Promise<readonly ExecutionRecord[]>;
  outputGroups(runId: RunId, options: { hostsMax: number; groupsMax: number }): Promise<readonly OutputGroup[]>;
  /** A range of the kept bytes (head and tail joined); undefined when nothing is kept. */
  outputRead(key: AttemptKey, stream: 1 | 2, offset: number, length: number): Promise<Uint8Array | undefined>;

  // owner of partitions
  /**
   * What an owner asks by time, in one question. Takes free partitions (never owned, released, or of an expired server) up to this server's
   * fair share, and gives back what is over it. Answers everything owned after the call, and the runs there that are not over.
   */
  ownerLook(id: ServerId): Promise<OwnerLook>;
  runSeed(id: RunId): Promise<RunSeed | undefined>;
  ownerCommit(commit: OwnerCommit): Promise<CommitResult>;
  /** Idempotent by key. Kept while the attempt is out with its sender, or lost; answers the places of those whose attempt is the sender's, kept or not. */
  outputChunkWrite(fence: Fence, chunks: readonly OutputChunk[]): Promise<ReadonlySet<number> | 'fenced'>;

  // servers and partitions (the lease keeper renews on its own connection; see postgres/lease-keeper.ts)
  serverRegister(server: { id: ServerId; url: string; version: string; leaseMs: number }): Promise<void>;
  serverDeregister(id: ServerId): Promise<void>;
  partitionRelease(id: ServerId, partitions: readonly number[]): Promise<void>;

  // hosts, agents, workers
  /** One transaction: uses up the token, creates host and agent, or joins the host that `decideJoin` says, audits. */
  agentJoin(
    join: {
      tokenHash: Uint8Array;
      name: string;
      machineId: string;
      labels: Readonly<Record<string, string>>;
      facts: Readonly<Record<string, unknown>>;
      publicKey: Uint8Array;
      certificateExpiresAtMs: number /** Zones that have a worker: a token of another is not used up; absent, any zone will do. */;
      zones?: readonly string[] /** The caller has proved to be this agent: the host keeps it. */;
      keepAgentId?: AgentId;
      /** Only the token may set these to another value than the host has. */
      guardedLabels?: GuardedLabels;
    },
    audit: Omit<AuditEntry, 'target'>,
  ): Promise<JoinOutcome>;
  agentCertificateRenewed(id: AgentId, publicKey: Uint8Array, expiresAtMs: number): Promise<boolean>;
  agentFetch(id: AgentId): Promise<AgentRecord | undefined>;
  /** Of these hosts only, when they are given. */
  agentList(page: { limit: number; cursor?: string }, hostIds?: readonly HostId[]): Promise<Page<AgentRecord>>;
  agentRevoke(id: AgentId, audit: AuditEntry): Promise<'revoked' | 'already-revoked' | 'not-found'>;
  /** What a server's fleet asks by time, in one question. */
  fleetLook(): Promise<FleetLook>;
  workerJoin(
    join: { tokenHash: Uint8Array; name: string; version: string; publicKey: Uint8Array },
    audit: Omit<AuditEntry, 'target'>,
  ): Promise<
    | { kind: 'joined'; workerId: WorkerId; zone: string }
    | { kind: 'refused'; code: 'join-token-invalid' | 'join-token-expired' }
  >;
  workerSeen(worker: { id: WorkerId; agentAddress: string; version: string; linked: boolean }): Promise<void>;
  workerList(): Promise<readonly WorkerRecord[]>;
  workerFetch(id: WorkerId): Promise<WorkerRecord | undefined>;
  /** For good. Audited where it changes something; undefined: there is no such worker. */
  workerRevoke(id: WorkerId, audit: AuditEntry): Promise<WorkerRecord | undefined>;
  /** Drained workers take no new work until they are resumed. Audited where it changes something; undefined: there is no such worker. */
  workerDrain(id: WorkerId, drained: boolean, audit: AuditEntry): Promise<WorkerRecord | undefined>;
  /** Set-based; `atMs` orders late writes of several servers. */
  hostPresenceWrite(
    changes: readonly { hostId: HostId; agentId: AgentId; workerId?: WorkerId; linked: boolean; atMs: number }[],
  ): Promise<void>;
  /** Hosts that are told as linked to a worker since before `atMs` and are not among these have left while nobody was there to note it. */
  hostPresenceReconcile(snapshot: { workerId: WorkerId; linked: readonly HostId[]; atMs: number }): Promise<void>;
  hostFactsWrite(
    changes: readonly { hostId: HostId; agentId: AgentId; version: string; facts: Readonly<Record<string, unknown>> }[],
  ): Promise<void>;
  hostFetch(idOrName: string): Promise<HostRecord | undefined>;
  hostList(
    filter: { linked?: boolean; twins?: boolean },
    page: { limit: number; cursor?: string },
  ): Promise<Page<HostRecord>>;
  /** Everything a target expression can ask for, of all hosts, in name order; cached by the caller. `version` changes with any edit. */
  hostDirectory(
    knownVersion?: number,
  ): Promise<
    | { version: number; hosts: readonly { id: HostId; name: string; labels: Readonly<Record<string, string>> }[] }
    | 'unchanged'
  >;
  /** Undefined: there is no such host. Refused where a guarded label would change. */
  hostLabel(
    id: HostId,
    change: { set: Readonly<Record<string, string>>; remove: readonly string[] },
    guarded: GuardedLabels,
    audit: AuditEntry,
  ): Promise<HostRecord | { readonly refused: GuardedChange } | undefined>;
  /** Both let a twin have work. `replaced` says whose agent may not link any more; the hint is `fleet`, and `hosts`. */
  twinAccept(id: HostId, audit: AuditEntry): Promise<'accepted' | 'not-twin'>;
  twinReplace(
    id: HostId,
    audit: AuditEntry,
  ): Promise<
    | { kind: 'replaced'; host: HostRecord; agentId?: AgentId }
    | { kind: 'in-use'; hostName: string }
    | { kind: 'not-twin' }
  >;
  hostRemove(id: HostId, audit: AuditEntry): Promise<'removed' | 'in-use' | 'is-jump-host' | 'not-found'>;

  // upgrades
  /** One transaction with its audit entry. A host is in one upgrade at a time. */
  upgradeCreate(
    upgrade: NewUpgrade,
    audit: AuditEntry,
  ): Promise<{ kind: 'created'; upgrade: UpgradeRecord } | { kind: 'in-progress'; host: string }>;
  upgradeFetch(id: string): Promise<UpgradeRecord | undefined>;
  upgradeList(page: { limit: number; cursor?: string }): Promise<Page<UpgradeRecord>>;
  agentUpgradeList(id: string, page: { limit: number; cursor?: string }): Promise<Page<AgentUpgradeRecord>>;
  upgradeCancelRequest(
    id: string,
    audit: AuditEntry,
  ): Promise<'requested' | 'already-requested' | 'already-finished' | 'not-found'>;
  upgradeActiveList(): Promise<readonly string[]>;
  /** Plans and writes the next step in one transaction; undefined while another server does, or when it has ended. Answers who is in hand then. */
  upgradeAdvance(
    id: string,
  ): Promise<{ state: UpgradeState; version: string; waitMs: number; ordered: readonly OrderedAgent[] } | undefined>;
  /** False when it changed nothing: said before, or not in hand. */
  agentUpgradeHeard(
    id: string,
    heard: {
      hostId: HostId;
      agentId: AgentId;
      state: 'fetching' | 'switching' | 'trying' | 'succeeded' | 'failed' | 'rolled_back';
      code?: string;
      detail?: string;
    },
  ): Promise<boolean>;

  // tokens
  joinTokenCreate(
    token: {
      id: TokenId;
      hash: Uint8Array;
      role: 'agent' | 'worker';
      labels: Readonly<Record<string, string>>;
      zone: string;
      hostId?: HostId;
      uses: number;
      lifetimeMs: number /** Only hosts of these names, once each; they may be known already without an agent. */;
      hostNames?: readonly string[];
    },
    audit: AuditEntry,
  ): Promise<JoinToken>;
  /** Whether a token of this role would let somebody join now; nothing is used up. By hash. */
  joinTokenCheck(
    hash: Uint8Array,
    role: 'agent' | 'worker',
  ): Promise<'good' | 'join-token-invalid' | 'join-token-expired'>;
  joinTokenList(): Promise<readonly JoinToken[]>;
  joinTokenRevoke(id: TokenId, audit: AuditEntry): Promise<boolean>;
  apiTokenCreate(
    token: { id: TokenId; hash: Uint8Array; name: string; role: Role; lifetimeMs: number },
    audit: AuditEntry,
  ): Promise<ApiToken | 'name-taken'>;
  /** By hash; also tells expired and revoked tokens, so that the refusal can say why. */
  apiTokenFetch(hash: Uint8Array): Promise<ApiToken | undefined>;
  /** Those of these tokens that are revoked or not there any more. */
  apiTokenRevokedOf(ids: readonly TokenId[]): Promise<readonly TokenId[]>;
  apiTokenList(): Promise<readonly ApiToken[]>;
  apiTokenRevoke(id: TokenId, audit: AuditEntry): Promise<boolean>;

  auditAppend(entry: AuditEntry): Promise<void>;
  /** Chains what deeds have written since; answers how many entries. Another server that is at it has nothing left to do here. */
  auditSeal(): Promise<number>;
  /** For what changes nothing else in the store, such as a login on a host that somebody asked for. */
  auditWrite(entry: AuditEntry): Promise<void>;
  auditList(
    filter: { action?: string; actor?: string },
    page: { limit: number; cursor?: string },
  ): Promise<Page<AuditRecord>>;
  /** Checks the chain after an entry that is believed, a page at a time (`auditVerifyPage`); from the first entry without one. */
  auditVerify(after?: AuditPosition): Promise<AuditCheck>;
  /** Claims a key for a request. `replay` holds the first answer; `busy` while the first is still running (younger than a minute). */
  idempotencyClaim(
    key: string,
    principal: string,
    requestHash: Uint8Array,
  ): Promise<
    { kind: 'claimed' } | { kind: 'replay'; status: number; body: string } | { kind: 'reused' } | { kind: 'busy' }
  >;
  idempotencyStore(key: string, principal: string, status: number, body: string): Promise<void>;
  /** After a failure that had no effect, so that the caller may try again. */
  idempotencyRelease(key: string, principal: string): Promise<void>;

  // keys and settings: the CA and other small secrets, sealed under the master key by the caller
  secretPut(name: string, sealed: Uint8Array): Promise<'stored' | 'exists'>;
  secretFetch(name: string): Promise<Uint8Array | undefined>;

  // hints
  /** Coalesced NOTIFY; only ever wakes somebody up. */
  notify(topic: HintTopic, payload: string): void;
  /** Calls back on hints of other servers and of this one; reconnects by itself, and calls `onGap` when hints may have been missed. */
  listen(topic: HintTopic, onHint: (payload: string) => void, onGap: () => void): () => void;

  /** Daily partitions ahead, expired ones dropped, idempotency keys and hints cleaned. Idempotent; any server may run it. */
  maintain(options: { runsKeptMs: number; aheadDays: number }): Promise<{ created: number; dropped: number }>;
  /** For readiness: answers within two seconds or throws `database-unavailable`. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** `run`: payload is the run id (created, cancel asked, retried). `progress`: a run's seq grew. `fleet`: revoked or removed. `hosts`: ways to hosts changed. */
export type HintTopic = 'run' | 'progress' | 'fleet' | 'hosts';
