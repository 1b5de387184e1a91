/**
 * A server and a worker with good certificates that say whatever bytes they like to those who have dialed them: a worker and an agent that are
 * at work. Neither ends nor is deaf for long, others are served, and the bad link alone is ended with a code that is noted.
 */
import { EVERYTHING } from '../../src/domain/access/access-node.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { installationKeys } from '../../src/app/installation-keys.ts';
import { systemClock } from '../../src/base/clock.ts';
import { newId, type ServerId } from '../../src/base/ids.ts';
import { decodeFrame } from '../../src/link/codec.ts';
import { certificateRequest, newKey } from '../../src/pki/identity.ts';
import { createMasterKey } from '../../src/pki/sealer.ts';
import { WORKER_TO_AGENT_FRAMES } from '../../src/protocol/link/agent-frames.ts';
import type { FrameShapes } from '../../src/protocol/link/shape.ts';
import { SERVER_FRAMES } from '../../src/protocol/link/worker-frames.ts';
import { HostileWorker } from '../support/attacker.ts';
import { ChaosApi } from '../chaos/api.ts';
import { type Cluster, ManagedProcess } from '../support/cluster.ts';
import { hostileMessages, type HostileMessage } from '../support/frame-arbitraries.ts';
import { HostileListener, LONGEST_PAUSE_MS } from '../support/hostile-listener.ts';
import { testCluster } from '../support/test-cluster.ts';
import { expectNeverDeaf } from '../support/turn-watch.ts';
import { until } from '../support/until.ts';

/** Chosen anew each time; a failure names it, and `HOSTILE_SEED` brings it back. */
const seed = Number(process.env.HOSTILE_SEED ?? newId().replaceAll('-', '').slice(-7).replace(/\D/g, '1'));
const PER_KIND = 3;
/** Whoever's link was ended comes back after a pause that grows: many links are spoken over by turns, so that their pauses pass side by side. */
const SERVERS = 12;
const VICTIMS = 10;
/** Codes that a bad link may be ended with; the numbers are of the WebSocket protocol: a message too large, and none that it knows. */
const FAREWELLS = new Set(['frame-invalid', 'protocol-unsupported', '1009', '1006']);
const HOUR_MS = 3_600_000;

let cluster: Cluster;
const ends: (() => unknown)[] = [];
beforeAll(async () => {
  cluster = await testCluster({ servers: 1, workers: 1, agents: 1 });
}, 180_000);
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});
afterAll(() => cluster.stop());

/** A run on the honest host succeeds. */
async function honestRun(): Promise<void> {
  const api = new ChaosApi(cluster.urls, cluster.token);
  const { body } = await api.post('/api/v1/runs', { targets: 'host-1', command: ['true'] });
  await until('the honest run to succeed', async () => {
    const { state } = (await cluster.store.runFetch(body.id as never))!;
    return state === 'succeeded';
  });
}

/** Who is spoken to, and through what. */
interface Victim {
  readonly listeners: readonly HostileListener[];
  readonly pid: number;
}

/** Says it all, a part to each victim, while honest runs go on, and nobody is deaf for long. */
async function attack(victims: readonly Victim[], messages: readonly HostileMessage[]): Promise<void> {
  await expectNeverDeaf(async () => {
    const run = honestRun();
    const deafMs = await Promise.all(
      victims.map((victim, i) =>
        attackOne(
          victim,
          messages.filter((_message, at) => at % victims.length === i),
        ),
      ),
    );
    await run;
    return Math.max(...deafMs);
  });
  expect(cluster.unexpectedEnds).toEqual([]);
  for (const { listeners } of victims) {
    const ends = listeners.flatMap((listener) => listener.ends);
    expect(ends).toContain('frame-invalid');
    expect(ends.filter((end) => !FAREWELLS.has(end))).toEqual([]);
  }
}

/** One message after the other, so that each is measured by itself, over whichever link has been there longest without one. Answers how long the victim was deaf at the most. */
async function attackOne({ listeners, pid }: Victim, messages: readonly HostileMessage[]): Promise<number> {
  const turns = [...listeners];
  let longestMs = 0;
  for (const message of messages) {
    const listener = await until('a link', () => turns.find(({ isLinked }) => isLinked), LONGEST_PAUSE_MS);
    turns.push(...turns.splice(turns.indexOf(listener), 1));
    longestMs = Math.max(longestMs, await listener.say(message, pid));
  }
  return longestMs;
}

/**
 * What is in order is left out where a good peer may say it too: to be obeyed is no harm done. A welcome in a protocol of tomorrow is in order, and
 * would have its agent rest for more than a minute (link-farewells.test.ts).
 */
function outOfOrder(shapes: FrameShapes, types: readonly string[]): HostileMessage[] {
  return hostileMessages(shapes, seed, PER_KIND).filter((message) => {
    if (!('bytes' in message)) return true;
    try {
      const frame = decodeFrame(message.bytes, shapes);
      return frame === undefined || !types.includes(frame.t);
    } catch {
      return true;
    }
  });
}

describe(`hostile orders (HOSTILE_SEED=${seed})`, () => {
  it('of a server end its link, and no worker', async () => {
    const listeners = await Promise.all(Array.from({ length: SERVERS }, hostileServer));
    await until('the worker to link to each', () => listeners.every(({ hellos }) => hellos.length > 0));
    await attack([{ listeners, pid: cluster.workers[0]!.pid }], outOfOrder(SERVER_FRAMES, Object.keys(SERVER_FRAMES)));
    const [worker] = await cluster.store.workerList(EVERYTHING);
    expect(worker).toMatchObject({ name: 'worker-1', linked: true });
    await until('the worker to tell of it', async () => {
      const headers = { authorization: `Bearer ${cluster.token}` };
      const metrics = await (await fetch(`${cluster.urls[0]}/metrics`, { headers })).text();
      return Number(/^drover_worker_link_faults\{.*\} (\d+)/m.exec(metrics)?.[1]) > 0;
    });
  }, 900_000);

  it('of workers end their links, and no agent', async () => {
    const victims = await Promise.all(Array.from({ length: VICTIMS }, (_, i) => victim(`taken-${i}`)));
    await attack(victims, outOfOrder(WORKER_TO_AGENT_FRAMES, ['workers', 'welcome']));
    for (const { listener, name } of victims) {
      await until('the agent to link still', () => listener.isLinked, LONGEST_PAUSE_MS);
      const noted = readFileSync(join(cluster.folder, 'logs', `${name}-agent.log`), 'utf8').match(
        /"code":"frame-invalid"/g,
      );
      expect(noted?.length).toBeGreaterThanOrEqual(listener.ends.filter((end) => end === 'frame-invalid').length);
    }
  }, 900_000);
});

/** A server of the installation that was taken over. */
async function hostileServer(): Promise<HostileListener> {
  const { ca } = await installationKeys(cluster.store, createMasterKey(cluster.masterKey), systemClock);
  const [id, privateKey] = [newId<'server'>() as ServerId, newKey()];
  const { certificate } = (await ca.sign(
    { csr: certificateRequest(privateKey), id, role: 'server', lifetimeMs: HOUR_MS, names: ['127.0.0.1'] },
    systemClock.nowMs(),
  ))!;
  const listener = await HostileListener.listen({ privateKey, certificate, ca: ca.certificate });
  ends.push(() => listener.end());
  await cluster.store.serverRegister({
    id,
    url: `https://127.0.0.1:${listener.port}`,
    version: '0.1.0',
    leaseMs: HOUR_MS,
  });
  return listener;
}

/** An agent in a zone of its own, whose only worker was taken over. */
async function victim(name: string): Promise<Victim & { readonly listener: HostileListener; readonly name: string }> {
  const worker = await HostileWorker.join(await cluster.joinToken('worker', name), name);
  ends.push(() => worker.end());
  const listener = await HostileListener.listen(worker.identity);
  ends.push(() => listener.end());
  await worker.dial(cluster.urls[0]!, { agentAddress: `127.0.0.1:${listener.port}` });
  const agent = new ManagedProcess({
    name: `${name}-agent`,
    program: 'drover-agent',
    args: ['--data', join(cluster.folder, `${name}-agent`), '--name', name, '--machine-id', name],
    env: { DROVER_JOIN: await cluster.joinToken('agent', name) },
    logFolder: join(cluster.folder, 'logs'),
  });
  cluster.agents.push(agent);
  agent.start();
  await until('the agent to link', () => listener.hellos.length > 0);
  return { listener, listeners: [listener], pid: agent.pid, name };
}
