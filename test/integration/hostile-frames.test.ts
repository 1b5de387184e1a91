/**
 * Peers with good certificates that say whatever bytes they like, to a server, a worker and an agent that are at work: nobody ends, nobody
 * is deaf for long, others are served, and the bad link alone is ended with a code. How long somebody is deaf is measured in its own time
 * on the CPU between a ping of an honest peer and the answer, by the yardstick of the machine at that time.
 */
import { EVERYTHING } from '../../src/domain/access/access-node.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { attemptId, newId, newRunId } from '../../src/base/ids.ts';
import { systemClock } from '../../src/base/clock.ts';
import { given } from '../../src/base/given.ts';
import { limits } from '../../src/base/limits.ts';
import { encodeFrame } from '../../src/link/codec.ts';
import { AGENT_FRAMES } from '../../src/protocol/link/agent-frames.ts';
import { WORKER_FRAMES } from '../../src/protocol/link/worker-frames.ts';
import { WORKER_PROTOCOL, type WorkerHello } from '../../src/protocol/link/worker-v1.ts';
import { HostileWorker, WanderingAgent } from '../support/attacker.ts';
import { Cluster } from '../support/cluster.ts';
import { hostileMessages, type HostileMessage } from '../support/frame-arbitraries.ts';
import { HostileLink, type HostileLinkOptions } from '../support/hostile-link.ts';
import { expectNeverDeaf, mainThreadCpuMs } from '../support/turn-watch.ts';
import { until } from '../support/until.ts';

/** Chosen anew each time; a failure names it, and `HOSTILE_SEED` brings it back. */
const seed = Number(process.env.HOSTILE_SEED ?? newId().replaceAll('-', '').slice(-7).replace(/\D/g, '1'));
const PER_KIND = 6;

let cluster: Cluster;
const ends: (() => unknown)[] = [];
beforeAll(async () => {
  cluster = await Cluster.start({ servers: 1, workers: 1, agents: 1 });
}, 120_000);
afterEach(() => ends.splice(0).forEach((end) => end()));
afterAll(() => cluster.stop());

function linkOf(options: HostileLinkOptions): HostileLink {
  const link = new HostileLink(options);
  ends.push(() => link.end());
  return link;
}

/** A run on the honest host, from its creation to its end. */
async function honestRun(): Promise<string> {
  const call = async (method: string, path: string, body?: unknown): Promise<Record<string, unknown>> => {
    const answer = await fetch(`${cluster.urls[0]}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${cluster.token}`,
        'content-type': 'application/json',
        'idempotency-key': newId(),
      },
      ...given({ body: body ? JSON.stringify(body) : undefined }),
    });
    if (!answer.ok) throw new Error(await answer.text());
    return (await answer.json()) as Record<string, unknown>;
  };
  const { id } = await call('POST', '/runs', { targets: 'host-1', command: ['true'] });
  return until('the honest run to end', async () => {
    const { state } = await call('GET', `/runs/${String(id)}`);
    return ['waiting', 'running'].includes(String(state)) ? undefined : String(state);
  });
}

async function metric(pattern: RegExp): Promise<number> {
  const text = await (
    await fetch(`${cluster.urls[0]}/metrics`, { headers: { authorization: `Bearer ${cluster.token}` } })
  ).text();
  return [...text.matchAll(pattern)].reduce((sum, match) => sum + Number(match[1]), 0);
}

/** Says it all, on links that are made anew as they are ended, while honest runs go on. Answers how long the process was deaf at the most. */
async function deafMsUnder(
  pid: number,
  honest: HostileLink,
  attackers: readonly HostileLink[],
  messages: readonly HostileMessage[],
): Promise<number> {
  let isOver = false;
  let deafMs = 0;
  await honest.ping();
  const pings = (async () => {
    while (!isOver) {
      const before = mainThreadCpuMs(pid);
      await honest.ping();
      deafMs = Math.max(deafMs, mainThreadCpuMs(pid) - before);
    }
  })();
  const run = honestRun();
  await Promise.all(
    attackers.map(async (attacker, n) => {
      for (const [i, message] of messages.entries()) if (i % attackers.length === n) await attacker.say(message);
      await attacker.heard();
    }),
  );
  expect(await run).toBe('succeeded');
  isOver = true;
  await pings;
  return deafMs;
}

const attackInVain = (...all: Parameters<typeof deafMsUnder>): Promise<void> =>
  expectNeverDeaf(() => deafMsUnder(...all));

/** Codes that a bad link may be ended with; the numbers are of the WebSocket protocol: a message too large, and none that it knows. */
const FAREWELLS = new Set(['frame-invalid', 'certificate-invalid', 'shutting-down', 'link-busy', '1009', '1006']);

describe(`hostile frames (HOSTILE_SEED=${seed})`, () => {
  const workerHello = (worker: HostileWorker) => (): WorkerHello => ({
    t: 'hello',
    protocol: WORKER_PROTOCOL,
    workerId: worker.id,
    version: '0.1.0',
    agentAddress: '127.0.0.1:1',
    nowMs: systemClock.nowMs(),
  });

  it('of workers end their links, and no server', async () => {
    const [honest, ...bad] = await Promise.all(
      ['honest', 'bad-1', 'bad-2'].map(async (name) =>
        HostileWorker.join(await cluster.joinToken('worker', name === 'honest' ? 'default' : 'dmz'), name),
      ),
    );
    const url = `wss://${new URL(cluster.urls[0]!).host}/link/v1/worker`;
    const [good] = [linkOf({ url, identity: honest!.identity, hello: workerHello(honest!) })];
    const attackers = bad.map((worker, n) =>
      linkOf({ url, identity: worker.identity, ...given({ hello: n === 0 ? workerHello(worker) : undefined }) }),
    );
    const counted = await metric(/^drover_link_faults_total\{code="frame-invalid"\} (\d+)/gm);
    await attackInVain(cluster.servers[0]!.pid, good!, attackers, [
      ...hostileMessages(WORKER_FRAMES, seed, PER_KIND),
      ...CROWDS,
    ]);
    expect(cluster.unexpectedEnds).toEqual([]);
    expect(good!.ends).toEqual([]);
    for (const { ends } of attackers) {
      expect(ends).toContain('frame-invalid');
      expect(ends.filter((end) => !FAREWELLS.has(end))).toEqual([]);
    }
    expect(await metric(/^drover_link_faults_total\{code="frame-invalid"\} (\d+)/gm)).toBeGreaterThan(counted);
  }, 240_000);

  it('of agents end their links, and no worker and no server, sealed or not', async () => {
    const workerId = (await cluster.store.workerList(EVERYTHING)).find(({ name }) => name === 'worker-1')!.id;
    const agents = await Promise.all(
      ['good', 'bad-1', 'bad-2', 'bad-3'].map(async (name) =>
        WanderingAgent.join(await cluster.joinToken('agent'), `frames-${name}`),
      ),
    );
    const url = `wss://127.0.0.1:${cluster.workerPorts[0]}/link/v1/agent`;
    const [good, ...bad] = agents.map((agent, n) =>
      linkOf({ url, identity: agent.identity, ...given({ hello: n === 3 ? undefined : () => agent.hello(workerId) }) }),
    );
    const messages = hostileMessages(AGENT_FRAMES, seed, PER_KIND);
    const sealing = agents[1]!;
    await attackInVain(cluster.workers[0]!.pid, good!, bad, messages);
    // Under its seal no worker can see what it is: the server does, and has the worker end the link of that agent alone.
    const sealer = linkOf({ url, identity: sealing.identity, hello: () => sealing.hello(workerId) });
    bad[0]!.end();
    const worker = await HostileWorker.join(await cluster.joinToken('worker', 'dmz'), 'listens');
    const server = `wss://${new URL(cluster.urls[0]!).host}/link/v1/worker`;
    await attackInVain(
      cluster.servers[0]!.pid,
      linkOf({ url: server, identity: worker.identity, hello: workerHello(worker) }),
      [sealer],
      messages.flatMap((message) =>
        'bytes' in message && message.bytes.length < limits.frameBytesMax / 4
          ? [{ bytes: encodeFrame(sealing.sealed(message.bytes)) }]
          : [],
      ),
    );
    await until('the link of who seals nonsense to be ended', () => sealer.ends.includes('frame-invalid'));
    expect(cluster.unexpectedEnds).toEqual([]);
    expect(good!.ends).toEqual([]);
    for (const { ends } of bad) {
      expect(ends).toContain('frame-invalid');
      expect(ends.filter((end) => !FAREWELLS.has(end))).toEqual([]);
    }
    expect((await cluster.store.workerList(EVERYTHING)).filter(({ linked }) => linked).map(({ id }) => id)).toContain(
      workerId,
    );
    await until('the worker to tell of it', async () => (await metric(/^drover_worker_link_faults\{.*\} (\d+)/gm)) > 0);
  }, 240_000);
});

/** Frames that are in order, and full. */
const CROWDS: readonly HostileMessage[] = [
  {
    t: 'agents',
    last: false,
    agents: Array.from({ length: limits.linksPerFrameMax }, () => ({
      hostId: newId(),
      agentId: newId(),
      sinceMs: 1,
      proof: { body: Buffer.alloc(50, 0x91), mac: Buffer.alloc(32) },
    })),
  },
  {
    t: 'events',
    events: Array.from({ length: limits.eventsPerFrameMax }, () => ({
      k: 'accepted',
      a: attemptId({ runId: newRunId(1_800_000_000_000), task: 0, ordinal: 0, attempt: 1 }),
      agentId: newId(),
    })),
  },
].map((frame) => ({ bytes: encodeFrame(frame) }));
