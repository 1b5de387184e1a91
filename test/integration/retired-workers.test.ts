/**
 * Workers that are to do nothing more, with real servers, workers, agents and sshd: one that is revoked gets nothing by the links that it
 * has, and its agents go to another; one that is drained ends what it has begun, and is given nothing.
 */
import { EVERYTHING } from '../../src/domain/access/access-node.ts';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import pg from 'pg';
import { WebSocket } from 'ws';
import { newId, type HostId, type RunId, type WorkerId } from '../../src/base/ids.ts';
import { isTerminalRun } from '../../src/domain/flow/run-machine.ts';
import { certificateRequest, newAgentKey, signWith } from '../../src/pki/identity.ts';
import { endProved } from '../../src/pki/peer-proof.ts';
import type { ServerToWorkerFrame } from '../../src/protocol/link/worker-v1.ts';
import type { ExecutionRecord } from '../../src/store/contract/execution.ts';
import type { WorkerRecord } from '../../src/store/contract/worker.ts';
import { ChaosApi } from '../chaos/api.ts';
import { HostileWorker, WanderingAgent } from '../support/attacker.ts';
import type { Cluster } from '../support/cluster.ts';
import { requiring } from '../support/needs.ts';
import { SshWorld } from '../support/sshd.ts';
import { testCluster } from '../support/test-cluster.ts';
import { until } from '../support/until.ts';

const AGENTS = 3;
let cluster: Cluster;
let api: ChaosApi;
const attackers: HostileWorker[] = [];

beforeAll(async () => {
  cluster = await testCluster({ servers: 2, workers: 2, agents: AGENTS });
  api = new ChaosApi(cluster.urls, cluster.token);
}, 180_000);
afterEach(async () => {
  for (const attacker of attackers.splice(0)) await attacker.end();
});
afterAll(() => cluster?.stop(), 60_000);

const worker = async (name: string): Promise<WorkerRecord> =>
  (await cluster.store.workerList(EVERYTHING)).find((one) => one.name === name)!;
const order = async (id: string, verb: 'drain' | 'resume' | 'revoke'): Promise<void> =>
  expect((await api.post(`/api/v1/workers/${id}/${verb}`, {})).status, verb).toBe(200);
/** Names of the workers that hold agents, one for each agent. */
const holders = async (): Promise<WorkerId[]> =>
  (await cluster.store.hostList(EVERYTHING, { linked: true }, { limit: 100 })).items.map(({ workerId }) => workerId!);
const allAt = (id: WorkerId): Promise<unknown> =>
  until('every agent to be with that worker', async () => {
    const held = await holders();
    return held.length === AGENTS && held.every((one) => one === id);
  });
async function start(targets: string, more: object = {}): Promise<RunId> {
  const { status, body } = await api.post('/api/v1/runs', { targets, command: ['true'], timeout: '60s', ...more });
  expect(status, JSON.stringify(body)).toBe(201);
  return body.id as RunId;
}
const executionsOf = async (id: RunId): Promise<readonly ExecutionRecord[]> =>
  (await cluster.store.executionList(id, {}, { limit: 100 })).items;
const ended = async (id: RunId): Promise<readonly ExecutionRecord[]> => {
  await until('the run to end', async () => isTerminalRun((await cluster.store.runFetch(id))!.state), 60_000);
  return executionsOf(id);
};

describe('a worker that is drained', () => {
  const world = new SshWorld();
  afterAll(() => world.end());

  requiring('sshd').it(
    'ends what it has begun, over agents and over SSH, and everything new goes by the other',
    async () => {
      const { port } = await world.start();
      const account = {
        name: 'ops',
        scope: 'box-*',
        loginUser: world.user,
        credentials: [{ kind: 'key', name: 'k', privateKey: world.userKey.text }],
      };
      expect((await api.post('/api/v1/accounts', account)).status).toBe(201);
      const boxes = Array.from({ length: 6 }, (_, n) => `box-${n}`);
      for (const name of boxes)
        expect((await api.post('/api/v1/hosts', { name, address: '127.0.0.1', port, account: 'ops' })).status).toBe(
          201,
        );
      const folder = join(cluster.folder, 'held');
      mkdirSync(folder);
      const script = [
        'until [ -e "$DROVER_PARAM_FOLDER/go" ] || [ ! -d "$DROVER_PARAM_FOLDER" ]; do sleep 0.05; done',
        'echo done',
      ].join('\n');
      const before = await start('host-*, box-*', { command: undefined, script, params: { FOLDER: folder } });
      await until('all of it to run', async () =>
        (await executionsOf(before)).every((execution) => execution.state === 'running'),
      );
      const [first, second] = [await worker('worker-1'), await worker('worker-2')];
      const isOfFirst = ({ route }: ExecutionRecord): boolean => route?.workerId === first.id;
      // Of six hosts and three agents some are with each, so that there is something to end.
      expect((await executionsOf(before)).some(isOfFirst)).toBe(true);
      await order(first.id, 'drain');
      await allAt(second.id);
      const executions = await ended(await start('host-*, box-*'));
      expect(executions.map(({ state, route }) => [state, route?.workerId])).toEqual(
        executions.map(() => ['succeeded', second.id]),
      );
      expect(existsSync(join(folder, 'go'))).toBe(false);
      writeFileSync(join(folder, 'go'), '');
      expect((await ended(before)).map(({ state }) => state)).toEqual(executions.map(() => 'succeeded'));
      await order(first.id, 'resume');
    },
    180_000,
  );

  it('that has no other beside it is told as the reason, and its agents stay with it', async () => {
    const [first, second] = [await worker('worker-1'), await worker('worker-2')];
    await order(first.id, 'drain');
    await allAt(second.id);
    await order(second.id, 'drain');
    const deferred = async (): Promise<readonly ExecutionRecord[]> =>
      ended(await start('host-*', { startDeadline: '1s' }));
    // Whichever server has the run: the other one hears of it a moment later.
    await until('both servers to know', async () =>
      (await Promise.all([1, 2, 3, 4].map(deferred))).flat().every(({ state }) => state === 'not_started'),
    );
    for (const execution of await deferred())
      expect(execution).toMatchObject({
        state: 'not_started',
        reason: 'worker-drained',
        detail: expect.stringContaining('The worker that holds the agent of the host is being drained') as string,
      });
    for (const { id } of [first, second]) await order(id, 'resume');
    expect((await ended(await start('host-*'))).map(({ state }) => state)).toEqual(Array(AGENTS).fill('succeeded'));
  }, 120_000);
});

describe('a worker that is revoked', () => {
  /** In the record alone: nobody is told of it, and servers look by time every two seconds. */
  async function setRevoked(id: string, isRevoked: boolean): Promise<void> {
    const client = new pg.Client({ connectionString: cluster.databaseUrl });
    await client.connect();
    try {
      await client.query('UPDATE worker SET revoked_at_ms = $2 WHERE id = $1', [id, isRevoked ? 1 : null]);
    } finally {
      await client.end();
    }
  }

  /** Over a link that was there before; again where the look by time has cut it before the answer. */
  async function askedRevoked<T extends ServerToWorkerFrame>(
    attacker: HostileWorker,
    ask: () => Promise<T>,
  ): Promise<T | undefined> {
    for (;;) {
      await setRevoked(attacker.id, false);
      await attacker.dial(cluster.urls[0]!);
      await setRevoked(attacker.id, true);
      const { link } = attacker;
      const cut = until('the link to be cut', () => link !== attacker.link || attacker.refusals.at(-1), 30_000).then(
        () => undefined,
      );
      attacker.refusals.length = 0;
      const answer = await Promise.race([ask().catch(() => undefined), cut]);
      // Of what is asked again within the same second the server hears one.
      if (answer && !('error' in answer && answer.error === 'too-many-requests')) return answer;
    }
  }

  it('is given nothing by a link that is older, not even where no server has heard of it yet', async () => {
    const attacker = await HostileWorker.join(await cluster.joinToken('worker'), 'taken-over');
    attackers.push(attacker);
    const agent = await WanderingAgent.join(await cluster.joinToken('agent', 'default'), 'elsewhere');
    const csr = certificateRequest(newAgentKey());
    const renewal = { t: 'renew', agentId: agent.agentId, csr, signature: signWith(agent.identity.privateKey, csr) };
    const host = { hostId: agent.hostId as HostId };
    for (const [what, ask, told] of [
      ['a certificate', () => attacker.renew(), { error: 'worker-revoked' }],
      ['one for an agent', () => attacker.ask<'renew'>(renewal as never), { error: 'worker-revoked' }],
      ['a login', () => attacker.ask<'access'>({ t: 'access', ...host }), { error: { code: 'worker-revoked' } }],
      [
        'what to mask',
        () => attacker.ask<'secrets'>({ t: 'secrets', a: `${newId()}.0.0.1` }),
        { error: { code: 'worker-revoked' } },
      ],
      [
        'a say in which key a host has',
        () => attacker.ask<'host-key'>({ t: 'host-key', ...host, algorithm: 'ssh-ed25519', key: Buffer.alloc(51) }),
        { error: { code: 'worker-revoked' } },
      ],
    ] as const) {
      const answer = await askedRevoked<ServerToWorkerFrame>(attacker, ask);
      expect(answer, what).toMatchObject(told);
      expect(answer, what).not.toHaveProperty('certificate');
    }
  }, 120_000);

  /** What the first worker says to an agent that comes: undefined where it lets it in, or is not there. */
  const refusalAt = ({ identity }: WanderingAgent): Promise<string | undefined> =>
    new Promise((resolve) => {
      const socket = new WebSocket(`wss://127.0.0.1:${cluster.workerPorts[0]}/link/v1/agent`, {
        ca: identity.ca,
        checkServerIdentity: (() => undefined) as never,
        finishRequest: (request) => endProved(request, identity),
      });
      socket.on('error', () => resolve(undefined));
      socket.on('open', () => (socket.terminate(), resolve(undefined)));
      socket.on('unexpected-response', (_request, response) => {
        response.on('data', (body: Buffer) => resolve((JSON.parse(body.toString()) as { code: string }).code));
      });
    });

  it('loses its agents to another of the zone, which do their work there, and takes none again after a restart', async () => {
    const [first, second] = [await worker('worker-1'), await worker('worker-2')];
    await order(second.id, 'drain');
    await allAt(first.id);
    await order(second.id, 'resume');
    const firstProcess = cluster.workers[0]!;
    await order(first.id, 'revoke');
    await allAt(second.id);
    expect(firstProcess.isAlive).toBe(true);
    const executions = await ended(await start('host-*'));
    expect(executions.map(({ state, route }) => [state, route?.workerId])).toEqual(
      Array(AGENTS).fill(['succeeded', second.id]),
    );
    await firstProcess.terminate();
    firstProcess.start();
    const agent = await WanderingAgent.join(await cluster.joinToken('agent'), 'late');
    await until('it to refuse agents', async () => (await refusalAt(agent)) === 'worker-draining', 60_000);
    expect(cluster.unexpectedEnds).toEqual([]);
  }, 180_000);
});
