/** Old and new together: frames as they were recorded from version 1, against a worker of today; and ends that have no version in common. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { newId } from '../../src/base/ids.ts';
import { decodeFrame, encodeFrame } from '../../src/link/codec.ts';
import { AGENT_FRAMES, WORKER_TO_AGENT_FRAMES } from '../../src/protocol/link/agent-frames.ts';
import type { AgentFrame, WorkerToAgentFrame } from '../../src/protocol/link/agent-v1.ts';
import { root } from '../support/source-tree.ts';
import { until } from '../support/until.ts';
import { executorOf, runIn, WorkerRig } from '../support/worker-rig.ts';

const RECORDED_ATTEMPT = '01936f2e-0000-7000-8000-000000000000.0.7.1';
const recorded = JSON.parse(readFileSync(join(root, 'test/fixtures/links/v1/agent-to-worker.json'), 'utf8')) as Record<
  string,
  string
>;
const frame = (type: string): Buffer => Buffer.from(recorded[type]!, 'hex');

describe('versions that differ', () => {
  let rig: WorkerRig;
  beforeEach(async () => {
    rig = await WorkerRig.create();
  });
  afterEach(() => rig.end());

  it('an agent of version 1 is heard as ever, and is given what it knows', async () => {
    const old = await rig.bareAgent();
    expect(old.frames[0]).toMatchObject({ t: 'welcome', protocol: 1 });
    for (const type of ['accepted', 'started', 'report', 'facts'])
      old.say(decodeFrame(frame(type), AGENT_FRAMES) as AgentFrame);
    old.link.sendEncoded(frame('load'));
    expect(await rig.server.told(RECORDED_ATTEMPT, 'accepted')).toEqual({
      k: 'accepted',
      a: RECORDED_ATTEMPT,
      executor: executorOf(old),
    });
    expect(await rig.server.told(RECORDED_ATTEMPT, 'started')).toMatchObject({ pid: 42, atMs: 1_700_000_000_000 });
    expect((await rig.server.told(RECORDED_ATTEMPT, 'report')).report).toMatchObject({
      outcome: { kind: 'timed_out', end: { kind: 'signalled', signal: 'SIGTERM' } },
      stdout: { size: 10, head: 2, tail: 3 },
      survivors: [77],
    });
    expect(await rig.server.frame('facts' as never)).toMatchObject({ facts: { name: 'web-1', cpus: 2 } });
    // Of a load only what every version has is asked for.
    old.link.sendEncoded(
      encodeFrame({ t: 'load', running: 9, unreported: 0, rssBytes: 1, loadAverage: 0, lagMs: 0, freeSpoolBytes: 1 }),
    );
    const [attempt] = rig.server.assign(runIn(3), [old]);
    const start = await until('the old agent to be given a start', () =>
      old.frames.find((known): known is Extract<WorkerToAgentFrame, { t: 'start' }> => known.t === 'start'),
    );
    expect(start).toMatchObject({
      a: attempt,
      mac: expect.any(Uint8Array),
      spec: expect.any(Uint8Array),
      validUntilMs: expect.any(Number),
    });
  });

  it('a newer agent is spoken with in the version that both know, and may say what nobody here knows', async () => {
    const newer = await rig.knock(newId(), undefined, { min: 1, max: 9 });
    expect(await until('the welcome', () => newer.frames.find((known) => known.t === 'welcome'))).toMatchObject({
      protocol: 1,
    });
    newer.link.sendEncoded(encodeFrame({ t: 'frame-of-tomorrow', x: 1 }));
    await until('the server to know it', () => rig.server.sessions.of(newer.agentId));
    newer.say({ t: 'accepted', a: RECORDED_ATTEMPT, colour: 'blue' } as AgentFrame);
    await rig.server.told(RECORDED_ATTEMPT, 'accepted');
  });

  it('an agent with no version in common is refused with a reason', async () => {
    const stranger = await rig.knock(newId(), undefined, { min: 2, max: 9 });
    expect(
      await until(
        'the refusal',
        () => stranger.frames.find((known) => known.t === 'bye') ?? stranger.refusals.map((code) => ({ code }))[0],
      ),
    ).toMatchObject({ code: 'protocol-unsupported' });
    expect(rig.worker.agentCount).toBe(0);
  });

  it('an agent leaves a worker that speaks what it does not know, and says why', async () => {
    const heard: AgentFrame[] = [];
    const closed: string[] = [];
    const listening = await rig.links.listen<AgentFrame, WorkerToAgentFrame>({
      as: await rig.links.identity('worker'),
      role: 'agent',
      shapes: AGENT_FRAMES,
    });
    await listening.links.start((link) => ({
      onFrame: (known) => {
        heard.push(known);
        if (known.t === 'hello')
          link.send({ t: 'welcome', protocol: 2, workerId: newId(), nowMs: systemClock.nowMs(), workers: [] });
      },
      onClose: (reason) => void closed.push(reason),
    }));
    const agent = await rig.agent();
    const dialer = rig.links.dialer<WorkerToAgentFrame, AgentFrame>({
      urls: [listening.url],
      peerRole: 'worker',
      shapes: WORKER_TO_AGENT_FRAMES,
      identity: await rig.links.identity('agent'),
    });
    const elsewhere = rig.agentService({ dialer, hostId: newId() });
    await rig.links.started(elsewhere);
    await until('it to have left', () => closed.length > 0);
    expect(heard[0]).toMatchObject({ t: 'hello', protocol: { min: 1, max: 1 } });
    expect(agent.isLinked()).toBe(true);
  });
});
