/**
 * Child program: many agents in one process, each with its own id, certificate and link, speaking agent-v1 to real
 * workers. They verify every order as an agent does and "execute" it by doing nothing: reported with exit code 0 at
 * once (as the agent does when a script is over within 20 ms). A report is kept and sent again on a new link until it
 * is acknowledged, as the protocol wants; journal and spool are what is left out.
 */
import type { TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import { fullJitterMs } from '../../src/base/backoff.ts';
import { systemClock } from '../../src/base/clock.ts';
import { given } from '../../src/base/given.ts';
import { limits } from '../../src/base/limits.ts';
import { systemRandom } from '../../src/base/random.ts';
import { decodeFrame, encodeFrame } from '../../src/link/codec.ts';
import { WORKER_TO_AGENT_FRAMES } from '../../src/protocol/link/agent-frames.ts';
import { AgentSession } from '../../src/agent/session.ts';
import { newId } from '../../src/base/ids.ts';
import { endProved } from '../../src/pki/peer-proof.ts';
import {
  AGENT_PROTOCOL,
  type AgentFrame,
  type AgentReport,
  type WorkerStart,
  type WorkerToAgentFrame,
} from '../../src/protocol/link/agent-v1.ts';

export interface SimulatedAgent {
  readonly agentId: string;
  readonly hostId: string;
  readonly name: string;
  readonly certificate: string;
  readonly dispatchKey: Uint8Array;
}

export interface SimulatedSetup {
  readonly url: string;
  readonly agents: readonly SimulatedAgent[];
  readonly privateKey: string;
  readonly ca: string;
  /** Source addresses to spread over, when one would run out of ports. */
  readonly localAddresses: readonly string[];
}

export type SimulatedMessage =
  | { kind: 'progress'; linked: number; dialed: number; refusedMac: number; executed: number; unacknowledged: number }
  /** When each report was acknowledged, i.e. known to be committed: wall clock, milliseconds. Cleared by the asking. */
  | { kind: 'executed'; atMs: Float64Array };

const EMPTY_STREAM = { size: 0, head: 0, tail: 0 } as const;
/** Dials that may be under way at once: each is a TLS handshake on our own core. */
const DIALS_MAX = 256;

const totals = { linked: 0, dialed: 0, refusedMac: 0, executed: 0 };
const unacknowledged = new Map<string, AgentReport>();
let executedAtMs: number[] = [];
let dialing = 0;
const queue: (() => void)[] = [];

function workerOf(socket: WebSocket): string {
  return String((socket as unknown as { _socket: TLSSocket })._socket.getPeerCertificate().subject.CN);
}

/** Runs `dial` when fewer than `DIALS_MAX` are under way. */
function enqueue(dial: () => void): void {
  queue.push(dial);
  pump();
}

function pump(): void {
  while (dialing < DIALS_MAX && queue.length > 0) {
    dialing++;
    queue.shift()!();
  }
}

function simulate(agent: SimulatedAgent, setup: SimulatedSetup, localAddress: string | undefined): void {
  const session = new AgentSession({
    agentId: agent.agentId,
    hostId: agent.hostId,
    dispatchKey: agent.dispatchKey,
    start: { instance: newId(), start: 1 },
    clock: systemClock,
  });
  let attempt = 0;
  let socket: WebSocket | undefined;

  function dial(): void {
    totals.dialed++;
    const dialed = new WebSocket(setup.url, {
      ca: setup.ca,
      minVersion: 'TLSv1.3',
      perMessageDeflate: false,
      skipUTF8Validation: true,
      handshakeTimeout: 60_000,
      checkServerIdentity: (() => undefined) as never,
      finishRequest: (request) => endProved(request, { privateKey: setup.privateKey, certificate: agent.certificate }),
      ...given({ localAddress }),
    });
    let settled = false;
    let pauseMs: number | undefined;
    const settle = (): void => {
      if (settled) return;
      settled = true;
      dialing--;
      pump();
    };
    dialed.on('unexpected-response', (_request, response) => {
      pauseMs = 1_000 + systemRandom.next() * 4_000;
      response.resume();
      dialed.terminate();
    });
    dialed.on('open', () => {
      settle();
      socket = dialed;
      attempt = 0;
      totals.linked++;
      send({
        t: 'hello',
        protocol: AGENT_PROTOCOL,
        agentId: agent.agentId,
        hostId: agent.hostId,
        version: '0.1.0',
        bootId: 'simulated',
        proof: session.proof(workerOf(dialed)),
        attempts: held().map((a) => ({ a, state: 'finished' as const })),
      });
    });
    dialed.on('message', (bytes) =>
      onFrame(decodeFrame(bytes as Buffer, WORKER_TO_AGENT_FRAMES) as WorkerToAgentFrame | undefined),
    );
    dialed.on('error', () => undefined);
    dialed.on('close', () => {
      settle();
      if (socket === dialed) totals.linked--;
      socket = undefined;
      systemClock.after(
        pauseMs ?? fullJitterMs(attempt++, limits.reconnectBaseMs, limits.reconnectCapMs, systemRandom),
        () => enqueue(dial),
      );
    });
  }

  const mine = new Set<string>();
  const held = (): string[] => [...mine].filter((a) => unacknowledged.has(a));

  function send(frame: AgentFrame): void {
    if (socket?.readyState === WebSocket.OPEN) socket.send(encodeFrame(frame));
  }
  const say = (frame: AgentFrame): void => send({ t: 'said', ...session.seal(frame) });

  function onFrame(frame: WorkerToAgentFrame | undefined): void {
    if (frame?.t === 'start') start(frame);
    else if (frame?.t === 'query' || frame?.t === 'cancel')
      say(unacknowledged.get(frame.a) ?? { t: 'unknown', a: frame.a, order: frame.order });
    else if (frame?.t === 'time' && session.hearTime(frame)) {
      const facts = { name: agent.name, os: 'linux', agentVersion: '0.1.0' };
      say({ t: 'facts', version: '0.1.0', bootId: 'simulated', nowMs: systemClock.nowMs(), facts });
      for (const a of held()) say(unacknowledged.get(a)!);
    } else if (frame?.t === 'ack') for (const { a } of frame.acks) if (unacknowledged.delete(a)) mine.delete(a);
  }

  function start(frame: WorkerStart): void {
    if (session.judgeStart(frame) !== 'good') {
      totals.refusedMac++;
      return;
    }
    if (mine.has(frame.a)) return;
    const nowMs = systemClock.nowMs();
    const report: AgentReport = {
      t: 'report',
      a: frame.a,
      outcome: { kind: 'exited', code: 0 },
      startedAtMs: nowMs,
      finishedAtMs: nowMs,
      stdout: EMPTY_STREAM,
      stderr: EMPTY_STREAM,
    };
    mine.add(frame.a);
    unacknowledged.set(frame.a, report);
    totals.executed++;
    executedAtMs.push(nowMs);
    // Three frames, one packet: what is said in one turn of the event loop leaves together.
    const tls = (socket as unknown as { _socket: TLSSocket })._socket;
    tls.cork();
    say(report);
    tls.uncork();
  }

  enqueue(dial);
}

process.once('message', (setup: SimulatedSetup) => {
  setup.agents.forEach((agent, i) => simulate(agent, setup, setup.localAddresses[i % setup.localAddresses.length]));
  process.on('message', (order: 'progress' | 'executed') => {
    const answer: SimulatedMessage =
      order === 'progress'
        ? { kind: 'progress', ...totals, unacknowledged: unacknowledged.size }
        : { kind: 'executed', atMs: Float64Array.from(executedAtMs) };
    if (order === 'executed') executedAtMs = [];
    process.send!(answer);
  });
});
process.on('disconnect', () => process.exit());
