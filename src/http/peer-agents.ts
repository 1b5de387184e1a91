/**
 * The agent that a connection comes from: who needs no token may prove its certificate, and then counts for itself wherever it comes from.
 * Looked at once for each connection, at its first request: whoever shows others later is not asked again.
 */
import { TLSSocket } from 'node:tls';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import { SecondCount } from '../base/second-count.ts';
import { PEER_HEADER, type PeerProofs } from '../pki/peer-proof.ts';

export interface PeerAgentsOptions {
  readonly proofs: PeerProofs;
  readonly clock: Clock;
  /** Whoever was put out is nobody. */
  readonly isRevoked: (agentId: string) => boolean;
  /** The handshake of this connection counts against nobody. */
  readonly onLetIn: (socket: Socket) => void;
}

export class PeerAgents {
  readonly #options: PeerAgentsOptions;
  readonly #known = new WeakMap<Socket, { readonly agentId: string | undefined }>();
  readonly #letIn = new WeakSet<Socket>();
  readonly #letInOf: SecondCount;

  constructor(options: PeerAgentsOptions) {
    this.#options = options;
    this.#letInOf = new SecondCount(options.clock, limits.linksPerPeerPerSecond);
  }

  /**
   * Its id; undefined for a connection in clear, without a certificate of our authority, with that of another role, or of an agent that is
   * revoked.
   */
  of({ socket, headers }: Pick<IncomingMessage, 'socket' | 'headers'>): string | undefined {
    if (!(socket instanceof TLSSocket)) return undefined;
    const known = this.#known.get(socket);
    if (known) return this.#inForce(known.agentId);
    const check = this.#options.proofs.check(socket, headers[PEER_HEADER], this.#options.clock.nowMs());
    const agentId = check.kind === 'proved' && check.peer.role === 'agent' ? check.peer.id : undefined;
    this.#known.set(socket, { agentId });
    return this.#inForce(agentId);
  }

  /** Once no rate has refused it: an agent is forgiven so many handshakes a second, as for links, and no host harms more than itself. */
  letIn(request: Pick<IncomingMessage, 'socket' | 'headers'>): void {
    const { socket } = request;
    const agentId = this.of(request);
    if (agentId === undefined || this.#letIn.has(socket) || !this.#letInOf.take(agentId)) return;
    this.#letIn.add(socket);
    this.#options.onLetIn(socket);
  }

  #inForce(agentId: string | undefined): string | undefined {
    return agentId !== undefined && this.#options.isRevoked(agentId) ? undefined : agentId;
  }
}
