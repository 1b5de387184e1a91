/** Which start of each agent counts. */
import type { AgentId, HostId, WorkerId } from '../base/ids.ts';
import type { SessionVerdict, ShownInstance } from '../domain/agent/session-rule.ts';

export interface AgentShown {
  readonly agentId: AgentId;
  readonly hostId: HostId;
  readonly workerId: WorkerId;
  readonly instance: ShownInstance;
}

/** `Audit` is the store's entry, which is told with what it is about. */
export interface AgentSessionStore<Audit> {
  /**
   * What agents show of themselves when they link, against the record. `unknown`: not the agent in force of that host; `other-zone`: at a
   * worker of another zone than the agent's, or of none.
   */
  agentInstancesShow(shown: readonly AgentShown[]): Promise<readonly (SessionVerdict | 'unknown' | 'other-zone')[]>;
  /** Somebody decides which of two copies of an agent it is. */
  agentInstanceKeep(id: AgentId, instance: string, audit: Audit): Promise<'kept' | 'not-found' | 'no-such-instance'>;
}
