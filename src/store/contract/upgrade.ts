/** Upgrades of agents, host by host. */
import type { Scope } from '../../domain/access/access-node.ts';
import type { AgentId, HostId } from '../../base/ids.ts';
import type {
  AgentUpgradeCounts,
  AgentUpgradeState,
  AgentUpgradeWord,
  UpgradeState,
} from '../../domain/upgrade/upgrade-machine.ts';
import type { Actor, AuditEntry } from './audit.ts';
import type { Page } from './page.ts';

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
  readonly fromVersion?: string;
  /** What the agent last said while it was in hand. */
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

export interface UpgradeStore {
  /** One transaction with its audit entry. A host is in one upgrade at a time; one without an agent is skipped from the start. */
  upgradeCreate(
    upgrade: NewUpgrade,
    audit: AuditEntry,
  ): Promise<
    | { kind: 'created'; upgrade: UpgradeRecord }
    | { kind: 'in-progress'; host: string }
    /** None of the hosts has one; nothing was written. */
    | { kind: 'no-agent' }
  >;
  upgradeFetch(id: string): Promise<UpgradeRecord | undefined>;
  upgradeList(scope: Scope, page: { limit: number; cursor?: string }): Promise<Page<UpgradeRecord>>;
  agentUpgradeList(id: string, page: { limit: number; cursor?: string }): Promise<Page<AgentUpgradeRecord>>;
  upgradeCancelRequest(
    id: string,
    audit: AuditEntry,
  ): Promise<'requested' | 'already-requested' | 'already-finished' | 'not-found'>;
  upgradeActiveList(): Promise<readonly string[]>;
  /**
   * Plans and writes the next step in one transaction; undefined while another server does, or when it has ended.
   * Answers who is in hand then. `isLinked` says whose agent could answer now.
   */
  upgradeAdvance(
    id: string,
    isLinked: (host: HostId) => boolean,
  ): Promise<{ state: UpgradeState; version: string; waitMs: number; ordered: readonly OrderedAgent[] } | undefined>;
  /** False when it changed nothing: said before, or not in hand. */
  agentUpgradeHeard(
    id: string,
    heard: {
      hostId: HostId;
      agentId: AgentId;
      state: AgentUpgradeWord;
      code?: string;
      detail?: string;
    },
  ): Promise<boolean>;
}
