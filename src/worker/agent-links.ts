/** The agents that are linked here: what each must show to be taken in, and what it is told of the workers of the zone. */
import type { Clock } from '../base/clock.ts';
import { encodeFrame } from '../link/codec.ts';
import type { LinkHandlers } from '../link/link.ts';
import {
  AGENT_PROTOCOL,
  type AgentFrame,
  type AgentHello,
  type WorkerToAgentFrame,
} from '../protocol/link/agent-v1.ts';
import { commonProtocol } from '../protocol/link/protocol-range.ts';
import { decodeLinkProof } from '../protocol/link/link-proof.ts';
import { type Sealed } from '../protocol/link/session.ts';
import { KeptProof } from './kept-proof.ts';
import type { AgentLink } from './output-relay.ts';
import type { LinkedAgent } from './start-dispatch.ts';

export interface HeldAgent extends LinkedAgent {
  readonly agentId: string;
  readonly hostId: string;
  readonly linkedAtMs: number;
  readonly protocol: number;
  readonly proof: KeptProof;
}

export interface AgentLinksOptions {
  readonly workerId: string;
  readonly clock: Clock;
  /** Of this worker itself, for agents. */
  readonly agentAddress: string;
  /** What an agent that links says it has under way; it has not been welcomed yet. */
  readonly underWay: (agent: HeldAgent, attempts: readonly string[]) => void;
  /** `proof`: as it came, for the servers that are linked now. */
  readonly onLinked: (agent: HeldAgent, proof: Sealed) => void;
  readonly onFrame: (agent: HeldAgent, frame: AgentFrame) => void;
  /** A link is over, whether an agent has shown itself by it or not. */
  readonly onClosed: (link: AgentLink, agent: HeldAgent | undefined) => void;
  /** The host is not linked any more: not by another link either. */
  readonly onUnlinked: (agent: HeldAgent) => void;
}

export class AgentLinks {
  readonly #options: AgentLinksOptions;
  readonly #byHost = new Map<string, HeldAgent>();
  readonly #byAgent = new Map<string, HeldAgent>();
  readonly #revoked = new Set<string>();
  #zoneWorkers: readonly string[] = [];

  constructor(options: AgentLinksOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#byHost.size;
  }

  all(): Iterable<HeldAgent> {
    return this.#byHost.values();
  }

  of(agentId: string): HeldAgent | undefined {
    return this.#byAgent.get(agentId);
  }

  /** Only as the agent of that host. */
  at(hostId: string, agentId: string): HeldAgent | undefined {
    const agent = this.#byHost.get(hostId);
    return agent?.agentId === agentId ? agent : undefined;
  }

  isRevoked(agentId: string): boolean {
    return this.#revoked.has(agentId);
  }

  revoke(agentIds: readonly string[]): void {
    for (const agentId of agentIds) {
      this.#revoked.add(agentId);
      this.#byAgent.get(agentId)?.link.close('agent-revoked', 'The agent has been revoked.');
    }
  }

  /** Other workers of the zone are there. */
  get hasOtherWorkers(): boolean {
    return this.#zoneWorkers.some((address) => address !== this.#options.agentAddress);
  }

  /** Agents keep the list for the day that this worker is gone. `addresses` are sorted. */
  setZoneWorkers(addresses: readonly string[]): void {
    if (addresses.join() === this.#zoneWorkers.join()) return;
    this.#zoneWorkers = addresses;
    for (const [protocol, agents] of Map.groupBy(this.#byHost.values(), (agent) => agent.protocol)) {
      const welcome = encodeFrame(this.#welcome(protocol));
      for (const agent of agents) agent.link.sendEncoded(welcome);
    }
  }

  accept(link: AgentLink): LinkHandlers<AgentFrame> {
    return new HeldLink(this, link);
  }

  /** For held links only; so are the next two. */
  heard(agent: HeldAgent, frame: AgentFrame): void {
    this.#options.onFrame(agent, frame);
  }

  closed(link: AgentLink, agent: HeldAgent | undefined): void {
    const { onClosed, onUnlinked } = this.#options;
    onClosed(link, agent);
    if (!agent) return;
    if (this.#byAgent.get(agent.agentId) === agent) this.#byAgent.delete(agent.agentId);
    if (this.#byHost.get(agent.hostId) !== agent) return;
    this.#byHost.delete(agent.hostId);
    onUnlinked(agent);
  }

  greeted(link: AgentLink, hello: AgentHello): HeldAgent | undefined {
    const { clock, underWay, onLinked } = this.#options;
    if (this.#revoked.has(link.peer.id)) return void link.close('agent-revoked', 'The agent has been revoked.');
    if (hello.agentId !== link.peer.id)
      return void link.close('certificate-invalid', 'The certificate belongs to another agent.');
    // Else an agent could take the place of any other host, and be sent that host's scripts and secrets.
    if (link.peer.hostId !== undefined && hello.hostId !== link.peer.hostId)
      return void link.close('certificate-invalid', 'The certificate belongs to another host.');
    const protocol = commonProtocol(AGENT_PROTOCOL, hello.protocol);
    if (protocol === undefined)
      return void link.close(
        'protocol-unsupported',
        `This worker speaks agent protocol ${AGENT_PROTOCOL.min} to ${AGENT_PROTOCOL.max}.`,
      );
    if (!decodeLinkProof(hello.proof.body))
      return void link.close('frame-invalid', 'The proof of the link cannot be read.');
    const agent: HeldAgent = {
      proof: new KeptProof(hello.proof),
      // Those of the link where it has them: what comes with a frame may keep all the text of the frame in memory.
      hostId: link.peer.hostId ?? hello.hostId,
      executor: { kind: 'agent', id: link.peer.id },
      agentId: link.peer.id,
      link,
      linkedAtMs: clock.nowMs(),
      protocol,
      lane: 'agent',
      out: undefined,
    };
    const former = this.#byHost.get(hello.hostId);
    this.#byHost.set(hello.hostId, agent);
    this.#byAgent.set(hello.agentId, agent);
    former?.link.close('shutting-down', 'The agent linked again.');
    underWay(
      agent,
      hello.attempts.filter(({ state }) => state !== 'finished').map(({ a }) => a),
    );
    link.send(this.#welcome(protocol));
    onLinked(agent, hello.proof);
    return agent;
  }

  #welcome(protocol: number): WorkerToAgentFrame {
    const { workerId, clock } = this.#options;
    return { t: 'welcome', protocol, workerId, nowMs: clock.nowMs(), workers: [...this.#zoneWorkers] };
  }
}

/** What a link has besides itself: no closures, of which two for each link are two megabytes for ten thousand agents. */
class HeldLink implements LinkHandlers<AgentFrame> {
  readonly #links: AgentLinks;
  readonly #link: AgentLink;
  #agent: HeldAgent | undefined;

  constructor(links: AgentLinks, link: AgentLink) {
    this.#links = links;
    this.#link = link;
  }

  onFrame(frame: AgentFrame): void {
    if (frame.t === 'hello' && !this.#agent) this.#agent = this.#links.greeted(this.#link, frame);
    else if (frame.t === 'hello') this.#link.close('frame-invalid', 'A link has one hello.');
    else if (this.#agent) this.#links.heard(this.#agent, frame);
  }

  onClose(): void {
    this.#links.closed(this.#link, this.#agent);
  }
}
