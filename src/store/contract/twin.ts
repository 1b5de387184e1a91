/** Hosts that look like another one, until somebody has decided what they are. */
import type { AgentId, HostId } from '../../base/ids.ts';
import type { AuditEntry } from './audit.ts';
import type { HostRecord } from './host.ts';

export interface TwinStore {
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
}
