/** Agents: how they join, which start of each counts, and how they are cut off. */
import type { Scope } from '../../domain/access/access-node.ts';
import type { AgentId, HostId, WorkerId } from '../../base/ids.ts';
import type { GuardedChange, GuardedLabels } from '../../domain/access/guarded-labels.ts';
import type { SeenInstance, SessionVerdict, ShownInstance } from '../../domain/agent/session-rule.ts';
import type { AuditEntry } from './audit.ts';
import type { Page } from './page.ts';

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
  /** When a run has taken it off its host; absent as soon as it is linked again. */
  readonly uninstalledAtMs?: number;
  /** The two starts that show themselves while neither can be the other's successor. */
  readonly copies?: readonly SeenInstance[];
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

export interface AgentShown {
  readonly agentId: AgentId;
  readonly hostId: HostId;
  readonly workerId: WorkerId;
  readonly instance: ShownInstance;
}

export interface AgentStore {
  /** One transaction: uses up the token, creates host and agent, or joins the host that `decideJoin` says, audits. */
  agentJoin(
    join: {
      tokenHash: Uint8Array;
      name: string;
      machineId: string;
      labels: Readonly<Record<string, string>>;
      facts: Readonly<Record<string, unknown>>;
      publicKey: Uint8Array;
      certificateExpiresAtMs: number;
      /** Zones that have a worker: a token of another is not used up; absent, any zone will do. */
      zones?: readonly string[];
      /** The caller has proved to be this agent: the host keeps it. */
      keepAgentId?: AgentId;
      /** Only the token may set these to another value than the host has. */
      guardedLabels?: GuardedLabels;
    },
    audit: Omit<AuditEntry, 'target'>,
  ): Promise<JoinOutcome>;
  agentCertificateRenewed(id: AgentId, publicKey: Uint8Array, expiresAtMs: number): Promise<boolean>;
  agentFetch(id: AgentId): Promise<AgentRecord | undefined>;
  /** Of these hosts only, when they are given. */
  agentList(
    scope: Scope,
    page: { limit: number; cursor?: string },
    hostIds?: readonly HostId[],
  ): Promise<Page<AgentRecord>>;
  agentRevoke(id: AgentId, audit: AuditEntry): Promise<'revoked' | 'already-revoked' | 'not-found'>;
  /**
   * What agents show of themselves when they link, against the record. `unknown`: not the agent in force of that host; `other-zone`: at a
   * worker of another zone than the agent's, or of none.
   */
  agentInstancesShow(shown: readonly AgentShown[]): Promise<readonly (SessionVerdict | 'unknown' | 'other-zone')[]>;
  /** Somebody decides which of two copies of an agent it is. */
  agentInstanceKeep(
    id: AgentId,
    instance: string,
    audit: AuditEntry,
  ): Promise<'kept' | 'not-found' | 'no-such-instance'>;
}
