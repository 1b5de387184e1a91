/** An agent whose worker has no server behind it, or keeps from it what servers say, does not stay there: real agent, links and workers. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AgentSession } from '../../src/agent/session.ts';
import { systemClock } from '../../src/base/clock.ts';
import { newId, type WorkerId } from '../../src/base/ids.ts';
import { limits } from '../../src/base/limits.ts';
import { AGENT_FRAMES, WORKER_TO_AGENT_FRAMES } from '../../src/protocol/link/agent-frames.ts';
import type { AgentFrame, WorkerToAgentFrame } from '../../src/protocol/link/agent-v1.ts';
import type { OnLink } from '../../src/link/link.ts';
import { HandClock } from '../support/hand-clock.ts';
import { masterKey } from '../support/played-server.ts';
import { until } from '../support/until.ts';
import { WorkerRig } from '../support/worker-rig.ts';

/** Surely one of the agent's own looks, whatever chance makes of its pace. */
const LOOK_MS = limits.agentLoadEveryMs * 1.2;

let rig: WorkerRig;
beforeEach(async () => {
  rig = await WorkerRig.create();
});
afterEach(() => rig.end());

interface PlayedWorker {
  readonly url: string;
  readonly hellos: number;
  readonly asks: number;
  /** Why its links ended. */
  readonly ends: readonly string[];
}

/** A worker that a test plays: it welcomes agents, and passes on what the server says of the time, or keeps it. */
async function playWorker(passesTime: boolean): Promise<PlayedWorker> {
  const as = await rig.links.identity('worker');
  const played = { url: '', hellos: 0, asks: 0, ends: [] as string[] };
  const onLink: OnLink<AgentFrame, WorkerToAgentFrame> = (link) => ({
    onClose: (reason) => void played.ends.push(reason),
    onFrame: (frame) => {
      if (frame.t === 'hello') {
        played.hellos++;
        link.send({ t: 'welcome', protocol: 1, workerId: as.id, nowMs: systemClock.nowMs(), workers: [] });
        if (passesTime) void rig.server.sessions.show(as.id as WorkerId, frame);
      } else if (frame.t === 'ask-time') {
        played.asks++;
        if (!passesTime) return;
        const session = rig.server.sessions.of(link.peer.id)!;
        const { server, nonce, serverMs, mac } = rig.server.sessions.time(session, frame.nonce);
        link.send({ t: 'time', server, nonce, serverMs, mac });
      }
    },
  });
  played.url = (await rig.links.listen({ as, role: 'agent', shapes: AGENT_FRAMES, onLink })).url;
  return played;
}

/** Dials these in turn, the first one first. Its looks go by `clock`; how old an answer is, by the machine's. */
async function agentAt(...urls: string[]) {
  const identity = await rig.links.identity('agent');
  const hostId = newId();
  const clock = new HandClock();
  const session = new AgentSession({
    agentId: identity.id,
    hostId,
    dispatchKey: masterKey.dispatchKey(identity.id),
    start: { instance: newId(), start: 1 },
    clock: systemClock,
  });
  let heard = 0;
  session.hearTime = (frame) => {
    const isGood = AgentSession.prototype.hearTime.call(session, frame);
    if (isGood) heard++;
    return isGood;
  };
  const dialer = rig.links.dialer<WorkerToAgentFrame, AgentFrame>({
    urls,
    peerRole: 'worker',
    shapes: WORKER_TO_AGENT_FRAMES,
    identity,
  });
  const service = rig.agentService({ agentId: identity.id, hostId, session, dialer, clock });
  await rig.links.started(service);
  return { agentId: identity.id, clock, service, timesHeard: () => heard };
}

describe('an agent that hears no server through its worker', () => {
  it('leaves one that keeps from it what servers say, after its time and not before, and takes another', async () => {
    const mute = await playWorker(false);
    const agent = await agentAt(mute.url, rig.agentsListening.url);
    await until('it to be linked', () => mute.hellos === 1 && agent.service.isLinked);
    agent.clock.advance(limits.serverUnheardMsMax - LOOK_MS);
    const before = mute.asks;
    agent.clock.advance(LOOK_MS / 2);
    await until('it to ask once more, over the same link', () => mute.asks > before);
    expect(mute.ends).toEqual([]);
    agent.clock.advance(2 * LOOK_MS);
    await rig.server.frame('linked', (frame) => frame.agentId === agent.agentId);
    await until('it to hear a server', () => agent.timesHeard() > 0);
    expect([mute.ends, mute.hellos]).toEqual([['server-unreachable'], 1]);
  });

  it('leaves one that no server deals with any more', async () => {
    const passing = await playWorker(true);
    const agent = await agentAt(rig.agentsListening.url, passing.url);
    await rig.server.frame('linked', (frame) => frame.agentId === agent.agentId);
    await until('it to hear a server', () => agent.timesHeard() > 0);
    await rig.server.listening.links.stop();
    rig.server.listening.https.close();
    await until('the worker to be without one', () => !rig.worker.isLinkedToServer());
    agent.clock.advance(limits.serverUnheardMsMax + LOOK_MS);
    await until('it to come to the other', () => passing.hellos > 0);
    const before = agent.timesHeard();
    agent.clock.advance(LOOK_MS);
    await until('it to hear a server there', () => agent.timesHeard() > before);
  });

  it('stays where one is heard, however long', async () => {
    const elsewhere = await playWorker(true);
    const agent = await agentAt(rig.agentsListening.url, elsewhere.url);
    await until('it to hear a server', () => agent.timesHeard() > 0);
    for (let passedMs = 0; passedMs < 2 * limits.serverUnheardMsMax; passedMs += LOOK_MS) {
      const before = agent.timesHeard();
      agent.clock.advance(LOOK_MS);
      await until('an answer to its question', () => agent.timesHeard() > before);
    }
    expect(rig.server.frames.filter((frame) => frame.t === 'linked')).toHaveLength(1);
    expect(elsewhere.hellos).toBe(0);
  });
});
