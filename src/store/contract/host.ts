/** Hosts: their labels and facts, whether they are linked, and how they leave. */
import type { Scope } from '../../domain/access/access-node.ts';
import type { AgentId, HostId, WorkerId } from '../../base/ids.ts';
import type { GuardedChange, GuardedLabels } from '../../domain/access/guarded-labels.ts';
import type { HostAlgorithms } from '../../domain/inventory/host-draft.ts';
import type { HostKeyPolicy } from '../../domain/inventory/host-key-policy.ts';
import type { AuditEntry } from './audit.ts';
import type { Page } from './page.ts';

export interface HostRecord {
  readonly id: HostId;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly facts: Readonly<Record<string, unknown>>;
  /** Absent: it has none, or none any more: it was revoked or taken off. */
  readonly agentId?: AgentId;
  /** When a run has taken its agent off; absent as soon as it is linked again. */
  readonly agentUninstalledAtMs?: number;
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
  /** How the last connection over SSH went, of those that a run or a test made; absent: none was tried. */
  readonly sshContact?: { readonly atMs: number /** Absent: the host was reached. */; readonly code?: string };
}

export interface HostStore {
  /**
   * Set-based; `atMs` orders late writes of several servers, a link says that an agent is installed (again), and `linked` counts only by
   * the worker that the agent's session is with.
   */
  hostPresenceWrite(
    changes: readonly { hostId: HostId; agentId: AgentId; workerId?: WorkerId; linked: boolean; atMs: number }[],
  ): Promise<void>;
  /** Hosts that are told as linked to a worker since before `atMs` and are not among these have left while nobody was there to note it. */
  hostPresenceReconcile(snapshot: { workerId: WorkerId; linked: readonly HostId[]; atMs: number }): Promise<void>;
  /** Hosts of all zones but these: many, where many zones are without. */
  hostsOutside(zones: readonly string[]): Promise<readonly HostId[]>;
  /** Those of these hosts that have no agent: none ever, or one that was revoked or taken off. An agent that is away is one. */
  hostsWithoutAgent(ids: readonly HostId[]): Promise<readonly HostId[]>;
  hostFactsWrite(
    changes: readonly { hostId: HostId; agentId: AgentId; version: string; facts: Readonly<Record<string, unknown>> }[],
  ): Promise<void>;
  /** Set-based; an older one never overwrites a newer one. */
  hostContactsWrite(contacts: readonly { hostId: HostId; atMs: number; code?: string }[]): Promise<void>;
  hostFetch(idOrName: string): Promise<HostRecord | undefined>;
  /** As whom the agents of these hosts last said that they run, and on which system; hosts of which nobody has said so are left out. */
  hostAgentUsers(ids: readonly HostId[]): Promise<ReadonlyMap<HostId, { readonly user: string; readonly os: string }>>;
  hostList(
    scope: Scope,
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
  /** Undefined: there is no such host. Refused where a guarded label would change; `tooMany`: so many labels it would have. */
  hostLabel(
    id: HostId,
    change: { set: Readonly<Record<string, string>>; remove: readonly string[] },
    guarded: GuardedLabels,
    audit: AuditEntry,
  ): Promise<HostRecord | { readonly refused: GuardedChange } | { readonly tooMany: number } | undefined>;
  hostRemove(id: HostId, audit: AuditEntry): Promise<'removed' | 'in-use' | 'is-jump-host' | 'not-found'>;
}
