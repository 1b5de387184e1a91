/** The port of a worker: deadlines and places for those who have not proved that they are agents, and none for those who have. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { createAgentPort, type AgentPort } from '../../src/link/agent-port.ts';
import { NOBODY } from '../../src/link/link.ts';
import { createLinkServer } from '../../src/link/ws-server.ts';
import { AGENT_FRAMES, WORKER_TO_AGENT_FRAMES } from '../../src/protocol/link/agent-frames.ts';
import { LinkRig } from '../support/link-rig.ts';
import { isBegunAnewAt, isGroupSpokenAt, spokenAt, TLS_TABLE } from '../support/tls-spoken.ts';
import { until } from '../support/until.ts';

/** However it comes to its end: the other side may reset it. */
const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => socket.on('error', () => undefined).once('close', () => resolve()));

let rig: LinkRig;
beforeEach(async () => void (rig = await LinkRig.create()));
afterEach(() => rig.end());

async function start(options: { stepMs?: number; placesPerAddress?: number }): Promise<AgentPort & { links: number }> {
  const as = await rig.identity('worker');
  const links = createLinkServer({
    role: 'agent',
    authority: rig.ca.certificate,
    shapes: AGENT_FRAMES,
    clock: systemClock,
  });
  await links.start(() => NOBODY);
  const port = createAgentPort({
    clock: systemClock,
    log: silentLog,
    tls: { key: as.privateKey, cert: `${as.certificate}\n${as.ca}` },
    onUpgrade: (request, socket, head) => links.handleUpgrade(request, socket, head),
    stepMs: options.stepMs ?? 60_000,
    connections: { connectionsMax: options.placesPerAddress ?? 100, perAddressMax: 1, keptForKnown: 1 },
  });
  await port.listen('127.0.0.1', 0);
  rig.onEnd(async () => {
    await links.stop();
    await port.close();
  });
  return Object.defineProperty(port, 'links', { get: () => links.size }) as AgentPort & { links: number };
}

describe('whoever comes to a worker', () => {
  it('and says nothing, drips a handshake, or drips a head, is cut', async () => {
    const port = await start({ stepMs: 150 });
    const { port: number } = port.address;
    await closed(connect(number, '127.0.0.1').resume());
    const dripping = connect(number, '127.0.0.1').on('error', () => undefined);
    const drip = (bytes: Buffer): void => {
      if (dripping.destroyed) return;
      dripping.write(bytes);
      systemClock.after(20, () => drip(Buffer.from([0])));
    };
    drip(Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]));
    await closed(dripping);
    const tls = connectTls({ port: number, host: '127.0.0.1', rejectUnauthorized: false });
    tls.on('error', () => undefined).on('secureConnect', () => tls.write('GET / HTTP/1.1\r\nX-A: '));
    await closed(tls);
    expect(port.troubles['too-slow']).toBe(3);
    await until('none to count any more', () => port.connections === 0);
  });

  it.each(TLS_TABLE)('with %s and %s is heard: %s', async (version, suites, isHeard) => {
    const { address } = await start({});
    const spoken = await spokenAt(address.port, { min: version, max: version, suites });
    expect(spoken?.version).toBe(isHeard ? version : undefined);
  });

  it('and knows 1.2 and 1.3 is spoken to in 1.3', async () => {
    const { address } = await start({});
    expect(await spokenAt(address.port, { min: 'TLSv1.2', max: 'TLSv1.3', suites: 'ALL' })).toMatchObject({
      version: 'TLSv1.3',
    });
  });

  it('exchanges keys on X25519 alone, and shakes hands once on a connection', async () => {
    const { address } = await start({});
    const spoken = await Promise.all(
      ['X25519', 'P-256', 'ffdhe3072'].map((group) => isGroupSpokenAt(address.port, group)),
    );
    expect(spoken).toEqual([true, false, false]);
    expect(await isBegunAnewAt(address.port)).toBe(false);
  });

  it('finds no place beside too many others, until one has proved that it is an agent', async () => {
    const port = await start({ placesPerAddress: 2 });
    const silent = [connect(port.address.port, '127.0.0.1'), connect(port.address.port, '127.0.0.1')];
    await until('two to be there', () => port.connections === 2);
    await closed(connect(port.address.port, '127.0.0.1').resume());
    expect(port.troubles['no-room']).toBe(1);
    silent[0]!.destroy();
    for (let linked = 1; linked <= 3; linked++) {
      const dialer = rig.dialer({
        urls: [`wss://127.0.0.1:${port.address.port}/link`],
        peerRole: 'worker',
        shapes: WORKER_TO_AGENT_FRAMES,
        identity: await rig.identity('agent'),
      });
      await dialer.start(() => NOBODY);
      await until('it to be linked', () => port.links === linked);
      expect(port.connections).toBe(1);
    }
    silent[1]!.destroy();
  });
});
