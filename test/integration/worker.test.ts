/** A real worker between played servers and real agents: whose word goes where, by which term, and what never gets through. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { attemptId, newId, type AttemptId } from '../../src/base/ids.ts';
import { limits } from '../../src/base/limits.ts';
import { encodeFrame } from '../../src/link/codec.ts';
import { type PlayedServer, helloOf, runIn, WorkerRig } from '../support/worker-rig.ts';
import { until } from '../support/until.ts';

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
    expect(report).toMatchObject({ outcome: 'exited', exitCode: 0 });
    expect(rig.server.eventsOf(a).map((event) => event.k)).toEqual(['report']);
    rig.server.send({ t: 'ack', attempts: [{ a, agentId: agent.agentId }] });
    await until('the agent to forget', () => agent.driver.stateOf(a) === 'settled');
  });

  it('that the server did not sign is refused, and nothing runs', async () => {
    const agent = await rig.agent();
    const [a] = rig.server.assign(runIn(1), [agent], { mac: Buffer.alloc(32) }) as [AttemptId];
    expect((await rig.server.told(a, 'report')).report).toMatchObject({ outcome: 'refused', reason: 'signature-invalid' });
    expect(agent.driver.effects).toEqual([]);
  });

  it('signed for another agent is refused', async () => {
    const [agent, other] = [await rig.agent(), await rig.agent()];
    const runId = runIn(1);
    const [a] = rig.server.assign(runId, [other]) as [AttemptId];
    await rig.server.told(a, 'report');
    // The same signature, sent to the first agent by a worker that lies about whom it is for.
    const stolen = other.agentId;
    rig.server.assign(runId, [{ agentId: agent.agentId, hostId: agent.hostId }], { mac: signatureFor(stolen) });
    await until('the refusal', () => rig.server.eventsOf(a).some((event) => event.k === 'report' && event.agentId === agent.agentId && event.report.reason === 'signature-invalid'));
    expect(agent.driver.effects).toEqual([]);
  });

  it('that comes after its time is not taken, and can be sent again', async () => {
    const agent = await rig.agent();
    const runId = runIn(1);
    const [a] = rig.server.assign(runId, [agent], { validUntilMs: systemClock.nowMs() - 1_000 }) as [AttemptId];
    expect(await rig.server.told(a, 'undelivered')).toMatchObject({ code: 'agent-busy' });
    expect(agent.driver.effects).toEqual([]);
    rig.server.assign(runId, [agent]);
    await rig.server.told(a, 'report');
    expect(agent.driver.effects).toEqual([a]);
  });

  it('is judged by the worker\'s clock, so that a host whose clock is a day ahead still works', async () => {
    const agent = await rig.agent({ clock: shifted(86_400_000) });
    const [a] = rig.server.assign(runIn(1), [agent]) as [AttemptId];
    expect((await rig.server.told(a, 'report')).report).toMatchObject({ outcome: 'exited' });
    expect((await rig.server.frame('linked')).skewMs).toBeGreaterThan(86_300_000);
  });

  it('replayed while it runs, after it ended and after it was forgotten has no second effect', async () => {
    const agent = await rig.agent();
    agent.driver.onStart = () => undefined;
    const runId = runIn(5);
    const [a] = rig.server.assign(runId, [agent]) as [AttemptId];
    await rig.server.told(a, 'started');
    rig.server.assign(runId, [agent]);
    agent.driver.finish(a);
    await rig.server.told(a, 'report');
    rig.server.assign(runId, [agent]);
    await until('the report to come again', () => rig.server.eventsOf(a).filter((event) => event.k === 'report').length >= 2);
    rig.server.send({ t: 'ack', attempts: [{ a, agentId: agent.agentId }] });
    await until('the agent to forget', () => agent.driver.stateOf(a) === 'settled');
    rig.server.assign(runId, [agent]);
    // A marker behind the replay: when it is through, so is the replay.
    const [marker] = rig.server.assign(runIn(5), [agent]) as [AttemptId];
    await until('the marker to run', () => agent.driver.effects.includes(marker));
    expect(agent.driver.effects).toEqual([a, marker]);
  });

  it('for a host that is not linked here is told as undelivered at once', async () => {
    const [a] = rig.server.assign(runIn(2), [{ agentId: newId(), hostId: newId() }]) as [AttemptId];
    expect(await rig.server.told(a, 'undelivered')).toMatchObject({ code: 'host-not-linked' });
  });

  it('for an agent that the host had before is not handed to the one it has now', async () => {
    const former = await rig.agent();
    const now = await rig.agent({ hostId: former.hostId });
    const [a] = rig.server.assign(runIn(2), [former]) as [AttemptId];
    expect(await rig.server.told(a, 'undelivered')).toMatchObject({ code: 'host-not-linked' });
    expect([former.driver.effects, now.driver.effects]).toEqual([[], []]);
  });

  it('that an agent has no room for is told as undelivered, busy', async () => {
    const agent = await rig.agent();
    agent.driver.capacity = 0;
    const [a] = rig.server.assign(runIn(2), [agent]) as [AttemptId];
    expect(await rig.server.told(a, 'undelivered')).toMatchObject({ code: 'agent-busy' });
  });

  it('of high priority overtakes a long queue of low ones, which all run in the end', async () => {
    const agents = await Promise.all(Array.from({ length: 4 }, () => rig.agent()));
    const [low, high] = [runIn(4), runIn(4)];
    const order: string[] = [];
    for (const agent of agents) agent.driver.onStart = (attempt) => (order.push(attempt.slice(0, 36)), {});
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
  it('about an attempt that never came is answered unknown; about one that runs, accepted; about one that ended, its report', async () => {
    const agent = await rig.agent();
    agent.driver.onStart = () => undefined;
    const runId = runIn(6);
    const [a] = rig.server.assign(runId, [agent]) as [AttemptId];
    await rig.server.told(a, 'started');
    const never = attemptId({ runId, task: 0, ordinal: 9, attempt: 1 });
    rig.server.send({ t: 'query', partition: 6, term: 1, attempts: [{ a: never, hostId: agent.hostId }, { a, hostId: agent.hostId }] });
    await rig.server.told(never, 'unknown');
    await rig.server.told(a, 'accepted');
    agent.driver.finish(a, { exitCode: 3 });
    expect((await rig.server.told(a, 'report')).report.exitCode).toBe(3);
  });

  it('about an attempt of a host that is away is told as undelivered', async () => {
    const a = attemptId({ runId: runIn(6), task: 0, ordinal: 0, attempt: 1 });
    rig.server.send({ t: 'query', partition: 6, term: 1, attempts: [{ a, hostId: newId() }] });
    await rig.server.told(a, 'undelivered');
  });
});

describe('a cancellation', () => {
  it('ends what runs, and is answered unknown for what the agent never had', async () => {
    const agent = await rig.agent();
    agent.driver.onStart = () => undefined;
    const runId = runIn(6);
    const [a] = rig.server.assign(runId, [agent]) as [AttemptId];
    await rig.server.told(a, 'started');
    const never = attemptId({ runId, task: 0, ordinal: 9, attempt: 1 });
    rig.server.send({ t: 'cancel', partition: 6, term: 1, attempts: [{ a, hostId: agent.hostId }, { a: never, hostId: agent.hostId }] });
    expect((await rig.server.told(a, 'report')).report.outcome).toBe('cancelled');
    await rig.server.told(never, 'unknown');
  });

  it('of what is still queued at the worker means that it never runs', async () => {
    const agent = await rig.agent();
    const runId = runIn(6);
    const many = Array.from({ length: 2_000 }, () => agent);
    const ids = rig.server.assign(runId, many);
    const last = ids.at(-1)!;
    rig.server.send({ t: 'cancel', partition: 6, term: 1, attempts: [{ a: last, hostId: agent.hostId }] });
    await rig.server.told(ids.at(-2)!, 'report');
    const [marker] = rig.server.assign(runIn(6), [agent]) as [AttemptId];
    await rig.server.told(marker, 'report');
    // Either it was cancelled in the queue or the start had gone out before; then it was the agent's to decide.
    const told = rig.server.eventsOf(last).map((event) => event.k);
    expect(told.includes('unknown') || told.includes('report')).toBe(true);
    if (told.includes('unknown') && !told.includes('accepted')) expect(agent.driver.effects).not.toContain(last);
  });
});

describe('two servers', () => {
  it('each hear of the runs of their partitions, and of no others', async () => {
    const agent = await rig.agent();
    const second = await rig.addServer();
    second.owns(9, 2);
    await echoed(second, agent);
    const [mine] = rig.server.assign(runIn(8), [agent]) as [AttemptId];
    const [theirs] = second.assign(runIn(9), [agent], { term: 2 }) as [AttemptId];
    await rig.server.told(mine, 'report');
    await second.told(theirs, 'report');
    expect([rig.server.eventsOf(theirs), second.eventsOf(mine)]).toEqual([[], []]);
  });

  it('disagree about a partition: the higher term is believed, whoever speaks last', async () => {
    const agent = await rig.agent();
    const second = await rig.addServer();
    second.owns(9, 2);
    await echoed(second, agent);
    // The former owner woke up and still thinks that it owns it.
    rig.server.owns(9, 1);
    const [stale] = rig.server.assign(runIn(9), [agent], { term: 1 }) as [AttemptId];
    const [good] = second.assign(runIn(9), [agent], { term: 2 }) as [AttemptId];
    await second.told(good, 'report');
    await echoed(rig.server, agent);
    expect(agent.driver.effects).not.toContain(stale);
    expect(rig.server.eventsOf(stale)).toEqual([]);
  });

  it('a stale owner can neither cancel nor ask', async () => {
    const agent = await rig.agent();
    agent.driver.onStart = () => undefined;
    const second = await rig.addServer();
    second.owns(9, 2);
    await echoed(second, agent);
    const [a] = second.assign(runIn(9), [agent], { term: 2 }) as [AttemptId];
    await second.told(a, 'started');
    rig.server.send({ t: 'cancel', partition: 9, term: 1, attempts: [{ a, hostId: agent.hostId }] });
    await echoed(rig.server, agent);
    expect(agent.driver.stateOf(a)).toBe('running');
  });

  it('the report of a run goes to the new owner after a take-over, with nobody asking', async () => {
    const agent = await rig.agent();
    agent.driver.onStart = () => undefined;
    const [a] = rig.server.assign(runIn(9), [agent]) as [AttemptId];
    await rig.server.told(a, 'started');
    const second = await rig.addServer();
    second.owns(9, 2);
    await echoed(second, agent);
    agent.driver.finish(a);
    await second.told(a, 'report');
    expect(rig.server.eventsOf(a).some((event) => event.k === 'report')).toBe(false);
  });

  it('both learn which agents are linked, also the one that came later', async () => {
    const agent = await rig.agent();
    const second = await rig.addServer();
    expect((await second.frame('agents', (frame) => frame.last)).agents).toMatchObject([{ hostId: agent.hostId, agentId: agent.agentId }]);
    const other = await rig.agent();
    await second.frame('linked', (frame) => frame.hostId === other.hostId);
    await other.service.stop();
    await Promise.all([rig.server, second].map((server) => server.frame('unlinked', (frame) => frame.hostId === other.hostId)));
  });
});

describe('large output', () => {
  it('travels in acknowledged pieces before the report, in order, never more at once than the window', async () => {
    const agent = await rig.agent();
    const stdout = Buffer.from(Array.from({ length: 5 * limits.outputChunkBytes + 77 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
    agent.driver.onStart = () => ({ stdout });
    const pieces = new Map<number, Buffer>();
    let most = 0;
    let unacknowledged = 0;
    rig.server.onFrame = (frame) => {
      if (frame.t !== 'chunk') return;
      pieces.set(frame.seq, Buffer.from(frame.bytes));
      most = Math.max(most, ++unacknowledged);
      setImmediate(() => {
        unacknowledged--;
        rig.server.send({ t: 'chunk-ack', a: frame.a, agentId: frame.agentId, stream: frame.stream, seq: frame.seq });
      });
    };
    const [a] = rig.server.assign(runIn(1), [agent]) as [AttemptId];
    const { report } = await rig.server.told(a, 'report');
    expect(Buffer.concat([...pieces].sort(([x], [y]) => x - y).map(([, bytes]) => bytes)).equals(stdout)).toBe(true);
    expect(report.stdout).toMatchObject({ size: stdout.length, head: stdout.length });
    expect(report.stdout.inline).toBeUndefined();
    expect(most).toBeLessThanOrEqual(limits.outputChunksInFlightMax);
    const lastChunk = rig.server.frames.findLastIndex((frame) => frame.t === 'chunk');
    expect(rig.server.frames.findIndex((frame) => frame.t === 'events' && frame.events.some((event) => event.k === 'report'))).toBeGreaterThan(lastChunk);
  });

  it('goes on where it was after the link was lost, and the report still comes last', async () => {
    const agent = await rig.agent();
    agent.driver.onStart = () => ({ stdout: Buffer.alloc(4 * limits.outputChunkBytes, 'x') });
    const seen: number[] = [];
    let cut = false;
    rig.server.onFrame = (frame) => {
      if (frame.t !== 'chunk') return;
      seen.push(frame.seq);
      if (frame.seq === 2 && !cut) {
        cut = true;
        rig.agentsListening.connections.at(-1)!.destroy();
      } else rig.server.send({ t: 'chunk-ack', a: frame.a, agentId: frame.agentId, stream: frame.stream, seq: frame.seq });
    };
    const [a] = rig.server.assign(runIn(1), [agent]) as [AttemptId];
    await rig.server.told(a, 'report');
    expect(new Set(seen)).toEqual(new Set([0, 1, 2, 3]));
    expect(seen.filter((seq) => seq === 0)).toHaveLength(1);
  });

  it('can be fetched whole in ranges, and a host that is away says so', async () => {
    const agent = await rig.agent();
    agent.driver.onStart = () => ({ stdout: Buffer.from('0123456789') });
    const [a] = rig.server.assign(runIn(1), [agent]) as [AttemptId];
    await rig.server.told(a, 'report');
    rig.server.send({ t: 'fetch', id: 70, hostId: agent.hostId, a, stream: 1, offset: 4, length: 3 });
    expect(await rig.server.frame('data', (frame) => frame.id === 70)).toMatchObject({ size: 10, eof: false });
    rig.server.send({ t: 'fetch', id: 71, hostId: newId(), a, stream: 1, offset: 0, length: 3 });
    expect(await rig.server.frame('data', (frame) => frame.id === 71)).toMatchObject({ error: 'host-not-linked' });
    rig.server.send({ t: 'fetch', id: 72, hostId: agent.hostId, a: attemptId({ runId: runIn(1), task: 0, ordinal: 0, attempt: 1 }), stream: 1, offset: 0, length: 3 });
    expect(await rig.server.frame('data', (frame) => frame.id === 72)).toMatchObject({ error: 'output-not-available' });
  });

  it('is shown live only to who watches, and only while', async () => {
    const agent = await rig.agent();
    agent.driver.onStart = () => undefined;
    const second = await rig.addServer();
    const [a] = rig.server.assign(runIn(1), [agent], { watch: true }) as [AttemptId];
    await until('the agent to be watched', () => agent.driver.watched.has(a));
    agent.driver.events.output(a, 1, 0, Buffer.from('live'), 0);
    expect(Buffer.from((await rig.server.frame('output')).bytes).toString()).toBe('live');
    second.send({ t: 'watch', on: true, attempts: [{ a, hostId: agent.hostId }] });
    await echoed(second, agent);
    rig.server.send({ t: 'watch', on: false, attempts: [{ a, hostId: agent.hostId }] });
    await echoed(rig.server, agent);
    agent.driver.events.output(a, 1, 4, Buffer.from('more'), 7);
    expect(await second.frame('output')).toMatchObject({ offset: 4, skipped: 7 });
    second.send({ t: 'watch', on: false, attempts: [{ a, hostId: agent.hostId }] });
    await until('the agent to stop showing', () => !agent.driver.watched.has(a));
    expect(rig.server.frames.filter((frame) => frame.t === 'output')).toHaveLength(1);
  });
});

describe('an agent', () => {
  it('that is revoked is put out at once, is not let in again, and what it still says is not heard', async () => {
    const agent = await rig.bareAgent();
    const a = attemptId({ runId: runIn(1), task: 0, ordinal: 0, attempt: 1 });
    const second = await rig.agent();
    rig.server.send({ t: 'revoked', agentIds: [agent.agentId] });
    await until('the farewell', () => agent.frames.find((frame) => frame.t === 'bye' && frame.code === 'agent-revoked'));
    await until('the refusal of its return', () => agent.refusals.includes('agent-revoked'));
    agent.link.send({ t: 'accepted', a });
    await echoed(rig.server, second);
    expect(rig.server.eventsOf(a)).toEqual([]);
  });

  it('that says it is another than its certificate says is put out', async () => {
    const agent = await rig.bareAgent();
    const frames = agent.frames;
    agent.link.send(helloOf(newId(), agent.hostId));
    await until('the farewell', () => frames.some((frame) => frame.t === 'bye'));
  });

  it('that links again replaces its former link without being told as gone', async () => {
    const identity = await rig.links.identity('agent');
    const first = await rig.bareAgent(undefined, identity);
    rig.server.frames.length = 0;
    const again = await rig.bareAgent(first.hostId, identity);
    const agent = await rig.agent();
    await echoed(rig.server, agent);
    expect(rig.server.frames.some((frame) => frame.t === 'unlinked' && frame.hostId === first.hostId)).toBe(false);
    expect(again.hostId).toBe(first.hostId);
  });

  it('that sends what nobody expects harms nobody but itself', async () => {
    const agent = await rig.agent();
    const odd = await rig.bareAgent();
    const nonsense: object[] = [
      { t: 'accepted', a: 'not-an-attempt' }, { t: 'report', a: 'x', outcome: 'exited', finishedAtMs: 1, stdout: {}, stderr: {} }, { t: 'chunk', a: '..', stream: 9, seq: -1, bytes: Buffer.alloc(3) },
      { t: 'data', id: 12_345, bytes: Buffer.alloc(0), size: 0, eof: true }, { t: 'busy', a: '' }, { t: 'facts', facts: { nested: { deep: [1, 2, { x: null }] } } },
    ];
    for (const frame of nonsense) odd.link.sendEncoded(encodeFrame(frame));
    const [a] = rig.server.assign(runIn(1), [agent]) as [AttemptId];
    await rig.server.told(a, 'report');
  });

  it('reports again, on its own, until it is acknowledged', async () => {
    const agent = await rig.agent();
    const [a] = rig.server.assign(runIn(1), [agent]) as [AttemptId];
    await until('the report to come twice', () => rig.server.eventsOf(a).filter((event) => event.k === 'report').length >= 2);
    rig.server.send({ t: 'ack', attempts: [{ a, agentId: agent.agentId }] });
    await until('the agent to forget', () => agent.driver.stateOf(a) === 'settled');
  });

  it('that was cut off while a script ended tells it as soon as it is back', async () => {
    const agent = await rig.agent();
    agent.driver.onStart = () => undefined;
    const [a] = rig.server.assign(runIn(1), [agent]) as [AttemptId];
    await rig.server.told(a, 'started');
    rig.agentsListening.connections.at(-1)!.destroy();
    await rig.server.frame('unlinked', (frame) => frame.hostId === agent.hostId);
    agent.driver.finish(a, { exitCode: 4 });
    expect((await rig.server.told(a, 'report')).report.exitCode).toBe(4);
  });
});

/** When this comes back, everything that the server sent before has been carried out by the worker and reached the agent. */
async function echoed(server: PlayedServer, agent: { hostId: string }): Promise<void> {
  const id = 1_000_000 + server.frames.length;
  server.send({ t: 'fetch', id, hostId: agent.hostId, a: attemptId({ runId: runIn(0), task: 0, ordinal: 0, attempt: 1 }), stream: 1, offset: 0, length: 1 });
  await server.frame('data', (frame) => frame.id === id);
}

function signatureFor(agentId: string): Uint8Array {
  return Buffer.from(agentId.replaceAll('-', ''), 'hex');
}

function shifted(byMs: number): Clock {
  return { ...systemClock, nowMs: () => systemClock.nowMs() + byMs };
}
