/** What one peer may have of a port for links, so that there is room for the others whatever it does. */
import { connect } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NOBODY } from '../../src/link/link.ts';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { limits } from '../../src/base/limits.ts';
import { AGENT_FRAMES } from '../../src/protocol/link/agent-frames.ts';
import type { AgentFrame, WorkerToAgentFrame } from '../../src/protocol/link/agent-v1.ts';
import { PEER_HEADER, provePeer } from '../../src/pki/peer-proof.ts';
import { LinkRig, type Listening, type RigIdentity } from '../support/link-rig.ts';
import { upgradeWith } from '../support/raw-link.ts';
import { until } from '../support/until.ts';

let rig: LinkRig;

beforeEach(async () => {
  rig = await LinkRig.create();
});
afterEach(() => rig.end());

async function listen(clock: Clock = systemClock): Promise<Listening<AgentFrame, WorkerToAgentFrame>> {
  const as = await rig.identity('worker');
  const listening = await rig.listen<AgentFrame, WorkerToAgentFrame>({
    as,
    role: 'agent',
    shapes: AGENT_FRAMES,
    clock,
    onLink: () => NOBODY,
  });
  return listening;
}

/** The status with which one try to link is answered; whoever is let in says nothing. */
function knockAt(
  { port }: Listening<AgentFrame, WorkerToAgentFrame>,
  identity: RigIdentity,
  onEnd?: () => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const to = { host: '127.0.0.1', port, ca: identity.ca, checkServerIdentity: () => undefined };
    const socket = connect(to, () => socket.write(upgradeWith({ [PEER_HEADER]: provePeer(socket, identity) })));
    rig.onEnd(() => void socket.destroy());
    socket.once('data', (bytes: Buffer) => resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(bytes.toString('latin1'))?.[1])));
    socket.on('error', reject);
    if (onEnd) socket.on('close', onEnd);
  });
}

describe('one peer', () => {
  it('is let in so often a second, which costs the others nothing', async () => {
    const listening = await listen({ ...systemClock, monotonicMs: () => 0 });
    const [one, other] = [await rig.identity('agent'), await rig.identity('agent')];
    const tries = Array.from({ length: limits.linksPerPeerPerSecond + 1 }, () => knockAt(listening, one));
    expect((await Promise.all(tries)).filter((answer) => answer === 503)).toHaveLength(1);
    expect(await knockAt(listening, other)).toBe(101);
  });

  it('keeps so many links, those that came last', async () => {
    const listening = await listen();
    const identity = await rig.identity('agent');
    const ends: number[] = [];
    for (let i = 0; i < limits.linksPerPeerMax; i++)
      expect(await knockAt(listening, identity, () => ends.push(i))).toBe(101);
    expect(listening.links.size).toBe(limits.linksPerPeerMax);
    expect(ends).toEqual([]);
    // At once: none of them is ended in the place of another.
    expect(await Promise.all([knockAt(listening, identity), knockAt(listening, identity)])).toEqual([101, 101]);
    await until('the two oldest to be ended', () => ends.length > 1);
    expect(ends).toEqual([0, 1]);
    expect(listening.links.size).toBe(limits.linksPerPeerMax);
  });
});
