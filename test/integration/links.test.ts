/** Links over real TLS: who may link, what ends a link and what does not, and that nobody's slowness becomes another's memory. */
import { connect as connectTcp } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { limits } from '../../src/base/limits.ts';
import { seededRandom } from '../../src/base/random.ts';
import { encodeFrame } from '../../src/link/codec.ts';
import { AGENT_FRAMES, WORKER_TO_AGENT_FRAMES } from '../../src/protocol/link/agent-frames.ts';
import { PEER_HEADER, provePeer } from '../../src/pki/peer-proof.ts';
import { NOBODY, type Link } from '../../src/link/link.ts';
import type { AgentFrame, WorkerToAgentFrame } from '../../src/protocol/link/agent-v1.ts';
import { LinkRig, type Listening, type RigIdentity } from '../support/link-rig.ts';
import { rawLink, UPGRADE, webSocketFrame } from '../support/raw-link.ts';
import { until } from '../support/until.ts';

const ATTEMPT = '01936f2e-0000-7000-8000-000000000000.0.7.1';

type Up = Link<AgentFrame>;
type Down = Link<WorkerToAgentFrame>;

let rig: LinkRig;
let worker: RigIdentity;

beforeEach(async () => {
  rig = await LinkRig.create();
  worker = await rig.identity('worker');
});
afterEach(() => rig.end());

interface Pair {
  up: Up;
  down: Down;
  heard: AgentFrame[];
  closedUp: string[];
  closedDown: string[];
}

async function listen(
  options: Partial<Parameters<typeof rig.listen<AgentFrame, WorkerToAgentFrame>>[0]> = {},
): Promise<Listening<AgentFrame, WorkerToAgentFrame>> {
  return rig.listen<AgentFrame, WorkerToAgentFrame>({
    as: worker,
    role: 'agent',
    shapes: AGENT_FRAMES,
    onLink: () => NOBODY,
    ...options,
  });
}

/** Every refusal and every link of a dialer, as they come. */
async function dial(
  urls: readonly string[],
  identity: RigIdentity,
  {
    onClose = () => undefined,
    ...options
  }: {
    clock?: Clock;
    random?: ReturnType<typeof seededRandom>;
    heartbeatMs?: number;
    silentMs?: number;
    onClose?: (reason: string) => void;
  } = {},
): Promise<{ links: Up[]; refusals: { code: string; detail: string }[]; logged: string[]; stop: () => Promise<void> }> {
  const links: Up[] = [];
  const refusals: { code: string; detail: string }[] = [];
  const logged: string[] = [];
  const write = (fields: object): void => void logged.push(JSON.stringify(fields));
  const log = { debug: write, info: write, warn: write, error: write, child: () => log };
  const dialer = rig.dialer<WorkerToAgentFrame, AgentFrame>({
    urls,
    peerRole: 'worker',
    shapes: WORKER_TO_AGENT_FRAMES,
    identity,
    log,
    onRefused: (code, detail) => refusals.push({ code, detail }),
    ...options,
  });
  await dialer.start((link) => {
    links.push(link);
    return { onFrame: () => undefined, onClose };
  });
  return { links, refusals, logged, stop: () => dialer.stop() };
}

async function pair(
  server: Parameters<typeof listen>[0] = {},
  client: { heartbeatMs?: number; silentMs?: number } = {},
): Promise<Pair> {
  const heard: AgentFrame[] = [];
  const closedUp: string[] = [];
  const closedDown: string[] = [];
  let down: Down | undefined;
  const listening = await listen({
    ...server,
    onLink: (link) => {
      down = link;
      return { onFrame: (frame) => void heard.push(frame), onClose: (reason) => void closedDown.push(reason) };
    },
  });
  const onClose = (reason: string): void => void closedUp.push(reason);
  const { links } = await dial([listening.url], await rig.identity('agent'), { ...client, onClose });
  const up = await until('both ends to be linked', () => (down ? links[0] : undefined));
  return { up, down: down!, heard, closedUp, closedDown };
}

const PLACE = { a: ATTEMPT, stream: 1, offset: 0 } as const;

describe('who may link', () => {
  it('is whoever the certificate says, and the peer knows it', async () => {
    const { up, down } = await pair();
    expect(up.peer).toMatchObject({ role: 'worker', id: worker.id });
    expect(down.peer.role).toBe('agent');
    expect(down.peer.id).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('is nobody with a certificate of another authority', async () => {
    const stranger = await LinkRig.create();
    const listening = await listen();
    // The stranger pins the right authority, so that it is its own certificate that fails.
    const { links, refusals } = await dial([listening.url], {
      ...(await stranger.identity('agent')),
      ca: rig.ca.certificate,
    });
    expect(await until('a refusal', () => refusals[0])).toMatchObject({ code: 'certificate-invalid' });
    expect(links).toEqual([]);
  });

  it('is nobody whose certificate has expired', async () => {
    const listening = await listen();
    const { links, refusals } = await dial(
      [listening.url],
      await rig.identity('agent', undefined, { endsInMs: -60_000 }),
    );
    const refusal = await until('a refusal', () => refusals[0]);
    expect(refusal.code).toBe('certificate-expired');
    expect(refusal.detail).toMatch(/ended at .* clock here says .* new join token/);
    expect(links).toEqual([]);
  });

  it('is nobody whose certificate has not begun, and both clocks are named', async () => {
    const listening = await listen();
    const { refusals } = await dial(
      [listening.url],
      await rig.identity('agent', undefined, { endsInMs: 2 * 3_600_000 }),
    );
    expect(await until('a refusal', () => refusals[0])).toMatchObject({
      code: 'certificate-invalid',
      detail: expect.stringMatching(/begins at .* clock here says .*T.*Z/),
    });
  });

  it('is nobody in a role that is not wanted there', async () => {
    const listening = await listen();
    const { links, refusals } = await dial([listening.url], await rig.identity('server'));
    expect(await until('a refusal', () => refusals[0])).toMatchObject({ code: 'certificate-invalid' });
    expect(links).toEqual([]);
  });

  it('is nobody without a certificate', async () => {
    const listening = await listen();
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(
        { host: '127.0.0.1', port: listening.port, ca: rig.ca.certificate, checkServerIdentity: () => undefined },
        () => socket.write(UPGRADE),
      );
      socket.on('error', reject).once('data', (bytes: Buffer) => resolve(bytes.toString()));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(answer).toContain('"code":"certificate-invalid"');
  });

  it('is told at once when it is revoked, and does not try again soon', async () => {
    let refusedCount = 0;
    const listening = await listen({ refuse: () => (refusedCount++, 'agent-revoked') });
    const delays: number[] = [];
    const { links, refusals } = await dial([listening.url], await rig.identity('agent'), { clock: recording(delays) });
    expect(await until('a refusal', () => refusals[0])).toMatchObject({ code: 'agent-revoked' });
    await until('the next try to be planned', () => delays.length > 0);
    expect(delays.at(-1)).toBeGreaterThanOrEqual(30_000);
    expect(refusedCount).toBe(1);
    expect(links).toEqual([]);
  });
});

describe('whom we link to', () => {
  it('is never a server of another authority: not a byte of a frame is sent', async () => {
    const stranger = await LinkRig.create();
    const listening = await stranger.listen<AgentFrame, WorkerToAgentFrame>({
      as: await stranger.identity('worker'),
      role: 'agent',
      shapes: AGENT_FRAMES,
    });
    const seen: Down[] = [];
    await listening.links.start((link) => {
      seen.push(link);
      return NOBODY;
    });
    const { links, logged } = await dial([listening.url], await rig.identity('agent'));
    await until('the dialer to say why', () =>
      logged.find((line) => /self-signed|unable to (get|verify)|certificate/i.test(line)),
    );
    expect([links, seen]).toEqual([[], []]);
    await stranger.end();
  });

  it('is never one whose certificate has expired', async () => {
    const listening = await listen({ as: await rig.identity('worker', undefined, { endsInMs: -60_000 }) });
    const { links, logged } = await dial([listening.url], await rig.identity('agent'));
    await until('the dialer to say why', () => logged.find((line) => /expired/i.test(line)));
    expect(links).toEqual([]);
  });

  it('is never an agent that plays the worker', async () => {
    const listening = await listen({ as: await rig.identity('agent') });
    const { links, logged } = await dial([listening.url], await rig.identity('agent'));
    await until('the dialer to say why', () => logged.find((line) => /not a worker/.test(line)));
    expect(links).toEqual([]);
  });

  it('is the next address when one does not answer', async () => {
    const listening = await listen();
    const { links } = await dial(['wss://127.0.0.1:1/link', listening.url], await rig.identity('agent'), {
      random: { next: () => 0 },
    });
    await until('a link by the second address', () => links[0]);
  });
});

describe('frames', () => {
  it.each([
    ['text', (tls: TLSSocket) => tls.write(webSocketFrame(1, Buffer.from('hello')))],
    ['what is not MessagePack', (tls: TLSSocket) => tls.write(webSocketFrame(2, Buffer.from([0xc1])))],
    ['a frame without a type', (tls: TLSSocket) => tls.write(webSocketFrame(2, encodeFrame({ a: 'x' })))],
    ['a field of another kind', (tls: TLSSocket) => tls.write(webSocketFrame(2, encodeFrame({ t: 'accepted', a: 7 })))],
    [
      'a field that is missing',
      (tls: TLSSocket) => tls.write(webSocketFrame(2, encodeFrame({ t: 'started', a: ATTEMPT, pid: 1 }))),
    ],
  ])('end the link that sends %s, and no other', async (_what, send) => {
    const closed: string[] = [];
    const downs: Down[] = [];
    const listening = await listen({
      onLink: (link) => {
        downs.push(link);
        return { onFrame: () => undefined, onClose: (reason) => void closed.push(reason) };
      },
    });
    const { links: others } = await dial([listening.url], await rig.identity('agent'));
    await until('the other link', () => others[0]);
    const tls = await rawLink(listening, await rig.identity('agent'));
    send(tls);
    await until('the link to be ended', () => closed.includes('frame-invalid'));
    tls.destroy();
    expect(closed).toEqual(['frame-invalid']);
    expect(others[0]!.send({ t: 'accepted', a: 'y' })).toBe(true);
  });

  it('of an unknown type and unknown fields are passed over: a newer peer may say more', async () => {
    const { up, heard, closedDown } = await pair();
    up.sendEncoded(encodeFrame({ t: 'from-the-future', x: 1 }));
    up.sendEncoded(encodeFrame({ t: 'accepted', a: ATTEMPT, more: [1] }));
    await until('the known frame', () => heard[0]);
    expect(heard).toEqual([{ t: 'accepted', a: ATTEMPT }]);
    expect(closedDown).toEqual([]);
  });

  it('larger than the limit end the link; as large as the limit they pass', async () => {
    const { up, heard, closedDown } = await pair();
    const ofSize = (bytes: number): Buffer => encodeFrame({ t: 'from-the-future', bytes: Buffer.alloc(bytes) });
    const overhead = ofSize(1 << 20).length - (1 << 20);
    up.sendEncoded(ofSize(limits.frameBytesMax - overhead));
    up.send({ t: 'accepted', a: ATTEMPT });
    await until('the frame behind the one at the limit', () => heard[0]);
    up.sendEncoded(ofSize(limits.frameBytesMax - overhead + 1));
    await until('the link to end', () => closedDown[0]);
    expect(heard).toHaveLength(1);
  });
});

describe('a link', () => {
  it('that was ended here is not heard any more, whatever the peer still says', async () => {
    const heard: AgentFrame[] = [];
    const downs: Down[] = [];
    const listening = await listen({
      onLink: (link) => {
        downs.push(link);
        return { onFrame: (frame) => void heard.push(frame), onClose: () => undefined };
      },
    });
    const tls = await rawLink(listening, await rig.identity('agent'));
    const said = (a: string): boolean => tls.write(webSocketFrame(2, encodeFrame({ t: 'accepted', a })));
    said(ATTEMPT);
    await until('the first frame', () => heard.length === 1);
    downs[0]!.close('agent-revoked');
    said(`${ATTEMPT}1`);
    // The answer to the farewell comes behind it, so what was said before that has been read when the socket ends.
    tls.write(Buffer.from([0x88, 0x80, 0, 0, 0, 0]));
    await until('the socket to end', () => listening.connections.at(-1)!.destroyed);
    expect(heard).toMatchObject([{ a: ATTEMPT }]);
  });

  it('that is ended for good is not dialed again soon, and somebody is told', async () => {
    const delays: number[] = [];
    const listening = await listen({
      onLink: (link) => {
        link.close('protocol-unsupported', 'Too old.');
        return NOBODY;
      },
    });
    const { refusals } = await dial([listening.url], await rig.identity('agent'), { clock: recording(delays) });
    expect(await until('a refusal', () => refusals[0])).toMatchObject({ code: 'protocol-unsupported' });
    expect(delays.at(-1)).toBeGreaterThanOrEqual(30_000);
  });

  it('that is let in and ended at once is dialed ever more slowly', async () => {
    const delays: number[] = [];
    const listening = await listen({
      onLink: () => {
        listening.connections.at(-1)!.destroy();
        return NOBODY;
      },
    });
    await dial([listening.url], await rig.identity('agent'), {
      clock: impatient(delays),
      random: { next: () => 0.999 },
    });
    await until('several tries', () => delays.length >= 5);
    expect(delays.slice(0, 5)).toEqual([499, 999, 1_998, 3_996, 7_992]);
  });

  it('outlives a process that is busy for three heartbeats, at either end', async () => {
    const heartbeat = { heartbeatMs: 100, silentMs: 500 };
    const { up, closedUp, closedDown, heard } = await pair(heartbeat, heartbeat);
    // Both ends live in this process: neither pings, neither answers, and both timers are late.
    for (let round = 0; round < 3; round++) {
      block(350);
      up.send({ t: 'accepted', a: `${ATTEMPT}${round}` });
      await until('the frame after the pause', () => heard.length === round + 1);
    }
    expect([closedUp, closedDown]).toEqual([[], []]);
  });

  it('is given up by both ends when the network swallows everything', async () => {
    const closed: string[] = [];
    const listening = await listen({
      heartbeatMs: 40,
      silentMs: 160,
      onLink: () => ({ onFrame: () => undefined, onClose: (reason) => void closed.push(reason) }),
    });
    const tls = await rawLink(listening, await rig.identity('agent'));
    // Reads nothing and answers no ping, as a host does whose network is gone.
    tls.pause();
    expect(await until('the silent link to be given up', () => closed[0])).toBe('silent for too long');
    expect(listening.links.size).toBeLessThanOrEqual(1);
    tls.destroy();
  });

  it('takes no more than its buffer holds from a sender that is faster than the reader', async () => {
    const { up, down, heard } = await pair();
    down.pause();
    const bytes = Buffer.alloc(1 << 20);
    let taken = 0;
    while (up.send({ t: 'data', id: taken, ...PLACE, bytes, size: 1, eof: true })) {
      taken++;
      expect(taken).toBeLessThan(64);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(up.bufferedBytes).toBeLessThanOrEqual(2 * limits.frameBytesMax + bytes.length + 1_024);
    down.resume();
    await until('everything that was taken to arrive', () => heard.length === taken);
    expect(await until('room again', () => up.send({ t: 'accepted', a: ATTEMPT }))).toBe(true);
  });

  it('that ends comes back with full jitter, never in step', async () => {
    const delays: number[] = [];
    await listen({
      onLink: (link) => {
        link.close('shutting-down');
        return NOBODY;
      },
    });
    const random = seededRandom(11);
    await dial(['wss://127.0.0.1:1/link'], await rig.identity('agent'), { clock: impatient(delays), random });
    await until('a dozen tries', () => delays.length >= 12);
    const replay = seededRandom(11);
    const expected = delays.map((_, attempt) =>
      Math.floor(replay.next() * Math.min(limits.reconnectCapMs, limits.reconnectBaseMs * 2 ** Math.min(attempt, 30))),
    );
    expect(delays).toEqual(expected);
    expect(new Set(delays).size).toBeGreaterThan(10);
  });
});

describe('admission', () => {
  it('lets in as many as there is room for and tells the others to come back; they do, when there is', async () => {
    const listening = await listen({ linksMax: 3 });
    const delays: number[] = [];
    const first = await Promise.all(
      Array.from({ length: 3 }, async () => dial([listening.url], await rig.identity('agent'))),
    );
    await until('three to be in', () => first.every((one) => one.links.length === 1));
    const last = await dial([listening.url], await rig.identity('agent'), { clock: impatient(delays, 20) });
    await until('the fourth to be sent away', () => delays.length > 0);
    expect(delays.every((delay) => delay >= 1_000 && delay <= 5_000)).toBe(true);
    expect(last.refusals).toEqual([]);
    await first[0]!.stop();
    await until('the fourth to be let in', () => last.links[0]);
  });

  it('lets in so many a second and no more', async () => {
    // The listener's clock stands still: every try falls into the same second until the test moves it on.
    let nowMs = 0;
    const listening = await listen({ clock: { ...systemClock, monotonicMs: () => nowMs } });
    const answers: string[] = [];
    const socket = { getProtocol: () => 'TLSv1.3', exportKeyingMaterial: () => Buffer.alloc(32) };
    const unheard = ['destroy', 'resume', 'on', 'once', 'removeListener'];
    const mute = Object.fromEntries(unheard.map((name) => [name, () => undefined]));
    const proofs: string[] = [];
    while (proofs.length < limits.linkAdmissionsPerSecond + 2) {
      const proof = provePeer(socket as unknown as TLSSocket, await rig.identity('agent'));
      proofs.push(...Array<string>(limits.linksPerPeerPerSecond).fill(proof));
    }
    const knock = (): void =>
      void listening.https.emit(
        'upgrade',
        { headers: { [PEER_HEADER]: proofs.pop() } },
        { ...socket, ...mute, end: (text: string) => answers.push(text) },
        Buffer.alloc(0),
      );
    for (let i = 0; i < limits.linkAdmissionsPerSecond; i++) knock();
    expect(answers.filter((answer) => answer.includes('link-busy'))).toEqual([]);
    expect(answers.filter((answer) => answer.includes('certificate'))).toEqual([]);
    knock();
    expect(answers.at(-1)).toMatch(/^HTTP\/1\.1 503 .*\r\n[^]*Retry-After: 1\r\n[^]*"link-busy"/);
    nowMs = 1_000;
    knock();
    expect(answers.at(-1)).not.toContain('link-busy');
  });

  it('survives a refused peer that resets the connection', async () => {
    const listening = await listen();
    for (let i = 0; i < 20; i++) {
      await new Promise<void>((resolve) => {
        const tcp = connectTcp(listening.port, '127.0.0.1');
        const tls = connect({ socket: tcp, ca: rig.ca.certificate, checkServerIdentity: () => undefined }, () =>
          tls.write(UPGRADE, () => tcp.resetAndDestroy()),
        );
        tls.on('error', () => undefined);
        tcp.on('error', () => undefined).on('close', () => resolve());
      });
    }
    const { links } = await dial([listening.url], await rig.identity('agent'));
    await until('somebody with a certificate to get in', () => links[0]);
  });

  it('comes back after a refusal that was cut off in the middle', async () => {
    const listening = await listen();
    listening.https.removeAllListeners('upgrade');
    let cut = 0;
    listening.https.on('upgrade', (request, socket, head) => {
      if (cut++ > 0) return listening.links.handleUpgrade(request, socket, head);
      socket.write('HTTP/1.1 503 Busy\r\nContent-Length: 1000\r\n\r\n{"code":', () => socket.destroy());
    });
    const { links } = await dial([listening.url], await rig.identity('agent'), { clock: impatient([]) });
    await until('a link after the cut refusal', () => links[0]);
    expect(cut).toBe(2);
  });
});

function recording(delays: number[]): Clock {
  return {
    ...systemClock,
    after: (delayMs, callback, options) => (
      options?.unref || delays.push(delayMs), systemClock.after(delayMs, callback, options)
    ),
  };
}

/** Notes how long it was asked to wait, of waits of `least` and more, and waits not at all. */
function impatient(delays: number[], least = 0): Clock {
  return {
    ...systemClock,
    after: (delayMs, callback, options) => (
      options?.unref || delayMs < least || delays.push(delayMs),
      systemClock.after(options?.unref ? delayMs : 1, callback, options)
    ),
  };
}

function block(ms: number): void {
  const end = systemClock.monotonicMs() + ms;
  while (systemClock.monotonicMs() < end);
}
