/**
 * Peers that were taken over: with good certificates of the fleet, got by joining as everybody does, over real links, saying whatever a
 * test has them say.
 */
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { AgentJoinResult, WorkerJoinResult } from '../../src/app/enrolment.ts';
import { postJoin } from '../../src/enrol/join-client.ts';
import { SERVER_FRAMES } from '../../src/protocol/link/worker-frames.ts';
import { AgentSession } from '../../src/agent/session.ts';
import { newId } from '../../src/base/ids.ts';
import type { Link, LinkDialer } from '../../src/link/link.ts';
import { createLinkClient } from '../../src/link/ws-client.ts';
import { certificateRequest, newAgentKey, newKey, signWith } from '../../src/pki/identity.ts';
import { signUnderKey } from '../../src/pki/dispatch.ts';
import { parseJoinToken } from '../../src/pki/join-token.ts';
import { AGENT_PROTOCOL, type AgentFrame } from '../../src/protocol/link/agent-v1.ts';
import { saidMessage } from '../../src/protocol/link/session.ts';
import type { ServerToWorkerFrame, WorkerToServerFrame } from '../../src/protocol/link/worker-v1.ts';
import { until } from './until.ts';

type Question = Extract<WorkerToServerFrame, { t: 'access' | 'secrets' | 'host-key' | 'renew' }>;

export class HostileWorker {
  readonly id: string;
  readonly frames: ServerToWorkerFrame[] = [];
  /** Codes with which it was sent away or not let in. */
  readonly refusals: string[] = [];
  readonly identity: { privateKey: string; certificate: string; ca: string };
  readonly #dialers: LinkDialer<ServerToWorkerFrame, WorkerToServerFrame>[] = [];
  /** To the server that it dialed last, and to all. */
  link: Link<WorkerToServerFrame> | undefined;
  readonly links: Link<WorkerToServerFrame>[] = [];
  #questions = 0;

  private constructor(id: string, identity: { privateKey: string; certificate: string; ca: string }) {
    this.id = id;
    this.identity = identity;
  }

  static async join(joinToken: string, name = 'hostile'): Promise<HostileWorker> {
    const token = parseJoinToken(joinToken);
    const privateKey = newKey();
    const answer = await postJoin<WorkerJoinResult>(token, '/api/v1/workers/join', () => ({
      secret: token.secret,
      csr: certificateRequest(privateKey),
      name,
      version: '0.1.0',
    }));
    return new HostileWorker(answer.workerId, { privateKey, certificate: answer.certificate, ca: answer.ca });
  }

  /** Links to a server and says hello, with whatever else it wants to have believed. Resolves when it was welcomed or refused. */
  async dial(serverUrl: string, claims: Record<string, unknown> = {}): Promise<void> {
    const [welcomes, refusals] = [this.#count('welcome'), this.refusals.length];
    const dialer = createLinkClient<ServerToWorkerFrame, WorkerToServerFrame>({
      urls: () => [`wss://${new URL(serverUrl).host}/link/v1/worker`],
      peerRole: 'server',
      shapes: SERVER_FRAMES,
      identity: () => this.identity,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      onRefused: (code) => this.refusals.push(code),
    });
    this.#dialers.push(dialer);
    await dialer.start((link) => {
      this.link = link;
      this.links.push(link);
      link.send({
        t: 'hello',
        protocol: { min: 1, max: 1 },
        workerId: this.id,
        version: '0.1.0',
        agentAddress: '127.0.0.1:1',
        nowMs: systemClock.nowMs(),
        features: ['ssh'],
        ...claims,
      } as WorkerToServerFrame);
      return { onFrame: (frame) => void this.frames.push(frame), onClose: () => undefined };
    });
    await until('a welcome or a refusal', () => this.#count('welcome') > welcomes || this.refusals.length > refusals);
  }

  say(frame: WorkerToServerFrame): void {
    if (!this.link?.send(frame)) throw new Error('the hostile worker has no link');
  }

  /** Asks and waits for the answer. */
  async ask<T extends Question['t']>(
    question: Omit<Extract<Question, { t: T }>, 'id'>,
  ): Promise<Extract<ServerToWorkerFrame, { t: T extends 'renew' ? 'certificate' : T }>> {
    const id = ++this.#questions;
    this.say({ ...question, id } as unknown as WorkerToServerFrame);
    return until(`an answer to ${question.t}`, () =>
      this.frames.find((frame) => 'id' in frame && frame.id === id && frame.t !== 'fetch'),
    ) as never;
  }

  /** A renewal as a good worker would ask for it. */
  async renew(): Promise<Extract<ServerToWorkerFrame, { t: 'certificate' }>> {
    const csr = certificateRequest(newKey());
    return this.ask<'renew'>({ t: 'renew', csr, signature: signWith(this.identity.privateKey, csr) });
  }

  async end(): Promise<void> {
    for (const dialer of this.#dialers) await dialer.stop();
  }

  #count(t: ServerToWorkerFrame['t']): number {
    return this.frames.filter((frame) => frame.t === t).length;
  }
}

/** An agent that joined, without a worker: a test hands what it says to whatever worker it likes. */
export class WanderingAgent {
  readonly agentId: string;
  readonly hostId: string;
  readonly identity: { privateKey: string; certificate: string; ca: string };
  readonly session: AgentSession;
  readonly #dispatchKey: Buffer;

  private constructor({ agentId, hostId, dispatchKey, certificate, ca }: AgentJoinResult, privateKey: string) {
    [this.agentId, this.hostId] = [agentId, hostId];
    this.#dispatchKey = Buffer.from(dispatchKey, 'base64');
    this.identity = { privateKey, certificate, ca };
    this.session = new AgentSession({
      agentId,
      hostId,
      dispatchKey: this.#dispatchKey,
      start: { instance: newId(), start: 1 },
      clock: systemClock,
    });
  }

  static async join(joinToken: string, name: string): Promise<WanderingAgent> {
    const token = parseJoinToken(joinToken);
    const privateKey = newAgentKey();
    const joined = await postJoin<AgentJoinResult>(token, '/api/v1/agents/join', () => ({
      secret: token.secret,
      csr: certificateRequest(privateKey),
      name,
      machineId: newId(),
      labels: {},
      facts: { name, os: 'linux' },
    }));
    return new WanderingAgent(joined, privateKey);
  }

  /** What it says when it links to that worker. */
  hello(workerId: string): Extract<AgentFrame, { t: 'hello' }> {
    const { agentId, hostId } = this;
    return {
      t: 'hello',
      protocol: AGENT_PROTOCOL,
      agentId,
      hostId,
      version: '0.1.0',
      bootId: 'boot',
      proof: this.session.proof(workerId),
      attempts: [],
    };
  }

  /** Any bytes as this agent's own. */
  sealed(body: Uint8Array): AgentFrame {
    const mac = signUnderKey(this.#dispatchKey, saidMessage(this.agentId, this.session.instance, body));
    return { t: 'said', body, mac };
  }

  /** Its link, as the worker tells of it. */
  linked(workerId: string): Extract<WorkerToServerFrame, { t: 'linked' }> {
    const { agentId, hostId } = this;
    return { t: 'linked', agentId, hostId, atMs: systemClock.nowMs(), proof: this.session.proof(workerId) };
  }
}
