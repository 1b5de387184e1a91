/**
 * With which worker the agent of each host is linked, as the agents themselves have proved it. Whoever has to know hears of each change:
 * the runs, the record of presence, the health of agents, and the executors that somebody watches.
 */
import type { AgentId, HostId, WorkerId } from '../base/ids.ts';
import type { ServerToWorkerFrame } from '../protocol/link/worker-v1.ts';
import type { AgentHealth } from './agent-health.ts';
import type { AgentSession, AgentSessions } from './agent-sessions.ts';
import type { AgentLocation, FleetListener } from './fleet.ts';
import type { LiveWatches } from './live-watches.ts';
import type { PresenceRecord } from './presence-record.ts';

export interface HostAgentsOptions {
  readonly sessions: AgentSessions;
  readonly health: AgentHealth;
  readonly record: PresenceRecord;
  readonly watches: LiveWatches;
  readonly runs: () => FleetListener;
  readonly send: (workerId: WorkerId, frame: ServerToWorkerFrame) => void;
}

export class HostAgents {
  readonly #options: HostAgentsOptions;
  readonly #agents = new Map<HostId, AgentLocation>();

  constructor(options: HostAgentsOptions) {
    this.#options = options;
  }

  at(hostId: HostId): AgentLocation | undefined {
    return this.#agents.get(hostId);
  }

  get count(): number {
    return this.#agents.size;
  }

  heldBy(workerId: WorkerId): HostId[] {
    return [...this.#agents].filter(([, at]) => at.workerId === workerId).map(([hostId]) => hostId);
  }

  /** The agent itself has proved the link: from here on its host is with that worker. */
  admitted(session: AgentSession, nonce: Uint8Array): void {
    const { health, sessions, send } = this.#options;
    health.linked(session.hostId, `${session.instance}/${session.link}`);
    this.#linked(session);
    send(session.workerId, sessions.time(session, nonce));
  }

  /** Neither of two starts of an agent is given anything, until one is left or somebody decides. */
  copied(hostId: HostId): void {
    const { health, sessions, send } = this.#options;
    health.copied(hostId);
    const held = this.#agents.get(hostId);
    const session = held && sessions.of(held.executor.id);
    if (!held || !session) return;
    this.#unlinked(hostId);
    send(held.workerId, {
      t: 'refused',
      hostId,
      agentId: held.executor.id,
      instance: session.instance,
      code: 'agent-copied',
      detail: 'Another start of this agent shows itself: its data folder is in use twice.',
    });
  }

  revoked(agentId: AgentId): void {
    const session = this.#options.sessions.of(agentId);
    if (!session) return;
    if (this.#agents.get(session.hostId)?.executor.id === agentId) this.#unlinked(session.hostId);
    else this.#options.sessions.forget(agentId);
  }

  /** The worker says that the link of the agent is over. */
  left(workerId: WorkerId, hostId: HostId, agentId: string): void {
    this.#options.sessions.takeBack(workerId, agentId);
    const held = this.#agents.get(hostId);
    if (held?.workerId === workerId && held.executor.id === agentId) this.#unlinked(hostId);
  }

  /** What a worker does not hold, it has lost: since its former link to us, or while no server was there at all. */
  heldAlone(workerId: WorkerId, held: ReadonlySet<string>): void {
    for (const [hostId, at] of this.#agents) if (at.workerId === workerId && !held.has(hostId)) this.#unlinked(hostId);
  }

  workerGone(workerId: WorkerId): void {
    for (const [hostId, at] of this.#agents) if (at.workerId === workerId) this.#unlinked(hostId);
  }

  #linked({ workerId, hostId, agentId, instance, link }: AgentSession): void {
    const { sessions, record, watches, runs } = this.#options;
    const former = this.#agents.get(hostId);
    if (former && former.executor.id !== agentId) sessions.forget(former.executor.id);
    const location: AgentLocation = { workerId, executor: { kind: 'agent', id: agentId }, instance, link };
    this.#agents.set(hostId, location);
    record.presence({ hostId, agentId, workerId, linked: true });
    runs().onLinked(hostId, location);
    watches.askAgain((place) => place.hostId === hostId && place.executor?.kind !== 'worker');
  }

  /** Whom a host's link was with is known here, and is nobody's word. */
  #unlinked(hostId: HostId): void {
    const held = this.#agents.get(hostId);
    if (!held) return;
    const { health, sessions, record, runs } = this.#options;
    const { workerId } = held;
    const agentId = held.executor.id;
    this.#agents.delete(hostId);
    sessions.forget(agentId);
    health.unlinked(hostId);
    record.presence({ hostId, agentId, workerId, linked: false });
    runs().onUnlinked(hostId, agentId);
  }
}
