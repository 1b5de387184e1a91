/** A real worker between played servers and real agents: whose word goes where, by which term, and what never gets through. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { given } from '../../src/base/given.ts';
import { attemptId, newId, type AttemptId } from '../../src/base/ids.ts';
import type { NamedExecutor } from '../../src/domain/run/executor.ts';
import { until } from '../support/until.ts';
import { executorOf, runIn, WorkerRig } from '../support/worker-rig.ts';

let rig: WorkerRig;

beforeEach(async () => {
  rig = await WorkerRig.create();
});
afterEach(() => rig.end());

describe('an order', () => {
  it('runs once and its truth comes back, one that is over at once in one word, and after the ack the agent forgets', async () => {
    const agent = await rig.agent();
    const [a] = rig.server.assign(runIn(3), [agent]) as [AttemptId];
    const { report } = await rig.server.told(a, 'report');
    expect(report).toMatchObject({ outcome: { kind: 'exited', code: 0 } });
    expect(rig.server.eventsOf(a).map((event) => event.k)).toEqual(['report']);
    rig.server.send({ t: 'ack', attempts: [{ a, executor: executorOf(agent) }] });
    await until('the agent to forget', () => agent.ledger.stateOf(a) === 'settled');
  });

  it("that the server did not sign is nobody's: nothing runs, and nothing is told", async () => {
    const agent = await rig.agent();
    const [a] = rig.server.assign(runIn(1), [agent], { mac: Buffer.alloc(32) }) as [AttemptId];
    const [bare] = rig.server.assign(runIn(1), [agent], { mac: Buffer.alloc(0) }) as [AttemptId];
    await rig.server.echoed(agent);
    expect(agent.ledger.effects).toEqual([]);
    expect([...rig.server.eventsOf(a), ...rig.server.eventsOf(bare)]).toEqual([]);
  });

  it('signed for another agent is passed over', async () => {
    const [agent, other] = [await rig.agent(), await rig.agent()];
    const runId = runIn(1);
    const [a] = rig.server.assign(runId, [other]) as [AttemptId];
    await rig.server.told(a, 'report');
    const signed = rig.server.sent.findLast((frame) => frame.t === 'assign')!;
    // The same order, sent to the first agent by a worker that lies about whom it is for.
    rig.server.send({ ...signed, targets: signed.targets.map((target) => ({ ...target, ...placeOf(agent) })) });
    await rig.server.echoed(agent);
    expect(agent.ledger.effects).toEqual([]);
  });

  it('in a bad copy does nothing to a script that runs, nor does a cancel or an ack that no server has signed', async () => {
    const agent = await rig.agent();
    agent.ledger.onStart = () => undefined;
    const runId = runIn(1);
    const [a] = rig.server.assign(runId, [agent]) as [AttemptId];
    await rig.server.told(a, 'started');
    rig.server.assign(runId, [agent], { mac: Buffer.alloc(32) });
    const mark = { server: rig.server.id, order: 1_000_000, partition: 1, term: 1 };
    for (const mac of [undefined, Buffer.alloc(32)])
      rig.server.sendUnsigned({
        t: 'cancel',
        ...mark,
        attempts: [{ a, executor: executorOf(agent), ...given({ mac }) }],
      });
    await rig.server.echoed(agent);
    agent.ledger.finish(a, { exitCode: 5 });
    expect((await rig.server.told(a, 'report')).report).toMatchObject({ outcome: { kind: 'exited', code: 5 } });
    rig.server.sendUnsigned({ t: 'ack', attempts: [{ a, executor: executorOf(agent) }] });
    await rig.server.echoed(agent);
    expect(agent.ledger.stateOf(a)).toBe('finished');
  });

  it('replayed when its time is over has no effect, whatever the worker says the time is', async () => {
    let offsetMs = 0;
    const agent = await rig.agent({
      clock: {
        ...systemClock,
        monotonicMs: () => systemClock.monotonicMs() + offsetMs,
        nowMs: () => systemClock.nowMs(),
      },
    });
    const [a] = rig.server.assign(runIn(1), [agent]) as [AttemptId];
    await rig.server.told(a, 'report');
    const order = rig.server.sent.findLast((frame) => frame.t === 'assign')!;
    // A day and an hour: the tombstone is gone, and the host's wall clock was set back meanwhile.
    offsetMs = 25 * 3_600_000;
    rig.server.offsetMs = offsetMs;
    await agent.ledger.forget([a]);
    agent.ledger.loseTombstone(a);
    rig.server.send(order);
    expect(await rig.server.told(a, 'undelivered')).toMatchObject({ code: 'agent-busy', executor: executorOf(agent) });
    expect(agent.ledger.effects).toEqual([a]);
  });

  it('signed for a former start of the agent means nothing to the next', async () => {
    const agent = await rig.agent();
    const runId = runIn(1);
    rig.server.assign(runId, [agent]);
    const order = rig.server.sent.findLast((frame) => frame.t === 'assign')!;
    await until('the first start to have it', () => agent.ledger.effects.length === 1);
    await agent.service.stop();
    const next = await rig.agent({ identity: agent.identity, hostId: agent.hostId, start: 2 });
    rig.server.send(order);
    await rig.server.echoed(next);
    expect(next.ledger.effects).toEqual([]);
  });

  it('that was said to be unknown is not carried out when it comes after all, but a later one is', async () => {
    const agent = await rig.agent();
    const runId = runIn(1);
    const [a] = rig.server.assign(runId, [{ ...agent, hostId: newId() }]) as [AttemptId];
    const kept = rig.server.sent.findLast((frame) => frame.t === 'assign')!;
    const held = {
      ...kept,
      targets: kept.targets.map((target) => ({ ...target, ...placeOf(agent) })),
    };
    rig.server.send({ t: 'query', partition: 1, term: 1, attempts: [{ a, executor: executorOf(agent) }] });
    await rig.server.told(a, 'unknown');
    rig.server.send(held);
    await rig.server.echoed(agent);
    expect(agent.ledger.effects).toEqual([]);
    rig.server.assign(runId, [agent]);
    await rig.server.told(a, 'report');
    expect(agent.ledger.effects).toEqual([a]);
  });

  it('that comes again is answered with where the attempt stands', async () => {
    const agent = await rig.agent();
    agent.ledger.onStart = () => undefined;
    const runId = runIn(1);
    const [a] = rig.server.assign(runId, [agent]) as [AttemptId];
    await rig.server.told(a, 'started');
    rig.server.assign(runId, [agent]);
    await until(
      'the start to be told again',
      () => rig.server.eventsOf(a).filter((event) => event.k === 'started').length === 2,
    );
    expect(rig.server.eventsOf(a).at(-1)).toMatchObject({
      k: 'started',
      executor: executorOf(agent),
      pid: 4242,
      atMs: 1,
    });
    expect(agent.ledger.effects).toEqual([a]);
  });

  it('that comes again from a new owner tells it of a start that only the former one has heard', async () => {
    const agent = await rig.agent();
    agent.ledger.onStart = () => undefined;
    const runId = runIn(9);
    const [a] = rig.server.assign(runId, [agent]) as [AttemptId];
    await rig.server.told(a, 'started');
    const second = await rig.addServer();
    second.owns(9, 2);
    await second.echoed(agent);
    second.assign(runId, [agent], { term: 2 });
    await second.told(a, 'started');
    expect(agent.ledger.effects).toEqual([a]);
  });

  it('that comes after its time is not taken, and can be sent again', async () => {
    const agent = await rig.agent();
    const runId = runIn(1);
    const [a] = rig.server.assign(runId, [agent], { validUntilMs: systemClock.nowMs() - 1_000 }) as [AttemptId];
    expect(await rig.server.told(a, 'undelivered')).toMatchObject({ code: 'agent-busy' });
    expect(agent.ledger.effects).toEqual([]);
    rig.server.assign(runId, [agent]);
    await rig.server.told(a, 'report');
    expect(agent.ledger.effects).toEqual([a]);
  });

  it("is judged by the server's clock, so that a host whose clock is a day ahead still works", async () => {
    const agent = await rig.agent({ clock: shifted(86_400_000) });
    const [a] = rig.server.assign(runIn(1), [agent]) as [AttemptId];
    expect((await rig.server.told(a, 'report')).report).toMatchObject({ outcome: { kind: 'exited' } });
  });

  it('replayed while it runs, after it ended and after it was forgotten has no second effect', async () => {
    const agent = await rig.agent();
    agent.ledger.onStart = () => undefined;
    const runId = runIn(5);
    const [a] = rig.server.assign(runId, [agent]) as [AttemptId];
    await rig.server.told(a, 'started');
    rig.server.assign(runId, [agent]);
    agent.ledger.finish(a);
    await rig.server.told(a, 'report');
    rig.server.assign(runId, [agent]);
    await until(
      'the report to come again',
      () => rig.server.eventsOf(a).filter((event) => event.k === 'report').length >= 2,
    );
    rig.server.send({ t: 'ack', attempts: [{ a, executor: executorOf(agent) }] });
    await until('the agent to forget', () => agent.ledger.stateOf(a) === 'settled');
    rig.server.assign(runId, [agent]);
    // A marker behind the replay: when it is through, so is the replay.
    const [marker] = rig.server.assign(runIn(5), [agent]) as [AttemptId];
    await until('the marker to run', () => agent.ledger.effects.includes(marker));
    expect(agent.ledger.effects).toEqual([a, marker]);
  });

  it('for a host that is not linked here is told as undelivered at once', async () => {
    const [a] = rig.server.assign(runIn(2), [{ agentId: newId(), hostId: newId() }]) as [AttemptId];
    expect(await rig.server.told(a, 'undelivered')).toMatchObject({ code: 'host-not-linked' });
  });

  it('for an agent that the host had before is not handed to the one it has now', async () => {
    const former = await rig.agent();
    // Else it comes back, and which of the two is the host's agent changes by the moment.
    await former.service.stop();
    const now = await rig.agent({ hostId: former.hostId });
    const [a] = rig.server.assign(runIn(2), [former]) as [AttemptId];
    expect(await rig.server.told(a, 'undelivered')).toMatchObject({ code: 'host-not-linked' });
    expect([former.ledger.effects, now.ledger.effects]).toEqual([[], []]);
  });

  it('that an agent has no room for is told as undelivered, busy', async () => {
    const agent = await rig.agent();
    agent.ledger.capacity = 0;
    const [a] = rig.server.assign(runIn(2), [agent]) as [AttemptId];
    expect(await rig.server.told(a, 'undelivered')).toMatchObject({ code: 'agent-busy' });
  });

  it('of high priority overtakes a long queue of low ones, which all run in the end', async () => {
    const agents = await Promise.all(Array.from({ length: 20 }, () => rig.agent()));
    const [low, high] = [runIn(4), runIn(4)];
    const order: string[] = [];
    for (const agent of agents) agent.ledger.onStart = (attempt) => (order.push(attempt.slice(0, 36)), {});
    // Past what one turn of the worker's loop hands out, so that a queue stands when the high one comes.
    const targets = Array.from({ length: 3_000 }, (_, i) => agents[i % agents.length]!);
    rig.server.assign(low, targets, { priority: 'low' });
    rig.server.assign(high, targets.slice(0, 40), { priority: 'high' });
    await until('all to have run', () => order.length === 3_040);
    const lastHigh = order.lastIndexOf(high);
    expect(order.slice(lastHigh).filter((run) => run === low).length).toBeGreaterThan(500);
  });
});

describe('a question', () => {
  it('about an attempt that never came is answered unknown; about one that runs, its start; about one that ended, its report', async () => {
    const agent = await rig.agent();
    agent.ledger.onStart = () => undefined;
    const runId = runIn(6);
    const [a] = rig.server.assign(runId, [agent]) as [AttemptId];
    await rig.server.told(a, 'started');
    const never = attemptId({ runId, task: 0, ordinal: 9, attempt: 1 });
    rig.server.send({
      t: 'query',
      partition: 6,
      term: 1,
      attempts: [
        { a: never, executor: executorOf(agent) },
        { a, executor: executorOf(agent) },
      ],
    });
    await rig.server.told(never, 'unknown');
    await until('the answer', () => rig.server.eventsOf(a).filter((event) => event.k === 'started').length === 2);
    agent.ledger.finish(a, { exitCode: 3 });
    expect((await rig.server.told(a, 'report')).report.outcome).toEqual({ kind: 'exited', code: 3 });
  });

  it('about an attempt of a host that is away is told as undelivered', async () => {
    const a = attemptId({ runId: runIn(6), task: 0, ordinal: 0, attempt: 1 });
    rig.server.send({ t: 'query', partition: 6, term: 1, attempts: [{ a, executor: { kind: 'agent', id: newId() } }] });
    await rig.server.told(a, 'undelivered');
  });
});

describe('a cancellation', () => {
  it('ends what runs, and is answered unknown for what the agent never had', async () => {
    const agent = await rig.agent();
    agent.ledger.onStart = () => undefined;
    const runId = runIn(6);
    const [a] = rig.server.assign(runId, [agent]) as [AttemptId];
    await rig.server.told(a, 'started');
    const never = attemptId({ runId, task: 0, ordinal: 9, attempt: 1 });
    rig.server.send({
      t: 'cancel',
      partition: 6,
      term: 1,
      attempts: [
        { a, executor: executorOf(agent) },
        { a: never, executor: executorOf(agent) },
      ],
    });
    expect((await rig.server.told(a, 'report')).report.outcome.kind).toBe('cancelled');
    await rig.server.told(never, 'unknown');
  });

  it('of what is still queued at the worker means that it never runs', async () => {
    const agents = await Promise.all(Array.from({ length: 20 }, () => rig.agent()));
    const runId = runIn(6);
    const many = Array.from({ length: 2_000 }, (_, i) => agents[i % agents.length]!);
    const agent = many.at(-1)!;
    const ids = rig.server.assign(runId, many);
    const last = ids.at(-1)!;
    rig.server.send({ t: 'cancel', partition: 6, term: 1, attempts: [{ a: last, executor: executorOf(agent) }] });
    await rig.server.told(ids.at(-2)!, 'report');
    const [marker] = rig.server.assign(runIn(6), [agent]) as [AttemptId];
    await rig.server.told(marker, 'report');
    // Either it was cancelled in the queue or the start had gone out before; then it was the agent's to decide.
    const told = rig.server.eventsOf(last).map((event) => event.k);
    expect(told.includes('unknown') || told.includes('report')).toBe(true);
    if (told.includes('unknown') && !told.includes('accepted')) expect(agent.ledger.effects).not.toContain(last);
  });
});

describe('two servers', () => {
  it('each hear of the runs of their partitions, and of no others', async () => {
    const agent = await rig.agent();
    const second = await rig.addServer();
    second.owns(9, 2);
    await second.echoed(agent);
    const [mine] = rig.server.assign(runIn(8), [agent]) as [AttemptId];
    const [theirs] = second.assign(runIn(9), [agent], { term: 2 }) as [AttemptId];
    await rig.server.told(mine, 'report');
    await second.told(theirs, 'report');
    expect([rig.server.eventsOf(theirs), second.eventsOf(mine)]).toEqual([[], []]);
  });

  it('are found by the number of partitions that they tell', async () => {
    const agent = await rig.agent();
    const second = await rig.addServer();
    // Of two partitions the second has every run whose id ends in an odd byte.
    second.welcome(2);
    second.owns(1, 2);
    await second.echoed(agent);
    const [odd] = second.assign(runIn(9), [agent], { term: 2 }) as [AttemptId];
    await second.told(odd, 'report');
    expect(rig.server.eventsOf(odd)).toEqual([]);
  });

  it('disagree about a partition: the higher term is believed, whoever speaks last', async () => {
    const agent = await rig.agent();
    const second = await rig.addServer();
    second.owns(9, 2);
    await second.echoed(agent);
    // The former owner woke up and still thinks that it owns it.
    rig.server.owns(9, 1);
    const [stale] = rig.server.assign(runIn(9), [agent], { term: 1 }) as [AttemptId];
    const [good] = second.assign(runIn(9), [agent], { term: 2 }) as [AttemptId];
    await second.told(good, 'report');
    await rig.server.echoed(agent);
    expect(agent.ledger.effects).not.toContain(stale);
    expect(rig.server.eventsOf(stale)).toEqual([]);
  });

  it('a stale owner can neither cancel nor ask', async () => {
    const agent = await rig.agent();
    agent.ledger.onStart = () => undefined;
    const second = await rig.addServer();
    second.owns(9, 2);
    await second.echoed(agent);
    const [a] = second.assign(runIn(9), [agent], { term: 2 }) as [AttemptId];
    await second.told(a, 'started');
    rig.server.send({ t: 'cancel', partition: 9, term: 1, attempts: [{ a, executor: executorOf(agent) }] });
    await rig.server.echoed(agent);
    expect(agent.ledger.stateOf(a)).toBe('running');
  });

  it('the report of a run goes to the new owner after a take-over, with nobody asking', async () => {
    const agent = await rig.agent();
    agent.ledger.onStart = () => undefined;
    const [a] = rig.server.assign(runIn(9), [agent]) as [AttemptId];
    await rig.server.told(a, 'started');
    const second = await rig.addServer();
    second.owns(9, 2);
    await second.echoed(agent);
    agent.ledger.finish(a);
    await second.told(a, 'report');
    expect(rig.server.eventsOf(a).some((event) => event.k === 'report')).toBe(false);
  });

  it('both learn which agents are linked, also the one that came later', async () => {
    const agent = await rig.agent();
    const second = await rig.addServer();
    expect((await second.frame('agents', (frame) => frame.last)).agents).toMatchObject([
      { hostId: agent.hostId, agentId: agent.agentId },
    ]);
    const other = await rig.agent();
    await second.frame('linked', (frame) => frame.hostId === other.hostId);
    await other.service.stop();
    await Promise.all(
      [rig.server, second].map((server) => server.frame('unlinked', (frame) => frame.hostId === other.hostId)),
    );
  });

  it('that are one under two addresses get one link, which stays', async () => {
    const { port } = rig.server.listening;
    // The worker joined by one URL, and the server registers itself under another.
    rig.server.send({
      t: 'topology',
      servers: [{ id: rig.server.id, url: `https://127.0.0.1:${port}/` }],
      workers: [],
    });
    const agent = await rig.agent();
    for (let i = 0; i < 5; i++) await rig.server.echoed(agent);
    await until('no second link to be held', () => rig.server.listening.links.size === 1);
    const [a] = rig.server.assign(runIn(1), [agent]) as [AttemptId];
    await rig.server.told(a, 'report');
  });
});

function shifted(byMs: number): Clock {
  return { ...systemClock, nowMs: () => systemClock.nowMs() + byMs };
}

function placeOf(agent: { agentId: string; hostId: string }): { executor: NamedExecutor; hostId: string } {
  return { executor: executorOf(agent), hostId: agent.hostId };
}
