/** What a worker has to do: over its agents and by itself over SSH, how much at once, in which order, and what becomes of it when the worker is drained. */
import { afterEach, describe, expect, it } from 'vitest';
import { newId, type AttemptId } from '../../src/base/ids.ts';
import type { NamedExecutor } from '../../src/domain/run/executor.ts';
import { HOST as SUBJECT } from '../support/execution-spec.ts';
import { until } from '../support/until.ts';
import { runIn, WorkerRig } from '../support/worker-rig.ts';

const [HOST, ACCOUNT] = [newId(), newId()];
let rig: WorkerRig;
afterEach(() => rig.end());

/** A host that the worker reaches by itself. */
const self = (): NamedExecutor => ({ kind: 'worker', id: rig.workerIdentity.id, engine: 'ssh' });
const overSsh = (): { executor: NamedExecutor; hostId: string } => ({ executor: self(), hostId: newId() });

describe('an order over SSH', () => {
  it('is carried out by the worker, with the host and the account it is for, and told as an agent would tell it', async () => {
    rig = await WorkerRig.create();
    expect((await rig.server.frame('hello')).features).toEqual(['ssh']);
    rig.ssh.onStart = () => ({ stdout: Buffer.from('over ssh'), exitCode: 3 });
    const host = overSsh();
    const [a] = rig.server.assign(runIn(1), [host], { accountId: ACCOUNT }) as [AttemptId];
    expect(await rig.server.told(a, 'report')).toMatchObject({
      executor: self(),
      report: { outcome: { kind: 'exited', code: 3 }, stdout: { inline: Buffer.from('over ssh') } },
    });
    expect(rig.ssh.targets.get(a)).toEqual({ hostId: host.hostId, hostName: SUBJECT.hostName, accountId: ACCOUNT });
    rig.server.send({ t: 'ack', attempts: [{ a, executor: self() }] });
    await until('the worker to forget', () => rig.ssh.stateOf(a) === 'settled');
  });

  it('is not mixed up with the agent that the same host has', async () => {
    rig = await WorkerRig.create();
    const agent = await rig.agent();
    rig.ssh.onStart = () => undefined;
    const [a] = rig.server.assign(runIn(1), [{ executor: self(), hostId: agent.hostId }], {
      watch: true,
    }) as [AttemptId];
    await rig.server.told(a, 'started');
    expect(agent.ledger.effects).toEqual([]);
    rig.ssh.output(a, 1, 0, Buffer.from('live'), 0);
    expect(Buffer.from((await rig.server.frame('output')).bytes).toString()).toBe('live');
    rig.server.send({ t: 'query', partition: 1, term: 1, attempts: [{ a, executor: self() }] });
    await until('the answer', () => rig.server.eventsOf(a).filter((event) => event.k === 'started').length === 2);
    rig.server.send({ t: 'cancel', partition: 1, term: 1, attempts: [{ a, executor: self() }] });
    expect((await rig.server.told(a, 'report')).report.outcome.kind).toBe('cancelled');
    rig.server.send({ t: 'fetch', id: 5, executor: self(), a, stream: 1, offset: 0, length: 1 });
    expect(await rig.server.frame('data', (frame) => frame.id === 5)).toMatchObject({ size: 0, eof: true });
  });

  it('is told of soon after it began and ended, and at once to whoever drains the worker', async () => {
    rig = await WorkerRig.create();
    let from = 0;
    const underWay = (count: number): Promise<unknown> =>
      until(`${count} to be told`, () =>
        rig.server.frames.slice(from).some((frame) => frame.t === 'load' && frame.lanes?.ssh.underWay === count),
      );
    rig.ssh.onStart = () => undefined;
    const [a] = rig.server.assign(runIn(1), [overSsh()]) as [AttemptId];
    await underWay(1);
    from = rig.server.frames.length;
    rig.ssh.finish(a);
    await underWay(0);
    const told = rig.server.frames.filter(({ t }) => t === 'load').length;
    rig.server.send({ t: 'drain', on: true });
    rig.server.send({ t: 'drain', on: true });
    await until('the figures', () => rig.server.frames.filter(({ t }) => t === 'load').length >= told + 2);
  });

  it('needs access that a server gives, from another server when the first goes away', async () => {
    rig = await WorkerRig.create();
    const second = await rig.addServer();
    const asking = rig.worker.requestAccess(HOST, ACCOUNT);
    const question = await until('a server to be asked', () =>
      rig.servers
        .flatMap((server) => server.frames.map((frame) => ({ server, frame })))
        .find(({ frame }) => frame.t === 'access'),
    );
    expect(question.frame).toMatchObject({ hostId: HOST, accountId: ACCOUNT });
    question.server.listening.connections.at(-1)!.destroy();
    const other = question.server === second ? rig.server : second;
    const again = await other.frame('access');
    const access = { hostId: HOST, accountId: ACCOUNT, hops: [], become: { kind: 'direct' as const } };
    other.send({ t: 'access', id: again.id, access });
    expect(await asking).toEqual(access);
  });

  it('is told the reason of a server that refuses access', async () => {
    rig = await WorkerRig.create();
    const asking = rig.worker.requestAccess(HOST);
    const { id } = await rig.server.frame('access');
    rig.server.send({ t: 'access', id, error: { code: 'host-not-found', detail: 'No such host.' } });
    await expect(asking).rejects.toMatchObject({ code: 'host-not-found', message: 'No such host.' });
  });
});

describe('a lane', () => {
  it('has so many executions under way, and what waits is told to wait, can be cancelled, and goes on as room is made', async () => {
    rig = await WorkerRig.create({ ssh: 2 });
    rig.ssh.onStart = () => undefined;
    const run = runIn(1);
    const attempts = rig.server.assign(run, [overSsh(), overSsh(), overSsh(), overSsh()]);
    const [first, second, third, fourth] = attempts as [AttemptId, AttemptId, AttemptId, AttemptId];
    await rig.server.told(second, 'started');
    await rig.server.told(third, 'queued');
    await rig.server.told(fourth, 'queued');
    expect(rig.ssh.effects).toEqual([first, second]);
    // The same order again is no second order.
    rig.server.assign(run, [overSsh(), overSsh(), overSsh(), overSsh()]);
    rig.server.send({ t: 'cancel', partition: 1, term: 1, attempts: [{ a: third, executor: self() }] });
    await rig.server.told(third, 'unknown');
    rig.ssh.finish(first);
    await rig.server.told(fourth, 'started');
    expect(rig.ssh.effects).toEqual([first, second, fourth]);
  });

  it('does not hold up the other', async () => {
    rig = await WorkerRig.create({ ssh: 1 });
    rig.ssh.onStart = () => undefined;
    const agent = await rig.agent();
    rig.server.assign(runIn(1), [overSsh(), overSsh()]);
    const [a] = rig.server.assign(runIn(2), [agent]) as [AttemptId];
    await rig.server.told(a, 'report');
    expect(rig.ssh.effects).toHaveLength(1);
  });

  it('gets the room of an agent that went away back', async () => {
    rig = await WorkerRig.create({ agent: 1 });
    const [gone, here] = [await rig.bareAgent(), await rig.agent()];
    const [stuck] = rig.server.assign(runIn(1), [gone]) as [AttemptId];
    await until('the start to arrive', () => gone.frames.some((frame) => frame.t === 'start'));
    const [a] = rig.server.assign(runIn(2), [here]) as [AttemptId];
    await rig.server.told(a, 'queued');
    gone.link.close();
    await rig.server.told(a, 'report');
    expect(rig.server.eventsOf(stuck)).toEqual([]);
  });
});

describe('a worker that is drained', () => {
  it('sends its agents to the other workers of its zone, and only then', async () => {
    rig = await WorkerRig.create();
    const own = `127.0.0.1:${rig.agentsListening.port}`;
    const agent = await rig.agent();
    rig.server.send({ t: 'drain', on: true });
    await rig.server.echoed(agent);
    expect(agent.isLinked()).toBe(true);
    rig.server.send({ t: 'topology', servers: [], workers: ['another:1', own] });
    await rig.server.frame('unlinked', (frame) => frame.agentId === agent.agentId);
    rig.server.send({ t: 'drain', on: false });
    await until(
      'the agent to be back for good',
      () => rig.server.frames.filter((frame) => frame.t === 'linked').length >= 2 && agent.isLinked(),
    );
  });
});
