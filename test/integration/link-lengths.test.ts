/** Frames of every length over a real link, whichever way they are written to the network. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AGENT_FRAMES, WORKER_TO_AGENT_FRAMES } from '../../src/protocol/link/agent-frames.ts';
import type { Link } from '../../src/link/link.ts';
import type { AgentFrame, WorkerToAgentFrame } from '../../src/protocol/link/agent-v1.ts';
import { LinkRig } from '../support/link-rig.ts';
import { until } from '../support/until.ts';

const ATTEMPT = '01936f2e-0000-7000-8000-000000000000.0.7.1';
/** Around where the head of a WebSocket message grows, and where a message is not copied any more. */
const LENGTHS = [0, 1, 40, 90, 124, 125, 126, 300, 16_200, 16_384, 16_500, 65_400, 65_535, 65_536, 70_000, 3];

let rig: LinkRig;
beforeEach(async () => {
  rig = await LinkRig.create();
});
afterEach(() => rig.end());

it('come whole, both ways and in order', async () => {
  const listening = await rig.listen<AgentFrame, WorkerToAgentFrame>({
    as: await rig.identity('worker'),
    role: 'agent',
    shapes: AGENT_FRAMES,
  });
  let down: Link<WorkerToAgentFrame> | undefined;
  let up: Link<AgentFrame> | undefined;
  const [heard, back]: [AgentFrame[], WorkerToAgentFrame[]] = [[], []];
  await listening.links.start((link) => {
    down = link;
    return { onFrame: (frame) => void heard.push(frame), onClose: () => undefined };
  });
  const dialer = rig.dialer<WorkerToAgentFrame, AgentFrame>({
    urls: [listening.url],
    peerRole: 'worker',
    shapes: WORKER_TO_AGENT_FRAMES,
    identity: await rig.identity('agent'),
  });
  await dialer.start((link) => {
    up = link;
    return { onFrame: (frame) => void back.push(frame), onClose: () => undefined };
  });
  await until('both ends to be linked', () => up && down);
  const bytes = Buffer.alloc(70_000, 'bytes');
  const mac = bytes.subarray(0, 32);
  for (const length of LENGTHS) {
    const spec = bytes.subarray(0, length);
    down!.send({ t: 'start', a: ATTEMPT, server: 's', order: 1, validUntilMs: 1, mac, spec, hostName: 'h' });
    down!.send({ t: 'watch', a: ATTEMPT, on: true });
    up!.send({ t: 'data', id: 1, a: ATTEMPT, stream: 1, offset: 0, bytes: spec, size: length, eof: true });
  }
  await until('all frames', () => heard.length === LENGTHS.length && back.length === 2 * LENGTHS.length);
  const sent = LENGTHS.map((length) => bytes.toString('latin1', 0, length));
  const specs = back.filter((frame) => frame.t === 'start').map((frame) => Buffer.from(frame.spec).toString('latin1'));
  expect(back.map((frame) => frame.t)).toEqual(LENGTHS.flatMap(() => ['start', 'watch']));
  expect(specs.map((text, i) => text === sent[i])).toEqual(LENGTHS.map(() => true));
  expect(
    heard.map((frame, i) => frame.t === 'data' && Buffer.from(frame.bytes).toString('latin1') === sent[i]),
  ).toEqual(LENGTHS.map(() => true));
});
