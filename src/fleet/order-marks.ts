/**
 * Marks on what a server orders and acknowledges, under the keys of the agents that it is for. A worker itself needs
 * none: its link is proof enough.
 */
import type { AgentId } from '../base/ids.ts';
import type { Executor } from '../domain/run/executor.ts';
import { startMessage, type Marked } from '../protocol/link/session.ts';
import type { AgentSessions } from './agent-sessions.ts';

const NO_MAC = new Uint8Array(0);

export class OrderMarks {
  readonly #sessions: AgentSessions;

  constructor(sessions: AgentSessions) {
    this.#sessions = sessions;
  }

  /** None where the agent is not here. */
  of(executor: Executor, message: (agentId: string, instance: string) => Marked): { mac?: Uint8Array } {
    if (executor.kind !== 'agent') return {};
    const mac = this.#sessions.sign(executor.id, ({ instance }) => message(executor.id, instance));
    return mac ? { mac } : {};
  }

  /**
   * Empty where no start of the agent that it is for is here: then nobody would believe it, and nobody should.
   * `digest`: SHA-256 of the spec.
   */
  ofStart(
    { executor, instance: meant }: { readonly executor: Executor; readonly instance: string | undefined },
    place: { readonly a: string; readonly hostName?: string },
    mark: { readonly server: string; readonly order: number; readonly validUntilMs: number },
    digest: Uint8Array,
  ): Uint8Array {
    const { a, hostName } = place;
    if (executor.kind !== 'agent' || hostName === undefined) return NO_MAC;
    if (this.#sessions.of(executor.id)?.instance !== meant) return NO_MAC;
    const message = (agentId: string, instance: string): Marked =>
      startMessage(agentId, instance, { a, hostName }, mark, digest);
    return this.of(executor, message).mac ?? NO_MAC;
  }

  /** Empty where the agent is not here. */
  ofUpgrade(agentId: AgentId, message: (instance: string) => Marked): Uint8Array {
    return this.#sessions.sign(agentId, ({ instance }) => message(instance)) ?? NO_MAC;
  }
}
