/** An end of a link that we made ourselves, for what the peer said: its echo is no refusal; and when there is another link. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { encodeFrame } from '../../src/link/codec.ts';
import { NOBODY, type Link } from '../../src/link/link.ts';
import { AGENT_FRAMES, WORKER_TO_AGENT_FRAMES } from '../../src/protocol/link/agent-frames.ts';
import type { AgentFrame, WorkerToAgentFrame } from '../../src/protocol/link/agent-v1.ts';
import { LinkRig } from '../support/link-rig.ts';
import { until } from '../support/until.ts';

let rig: LinkRig;
beforeEach(async () => {
  rig = await LinkRig.create();
});
afterEach(() => rig.end());

async function linked(more: { readonly clock?: Clock } = {}) {
  const listening = await rig.listen<AgentFrame, WorkerToAgentFrame>({
    as: await rig.identity('worker'),
    role: 'agent',
    shapes: AGENT_FRAMES,
  });
  const downs: Link<WorkerToAgentFrame>[] = [];
  await listening.links.start((link) => {
    downs.push(link);
    return NOBODY;
  });
  const links: Link<AgentFrame>[] = [];
  const refusals: string[] = [];
  const dialer = rig.dialer<WorkerToAgentFrame, AgentFrame>({
    urls: [listening.url],
    peerRole: 'worker',
    shapes: WORKER_TO_AGENT_FRAMES,
    identity: await rig.identity('agent'),
    onRefused: (code) => refusals.push(code),
    ...more,
  });
  const ends: string[] = [];
  await dialer.start((link) => {
    const isFirst = links.push(link) === 1;
    return { onFrame: () => undefined, onClose: (reason) => void (isFirst && ends.push(reason)) };
  });
  await until('the link', () => links[0]);
  return { links, downs, refusals, ends };
}

it('is followed by another link at the usual pace, and told to nobody as a refusal', async () => {
  const { links, downs, refusals, ends } = await linked();
  (await until('its other end', () => downs[0])).sendEncoded(encodeFrame({ t: 'start', a: 1 }));
  // A refusal for good would have it wait for half a minute at least.
  await until('another link', () => links[1]);
  expect(ends).toEqual(['frame-invalid']);
  expect(refusals).toEqual([]);
  expect(links[1]!.send({ t: 'accepted', a: 'a' })).toBe(true);
});

it('for a protocol that nobody here speaks is told, and followed by another link after a long pause', async () => {
  const pauses: number[] = [];
  const { links, refusals } = await linked({
    clock: {
      ...systemClock,
      after: (delayMs, callback, options) => (
        options?.unref || pauses.push(delayMs), systemClock.after(options?.unref ? delayMs : 1, callback, options)
      ),
    },
  });
  const before = pauses.length;
  links[0]!.close('protocol-unsupported', 'Too old.');
  expect(refusals).toEqual(['protocol-unsupported']);
  expect(Math.max(...pauses.slice(before))).toBeGreaterThanOrEqual(30_000);
  await until('another link', () => links[1]);
});
