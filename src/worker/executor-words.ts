/**
 * What executors say: agents over their links, under their seal, and this worker's own engines. It goes on to the servers that it concerns,
 * and is read here for the room that an attempt takes and for where it belongs.
 */
import type { Clock } from '../base/clock.ts';
import { given } from '../base/given.ts';
import type { AttemptWord } from '../conversation/words.ts';
import { decodeFrame } from '../link/codec.ts';
import { AGENT_FRAMES } from '../protocol/link/agent-frames.ts';
import type { AgentFrame } from '../protocol/link/agent-v1.ts';
import { saidHead } from '../protocol/link/said-head.ts';
import type { OrderMark, Sealed } from '../protocol/link/session.ts';
import type { AttemptEvent } from '../protocol/link/worker-v1.ts';
import type { HeldAgent } from './agent-links.ts';
import type { AgentLoads } from './agent-loads.ts';
import type { AttemptEvents } from './attempt-events.ts';
import { fittingEvent, isFittingFrame } from './fitting-frames.ts';
import type { OwnEngine } from './own-engine.ts';
import type { OutputRelay } from './output-relay.ts';
import type { Renewals } from './renewals.ts';
import type { ServerLinks } from './server-links.ts';
import type { StartDispatch } from './start-dispatch.ts';

/** In answer to a question whose answer fits no frame. */
const NO_OUTPUT = { bytes: new Uint8Array(0), size: 0, eof: true, error: 'output-not-available' } as const;

export interface ExecutorWordsOptions {
  readonly clock: Clock;
  readonly servers: ServerLinks;
  readonly events: AttemptEvents;
  readonly dispatch: StartDispatch;
  readonly relay: OutputRelay;
  readonly renewals: Renewals;
  readonly loads: AgentLoads;
}

export class ExecutorWords {
  readonly #options: ExecutorWordsOptions;

  constructor(options: ExecutorWordsOptions) {
    this.#options = options;
  }

  heardAgent(agent: HeldAgent, frame: AgentFrame): void {
    const { agentId, hostId } = agent;
    const { clock, servers, renewals, loads } = this.#options;
    switch (frame.t) {
      case 'renew':
        return renewals.ask(frame, agent);
      case 'load':
        return loads.heard(hostId, frame, clock.nowMs());
      case 'said':
        return this.#said(agent, frame);
      case 'ask-time':
        return servers.sendAll({ t: 'ask-time', hostId, agentId, nonce: frame.nonce });
      default:
        agent.link.close('frame-invalid', 'What is meant for the servers has to be sealed.');
    }
  }

  /**
   * What an agent tells the servers is passed on as it is. Of what is an event of an attempt that is in the beginning, and the server that
   * opens the seal reads the whole.
   */
  #said(agent: HeldAgent, { body, mac }: Sealed): void {
    const { agentId } = agent;
    const { servers, events, dispatch, relay } = this.#options;
    const frame = saidHead(body) ?? (decodeFrame(body, AGENT_FRAMES) as AgentFrame | undefined);
    const said = { agentId, body, mac };
    switch (frame?.t) {
      case 'report':
      case 'unknown':
      case 'busy':
        dispatch.ended(agent, frame.a);
        return events.tell(frame.a, { k: 'said', a: frame.a, ...said });
      case 'accepted':
      case 'started':
        return events.tell(frame.a, { k: 'said', a: frame.a, ...said });
      case 'output':
        return relay.output(agent.link, frame.a, { t: 'said', ...said });
      case 'chunk': {
        const owner = events.ownerOf(frame.a)?.link;
        return owner && relay.chunk(agent, { t: 'said', ...said }, owner);
      }
      case 'data':
        return relay.data(agent.link, frame.id, (id) => ({ t: 'data-said', id, ...said }));
      case 'facts':
      case 'upgrade-state':
        servers.sendAll({ t: 'said', ...said });
    }
  }

  /** What this worker's own engine says of the attempts that it carries out. */
  heardEngine(self: OwnEngine, frame: AttemptWord): void {
    const { executor } = self;
    const { events, dispatch, relay } = this.#options;
    switch (frame.t) {
      case 'accepted':
        return this.#tell(frame.a, { k: 'accepted', a: frame.a, executor });
      case 'started':
        return this.#tell(frame.a, { k: 'started', a: frame.a, executor, atMs: frame.atMs, pid: frame.pid });
      case 'report':
        dispatch.ended(self, frame.a);
        return this.#tell(frame.a, { k: 'report', executor, report: frame });
      case 'unknown':
        dispatch.ended(self, frame.a);
        return this.#tell(frame.a, { k: 'unknown', a: frame.a, executor, ...order(frame) });
      case 'busy':
        dispatch.ended(self, frame.a);
        return this.#tell(frame.a, { k: 'undelivered', a: frame.a, code: 'agent-busy', executor, ...order(frame) });
      case 'output':
        return isFittingFrame(frame) ? relay.output(self.link, frame.a, frame) : undefined;
      case 'chunk': {
        const owner = events.ownerOf(frame.a)?.link;
        return owner && relay.chunk(self, { ...frame, executor }, owner);
      }
      case 'data': {
        const { bytes, size, eof, error } = frame;
        return relay.data(self.link, frame.id, (id) => {
          const answer = { t: 'data', id, bytes, size, eof, ...given({ error }) } as const;
          return isFittingFrame(answer) ? answer : { t: 'data', id, ...NO_OUTPUT };
        });
      }
    }
  }

  /** What fits no frame is told as an end that nobody knows, or not at all. */
  #tell(a: string, event: AttemptEvent): void {
    const { clock, events } = this.#options;
    const fitting = fittingEvent(event, clock.nowMs());
    if (fitting) events.tell(a, fitting);
  }
}

function order({ order: of, server }: Partial<OrderMark>): Partial<OrderMark> {
  return of === undefined || server === undefined ? {} : { order: of, server };
}
