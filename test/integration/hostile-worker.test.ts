/** What a worker that was taken over can not do, tried against real servers over real links. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { given } from '../../src/base/given.ts';
import { newId } from '../../src/base/ids.ts';
import { limits } from '../../src/base/limits.ts';
import type { AgentReport } from '../../src/protocol/link/agent-v1.ts';
import type { Sealed } from '../../src/protocol/link/session.ts';
import type { ServerToWorkerFrame, WorkerToServerFrame } from '../../src/protocol/link/worker-v1.ts';
import { Cluster } from '../support/cluster.ts';
import { HostileWorker, WanderingAgent } from '../support/attacker.ts';
import { until } from '../support/until.ts';

let cluster: Cluster;
const attackers: HostileWorker[] = [];

beforeAll(async () => {
  cluster = await Cluster.start({ servers: 2, workers: 0, agents: 0 });
}, 120_000);
afterEach(async () => {
  for (const attacker of attackers.splice(0)) await attacker.end();
});
afterAll(() => cluster.stop());

async function attacker(zone: string): Promise<HostileWorker> {
  const worker = await HostileWorker.join(await cluster.joinToken('worker', zone), `w-${attackers.length}-${zone}`);
  attackers.push(worker);
  return worker;
}

async function api(method: string, path: string, body?: unknown, server = 0): Promise<Response> {
  return fetch(`${cluster.urls[server]}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${cluster.token}`,
      'content-type': 'application/json',
      'idempotency-key': newId(),
    },
    ...given({ body: body === undefined ? undefined : JSON.stringify(body) }),
  });
}

/** A host that is reached over SSH with a password, and its id. */
async function sshHost(name: string, zone: string): Promise<string> {
  const account = await api('POST', '/accounts', {
    name: `root-${name}`,
    scope: name,
    loginUser: 'root',
    credentials: [{ kind: 'password', password: 'planted-secret' }],
  });
  if (account.status !== 201) throw new Error(await account.text());
  const host = await api('POST', '/hosts', { name, address: '192.0.2.1', zone, account: `root-${name}` });
  if (host.status !== 201) throw new Error(await host.text());
  return ((await host.json()) as { id: string }).id;
}

describe('a worker that was taken over', () => {
  it('is of the zone that it was enrolled for, whatever it says', async () => {
    const hostId = await sshHost('zoned', 'default');
    const [own, other] = [await attacker('default'), await attacker('dmz')];
    await own.dial(cluster.urls[0]!);
    await other.dial(cluster.urls[0]!, { zone: 'default', name: 'w-0-default' });
    // The worker of the zone is told, so what the other one is not told is there.
    expect(JSON.stringify((await own.ask<'access'>({ t: 'access', hostId })).access)).toContain('planted-secret');
    const refused = await other.ask<'access'>({ t: 'access', hostId });
    expect(refused.access).toBeUndefined();
    expect(refused.error?.code).toBe('host-not-found');
    const key = await other.ask<'host-key'>({ t: 'host-key', hostId, algorithm: 'ssh-ed25519', key: Buffer.alloc(51) });
    expect(key.answer).toBe('refused');
    const listed = (await (await api('GET', `/workers/${other.id}`)).json()) as { zone: string; name: string };
    expect(listed).toMatchObject({ zone: 'dmz', name: 'w-1-dmz' });
  });

  it('answers no question that another worker was asked', async () => {
    const hostId = await sshHost('questioned', 'default');
    const [own, other] = [await attacker('default'), await attacker('dmz')];
    await own.dial(cluster.urls[0]!);
    await other.dial(cluster.urls[0]!);
    const answer = api('POST', `/hosts/${hostId}/test`, {});
    const question = await until('the question', () => own.frames.find((frame) => frame.t === 'connection-test'));
    for (let id = 0; id <= question.id + 10; id++)
      other.say({ t: 'connection-tested', id, steps: [{ step: 'invented', result: 'ok' }] });
    // Whatever the other has said is read before it is asked something.
    await other.ask<'access'>({ t: 'access', hostId });
    own.say({ t: 'connection-tested', id: question.id, steps: [{ step: 'own', result: 'failed' }] });
    expect(JSON.stringify(await (await answer).json())).toMatch(/^(?!.*invented).*"own"/);
  });

  it('gets no credentials while it is drained', async () => {
    const hostId = await sshHost('drained', 'default');
    const worker = await attacker('default');
    await worker.dial(cluster.urls[0]!);
    expect((await api('POST', `/workers/${worker.id}/drain`)).status).toBe(200);
    expect((await worker.ask<'access'>({ t: 'access', hostId })).error?.code).toBe('worker-draining');
    expect((await api('POST', `/workers/${worker.id}/resume`)).status).toBe(200);
    expect((await worker.ask<'access'>({ t: 'access', hostId })).access).toBeDefined();
  });

  it('is out on every server at once when it is revoked, and stays out', async () => {
    const worker = await attacker('default');
    await worker.dial(cluster.urls[1]!);
    expect((await worker.renew()).certificate).toBeDefined();
    const answer = await api('POST', `/workers/${worker.id}/revoke`);
    expect(answer.status).toBe(200);
    expect(((await answer.json()) as { revokedAt?: string }).revokedAt).toBeDefined();
    await until('the other server to cut the link', () => worker.refusals.includes('worker-revoked'));
    for (const url of cluster.urls) {
      const before = worker.refusals.length;
      await worker.dial(url);
      expect(worker.refusals.slice(before)).toEqual(['worker-revoked']);
    }
    const audit = (await (await api('GET', '/audit?limit=5')).json()) as { items: { action: string }[] };
    expect(audit.items.filter(({ action }) => action === 'fleet.worker.revoke')).toHaveLength(1);
  });

  /** A run of one host with a secret in it; resolves with its id once it is created. */
  async function run(host: string, server = 0, more: Record<string, string> = {}): Promise<string> {
    const answer = await api(
      'POST',
      '/runs',
      {
        targets: host,
        command: ['true'],
        secrets: { TOKEN: 'planted-token' },
        startDeadline: '2m',
        timeout: '2m',
        ...more,
      },
      server,
    );
    if (answer.status !== 201) throw new Error(await answer.text());
    return ((await answer.json()) as { id: string }).id;
  }
  async function executionOf(runId: string): Promise<{ state: string; outcome?: object; reason?: string }> {
    const page = (await (await api('GET', `/runs/${runId}/executions`)).json()) as { items: { state: string }[] };
    return page.items[0]!;
  }
  const orderFor = (worker: HostileWorker, runId: string): Promise<Extract<ServerToWorkerFrame, { t: 'assign' }>> =>
    until('the order', () =>
      worker.frames.find(
        (frame): frame is Extract<ServerToWorkerFrame, { t: 'assign' }> =>
          frame.t === 'assign' && frame.runId === runId,
      ),
    );
  /** By every server that the worker has a link to: each looks the agent up for itself, and passes over what it says before that. */
  const heldBy = async (worker: HostileWorker, agent: WanderingAgent): Promise<void> => {
    const answers = (): string[] =>
      worker.frames.flatMap((frame) => (frame.t === 'time' && frame.agentId === agent.agentId ? [frame.server] : []));
    await until('the servers to take note of the link', () => new Set(answers()).size >= worker.links.length);
  };

  const reportOf = (a: string, code: number): AgentReport => ({
    t: 'report',
    a,
    outcome: { kind: 'exited', code },
    finishedAtMs: 1_700_000_000_000,
    stdout: { size: 0, head: 0, tail: 0 },
    stderr: { size: 0, head: 0, tail: 0 },
  });
  const saidBy = ({ agentId }: WanderingAgent, a: string, sealed: readonly Sealed[]): WorkerToServerFrame => ({
    t: 'events',
    events: sealed.map((one) => ({ k: 'said', a, agentId, ...one })),
  });
  const settled = async (runId: string): Promise<object> => {
    const isOut = ({ state }: { state: string }): boolean => ['waiting', 'dispatched', 'running'].includes(state);
    await until('the end', async () => !isOut(await executionOf(runId)), 60_000);
    return executionOf(runId);
  };

  it('holds no host whose agent has not linked to it, and is given nothing of its work', async () => {
    const [own, other] = [await attacker('default'), await attacker('default')];
    await own.dial(cluster.urls[0]!);
    const agent = await WanderingAgent.join(await cluster.joinToken('agent'), 'held');
    await other.dial(cluster.urls[0]!);
    const proof = agent.linked(own.id);
    // Nothing, the proof that was for another worker, and one with the worker's name put in.
    other.say({ ...proof, proof: { body: Buffer.alloc(0), mac: Buffer.alloc(32) } });
    other.say(proof);
    other.say({ ...proof, proof: { ...proof.proof, body: Buffer.from(proof.proof.body).fill(0, 10, 20) } });
    own.say(proof);
    await heldBy(own, agent);
    other.say(proof);
    other.say({
      t: 'agents',
      agents: [{ ...agent, sinceMs: Date.parse('2100-01-01'), proof: proof.proof }],
      last: true,
    });
    const runId = await run('held');
    await orderFor(own, runId);
    expect(JSON.stringify(other.frames)).not.toContain(agent.hostId);
  });

  it('is given nothing more for an agent that was revoked, though it goes on holding it', async () => {
    const worker = await attacker('default');
    for (const url of cluster.urls) await worker.dial(url);
    const agent = await WanderingAgent.join(await cluster.joinToken('agent'), 'revoked');
    const sayAll = (frame: WorkerToServerFrame): void => worker.links.forEach((link) => link.send(frame));
    const linked = agent.linked(worker.id);
    sayAll(linked);
    const times = (): number => worker.frames.filter((frame) => frame.t === 'time').length;
    await until('both servers to take note of the link', () => times() === 2);
    expect((await api('POST', `/agents/${agent.agentId}/revoke`)).status).toBe(200);
    const told = (frame: ServerToWorkerFrame): boolean =>
      frame.t === 'revoked' && frame.agentIds.includes(agent.agentId);
    await until('both servers to cut it off', () => worker.frames.filter(told).length >= 2);
    sayAll(linked);
    for (const server of [0, 1])
      expect(await settled(await run('revoked', server, { startDeadline: '1s' }))).toMatchObject({
        state: 'not_started',
      });
    expect(worker.frames.filter((frame) => frame.t === 'assign')).toEqual([]);
  });

  it('of another zone holds nobody, though an agent links to it', async () => {
    const own = await attacker('default');
    await own.dial(cluster.urls[0]!);
    const agent = await WanderingAgent.join(await cluster.joinToken('agent'), 'strayed');
    const foreign = await attacker('dmz');
    await foreign.dial(cluster.urls[0]!);
    foreign.say(agent.linked(foreign.id));
    await until('the refusal', () => foreign.frames.some((frame) => frame.t === 'refused'));
    expect(((await (await api('GET', '/hosts/strayed')).json()) as { linked: boolean }).linked).toBe(false);
  });

  it('ends the link of no agent but those that it holds, whosever host it names with it', async () => {
    const own = await attacker('default');
    await own.dial(cluster.urls[0]!);
    const agent = await WanderingAgent.join(await cluster.joinToken('agent'), 'kept');
    own.say(agent.linked(own.id));
    await heldBy(own, agent);
    const foreign = await attacker('dmz');
    await foreign.dial(cluster.urls[0]!);
    const puppet = await WanderingAgent.join(await cluster.joinToken('agent', 'dmz'), 'puppet');
    foreign.say(puppet.linked(foreign.id));
    await heldBy(foreign, puppet);
    const atMs = systemClock.nowMs();
    foreign.say({ t: 'unlinked', hostId: puppet.hostId, agentId: agent.agentId, atMs });
    foreign.say({ t: 'unlinked', hostId: agent.hostId, agentId: puppet.agentId, atMs });
    foreign.say({ t: 'unlinked', hostId: agent.hostId, agentId: agent.agentId, atMs });
    // Whatever the other has said is read before it is answered.
    await foreign.ask<'access'>({ t: 'access', hostId: agent.hostId });
    const runId = await run('kept');
    await orderFor(own, runId);
    const report = agent.session.seal(reportOf(`${runId}.0.0.1`, 0));
    own.say(saidBy(agent, `${runId}.0.0.1`, [report]));
    expect(await settled(runId)).toMatchObject({ state: 'succeeded' });
    await until(
      'its own agent to be shown as linked',
      async () => ((await (await api('GET', '/hosts/puppet')).json()) as { linked: boolean }).linked,
    );
  });

  it('is sent away when it tells of more agents than a worker may hold, and others are answered meanwhile', async () => {
    const worker = await attacker('dmz');
    await worker.dial(cluster.urls[0]!);
    const agents = Array.from({ length: limits.linksPerFrameMax }, () => ({
      hostId: newId(),
      agentId: newId(),
      sinceMs: 1,
      proof: { body: Buffer.alloc(300), mac: Buffer.alloc(32) },
    }));
    let sent = 0;
    while (worker.link?.send({ t: 'agents', agents, last: false }) && sent <= limits.agentsPerWorkerMax)
      [sent] = [sent + agents.length, await api('GET', '/whoami')];
    await until('it to be sent away', () => worker.refusals.includes('frame-invalid'));
    expect(sent).toBeGreaterThanOrEqual(limits.agentsPerWorkerMax);
  });

  it('invents, alters and repeats nothing that an agent has said', async () => {
    const worker = await attacker('default');
    for (const url of cluster.urls) await worker.dial(url);
    const agent = await WanderingAgent.join(await cluster.joinToken('agent'), 'told');
    const sayAll = (frame: WorkerToServerFrame): void => worker.links.forEach((link) => link.send(frame));
    sayAll(agent.linked(worker.id));
    await heldBy(worker, agent);
    const runId = await run('told');
    const a = `${runId}.0.0.1`;
    await orderFor(worker, runId);
    const executor = { kind: 'agent', id: agent.agentId } as const;
    const own = ownOf(worker);
    const report = (code: number): AgentReport => reportOf(a, code);
    const good = agent.session.seal(report(5));
    const altered = agent.session.seal(report(0)).body;
    const said = (...sealed: Sealed[]): WorkerToServerFrame => saidBy(agent, a, sealed);
    sayAll({ t: 'events', events: [{ k: 'report', executor, report: report(0) }] });
    sayAll({ t: 'events', events: [{ k: 'started', a, executor, atMs: 1, pid: 1 }] });
    sayAll({ t: 'events', events: [{ k: 'unknown', a, executor, order: 1 }] });
    sayAll({ t: 'events', events: [{ k: 'report', executor: own, report: report(0) }] });
    sayAll(said({ body: altered, mac: good.mac }));
    sayAll(said({ body: good.body, mac: Buffer.alloc(32) }));
    // An answer to an order that was never given, in the agent's own hand.
    sayAll(said(agent.session.seal({ t: 'unknown', a, order: 999_999 })));
    sayAll(said(agent.session.seal({ t: 'started', a, pid: 7, atMs: 1_700_000_000_000 })));
    await until('what the agent said to count', async () => (await executionOf(runId)).state === 'running');
    sayAll(said(good));
    expect(await settled(runId)).toMatchObject({ state: 'failed', outcome: { kind: 'exited', code: 5 } });
  });

  const ownOf = ({ id }: HostileWorker) => ({ kind: 'worker', id, engine: 'ssh' }) as const;

  it('makes nothing of an order by saying that it has not handed it on', async () => {
    const worker = await attacker('default');
    for (const url of cluster.urls) await worker.dial(url);
    const agent = await WanderingAgent.join(await cluster.joinToken('agent'), 'handed');
    const sayAll = (frame: WorkerToServerFrame): void => worker.links.forEach((link) => link.send(frame));
    sayAll(agent.linked(worker.id));
    await heldBy(worker, agent);
    const runId = await run('handed', 0, { startDeadline: '1s', lostAfter: '1s' });
    const a = `${runId}.0.0.1`;
    await orderFor(worker, runId);
    const own = ownOf(worker);
    // The agent has it, and runs; the worker says that it never had it, and that the agent is gone.
    for (let n = 0; n < 3; n++)
      sayAll({ t: 'events', events: [{ k: 'undelivered', a, code: 'host-not-linked', executor: own }] });
    sayAll({ t: 'events', events: [{ k: 'undelivered', a, code: 'host-not-linked' }] });
    sayAll({ t: 'unlinked', hostId: agent.hostId, agentId: agent.agentId, atMs: 1 });
    expect(await settled(runId)).toMatchObject({ state: 'lost' });
    expect(worker.frames.filter((frame) => frame.t === 'assign' && frame.runId === runId)).toHaveLength(1);
    worker.frames.length = 0;
    sayAll(agent.linked(worker.id));
    await heldBy(worker, agent);
    sayAll(saidBy(agent, a, [agent.session.seal(reportOf(a, 5))]));
    await until('the late truth', async () => (await executionOf(runId)).state === 'failed');
  });

  it('settles nothing by what an agent has answered to another server, after a takeover', async () => {
    const worker = await attacker('default');
    for (const url of cluster.urls) await worker.dial(url);
    const agent = await WanderingAgent.join(await cluster.joinToken('agent'), 'taken-over');
    const sayAll = (frame: WorkerToServerFrame): void => worker.links.forEach((link) => link.send(frame));
    sayAll(agent.linked(worker.id));
    await heldBy(worker, agent);
    const runId = await run('taken-over');
    const a = `${runId}.0.0.1`;
    const { server } = await orderFor(worker, runId);
    sayAll({ t: 'events', events: [{ k: 'undelivered', a, code: 'agent-busy' }] });
    await cluster.servers[0]!.kill();
    const isOfSecond = (frame: ServerToWorkerFrame): boolean =>
      ((frame.t === 'assign' && frame.runId === runId) ||
        (frame.t === 'cancel' && frame.attempts.some((one) => one.a === a))) &&
      frame.server !== server;
    // To the very start that was given it, and no other.
    await until('the second server to order it', () => worker.frames.some(isOfSecond), 60_000);
    expect((await api('POST', `/runs/${runId}/cancel`, undefined, 1)).status).toBe(202);
    await until('its cancel', () => worker.frames.some((frame) => frame.t === 'cancel' && isOfSecond(frame)));
    // Each number that the second server may have reached, as the agent has answered it to the first.
    const answers = Array.from({ length: 200 }, (_, order) => [
      agent.session.seal({ t: 'unknown', a, order, server }),
      agent.session.seal({ t: 'busy', a, order, server }),
    ]).flat();
    worker.say(saidBy(agent, a, answers));
    worker.say(saidBy(agent, a, [agent.session.seal({ t: 'started', a, pid: 7, atMs: 1_700_000_000_000 })]));
    worker.say(saidBy(agent, a, [agent.session.seal(reportOf(a, 5))]));
    await until(
      'the end',
      async () => {
        const page = await api('GET', `/runs/${runId}/executions`, undefined, 1);
        const { items } = (await page.json()) as { items: { state: string }[] };
        return items[0]!.state === 'failed';
      },
      60_000,
    );
  }, 120_000);
});
