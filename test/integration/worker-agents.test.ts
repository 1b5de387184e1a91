/** Output, agents and bounds of a real worker: pieces in order, agents that misbehave, and nothing that grows without end. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { attemptId, newId, type AttemptId } from '../../src/base/ids.ts';
import { limits } from '../../src/base/limits.ts';
import { encodeFrame } from '../../src/link/codec.ts';
import { proxyTo } from '../support/ssh-proxy.ts';
import { until } from '../support/until.ts';
import { executorOf, helloOf, runIn, specOf, WorkerRig } from '../support/worker-rig.ts';

let rig: WorkerRig;

beforeEach(async () => {
  rig = await WorkerRig.create();
});
afterEach(() => rig.end());

describe('large output', () => {
  it('travels in acknowledged pieces before the report, in order, never more at once than the window', async () => {
    const agent = await rig.agent();
    const stdout = Buffer.from(
      Array.from({ length: 5 * limits.outputChunkBytes + 77 }, (_, i) => (i * 31 + (i >> 8)) & 0xff),
    );
    agent.ledger.onStart = () => ({ stdout });
    const pieces = new Map<number, Buffer>();
    let most = 0;
    let unacknowledged = 0;
    rig.server.onFrame = (frame) => {
      if (frame.t !== 'chunk') return;
      pieces.set(frame.seq, Buffer.from(frame.bytes));
      most = Math.max(most, ++unacknowledged);
      setImmediate(() => {
        unacknowledged--;
        rig.server.send({ t: 'chunk-ack', a: frame.a, executor: frame.executor, stream: frame.stream, seq: frame.seq });
      });
    };
    const [a] = rig.server.assign(runIn(1), [agent]) as [AttemptId];
    const { report } = await rig.server.told(a, 'report');
    expect(Buffer.concat([...pieces].sort(([x], [y]) => x - y).map(([, bytes]) => bytes)).equals(stdout)).toBe(true);
    expect(report.stdout).toMatchObject({ size: stdout.length, head: stdout.length });
    expect(report.stdout.inline).toBeUndefined();
    expect(most).toBeLessThanOrEqual(limits.outputChunksInFlightMax);
    const lastChunk = rig.server.frames.findLastIndex((frame) => frame.t === 'chunk');
    expect(
      rig.server.frames.findIndex(
        (frame) =>
          frame.t === 'events' &&
          frame.events.some((event) => event.k === 'said' && Buffer.from(event.body).includes('exited')),
      ),
    ).toBeGreaterThan(lastChunk);
  });

  it('goes on where it was after the link was lost, and the report still comes last', async () => {
    const agent = await rig.agent();
    agent.ledger.onStart = () => ({ stdout: Buffer.alloc(4 * limits.outputChunkBytes, 'x') });
    const seen: number[] = [];
    let cut = false;
    rig.server.onFrame = (frame) => {
      if (frame.t !== 'chunk') return;
      seen.push(frame.seq);
      if (frame.seq === 2 && !cut) {
        cut = true;
        rig.agentsListening.connections.at(-1)!.destroy();
      } else
        rig.server.send({ t: 'chunk-ack', a: frame.a, executor: frame.executor, stream: frame.stream, seq: frame.seq });
    };
    const [a] = rig.server.assign(runIn(1), [agent]) as [AttemptId];
    await rig.server.told(a, 'report');
    expect(new Set(seen)).toEqual(new Set([0, 1, 2, 3]));
    expect(seen.filter((seq) => seq === 0)).toHaveLength(1);
  });

  it('is whole, and told once, where the network goes without a word in mid-run and comes back', async () => {
    const proxy = await proxyTo({ address: '127.0.0.1', port: rig.agentsListening.port });
    const agent = await rig.agent({ port: proxy.port, heartbeatMs: 100, silentMs: 600 });
    const output = Buffer.concat([0, 1, 2, 3].map((n) => Buffer.alloc(limits.outputChunkBytes, String(n))));
    agent.ledger.onStart = () => undefined;
    const pieces = new Map<number, Buffer>();
    rig.server.onFrame = (frame) => {
      if (frame.t !== 'chunk') return;
      if (frame.seq === 1 && !pieces.has(1)) proxy.mute(true);
      pieces.set(frame.seq, Buffer.from(frame.bytes));
      rig.server.send({ t: 'chunk-ack', a: frame.a, executor: frame.executor, stream: frame.stream, seq: frame.seq });
    };
    const [a] = rig.server.assign(runIn(1), [agent]) as [AttemptId];
    await rig.server.told(a, 'started');
    agent.ledger.finish(a, { stdout: output, exitCode: 4 });
    await until('it has noticed', () => !agent.isLinked());
    expect(pieces.size).toBeLessThan(4);
    proxy.mute(false);
    // What was said meanwhile is lost, also of a dial.
    proxy.cutAll();
    const { report } = await rig.server.told(a, 'report');
    expect([report.outcome, report.stdout.size]).toEqual([{ kind: 'exited', code: 4 }, output.length]);
    expect(Buffer.concat([0, 1, 2, 3].map((seq) => pieces.get(seq)!)).equals(output)).toBe(true);
    rig.server.send({ t: 'ack', attempts: [{ a, executor: executorOf(agent) }] });
    await until('the agent to forget', () => agent.ledger.stateOf(a) === 'settled');
    expect(agent.ledger.effects).toEqual([a]);
    await proxy.stop();
  });

  it('can be fetched whole in ranges, and a host that is away says so', async () => {
    const agent = await rig.agent();
    agent.ledger.onStart = () => ({ stdout: Buffer.from('0123456789') });
    const [a] = rig.server.assign(runIn(1), [agent]) as [AttemptId];
    await rig.server.told(a, 'report');
    rig.server.send({ t: 'fetch', id: 70, executor: executorOf(agent), a, stream: 1, offset: 4, length: 3 });
    expect(await rig.server.frame('data', (frame) => frame.id === 70)).toMatchObject({ size: 10, eof: false });
    rig.server.send({
      t: 'fetch',
      id: 71,
      executor: { kind: 'agent', id: newId() },
      a,
      stream: 1,
      offset: 0,
      length: 3,
    });
    expect(await rig.server.frame('data', (frame) => frame.id === 71)).toMatchObject({ error: 'host-not-linked' });
    rig.server.send({
      t: 'fetch',
      id: 72,
      executor: executorOf(agent),
      a: attemptId({ runId: runIn(1), task: 0, ordinal: 0, attempt: 1 }),
      stream: 1,
      offset: 0,
      length: 3,
    });
    expect(await rig.server.frame('data', (frame) => frame.id === 72)).toMatchObject({ error: 'output-not-available' });
  });

  it('is shown live only to who watches, and only while', async () => {
    const agent = await rig.agent();
    agent.ledger.onStart = () => undefined;
    const second = await rig.addServer();
    const [a] = rig.server.assign(runIn(1), [agent], { watch: true }) as [AttemptId];
    await until('the agent to be watched', () => agent.ledger.watched.has(a));
    agent.ledger.output(a, 1, 0, Buffer.from('live'), 0);
    expect(Buffer.from((await rig.server.frame('output')).bytes).toString()).toBe('live');
    second.send({ t: 'watch', on: true, attempts: [{ a, executor: executorOf(agent) }] });
    await second.echoed(agent);
    rig.server.send({ t: 'watch', on: false, attempts: [{ a, executor: executorOf(agent) }] });
    await rig.server.echoed(agent);
    agent.ledger.output(a, 1, 4, Buffer.from('more'), 7);
    expect(await second.frame('output')).toMatchObject({ offset: 4, skipped: 7 });
    second.send({ t: 'watch', on: false, attempts: [{ a, executor: executorOf(agent) }] });
    await until('the agent to stop showing', () => !agent.ledger.watched.has(a));
    expect(rig.server.frames.filter((frame) => frame.t === 'output')).toHaveLength(1);
  });

  it('is not shown any more when the only server that watched is gone', async () => {
    const agent = await rig.agent();
    agent.ledger.onStart = () => undefined;
    const [a] = rig.server.assign(runIn(1), [agent], { watch: true }) as [AttemptId];
    await until('the agent to be watched', () => agent.ledger.watched.has(a));
    rig.server.listening.connections.at(-1)!.destroy();
    await until('the agent to stop showing', () => !agent.ledger.watched.has(a));
  });
});

describe('an agent', () => {
  it('that is revoked is put out at once, is not let in again, and what it still says is not heard', async () => {
    const agent = await rig.bareAgent();
    const a = attemptId({ runId: runIn(1), task: 0, ordinal: 0, attempt: 1 });
    const second = await rig.agent();
    rig.server.send({ t: 'revoked', agentIds: [agent.agentId] });
    await until('the farewell', () =>
      agent.frames.find((frame) => frame.t === 'bye' && frame.code === 'agent-revoked'),
    );
    await until('the refusal of its return', () => agent.refusals.includes('agent-revoked'));
    agent.say({ t: 'accepted', a });
    await rig.server.echoed(second);
    expect(rig.server.eventsOf(a)).toEqual([]);
  });

  it('that says it is another than its certificate says is put out', async () => {
    const agent = await rig.bareAgent();
    const frames = agent.frames;
    agent.link.send(helloOf(newId(), agent.hostId));
    await until('the farewell', () => frames.some((frame) => frame.t === 'bye'));
  });

  it('cannot take the place of another host: its certificate is for its own', async () => {
    const victim = await rig.agent();
    const thief = await rig.links.identity('agent', undefined, { hostId: newId() });
    const { refusals } = await rig.knock(victim.hostId, thief);
    expect(await until('the thief to be put out', () => refusals[0])).toBe('certificate-invalid');
    const [a] = rig.server.assign(runIn(1), [victim]) as [AttemptId];
    await rig.server.told(a, 'report');
    expect(rig.server.frames.some((frame) => frame.t === 'linked' && frame.agentId === thief.id)).toBe(false);
  });

  it('that links again replaces its former link without being told as gone', async () => {
    const identity = await rig.links.identity('agent');
    const first = await rig.bareAgent(undefined, identity);
    rig.server.frames.length = 0;
    const again = await rig.bareAgent(first.hostId, identity);
    const agent = await rig.agent();
    await rig.server.echoed(agent);
    expect(rig.server.frames.some((frame) => frame.t === 'unlinked' && frame.hostId === first.hostId)).toBe(false);
    expect(again.hostId).toBe(first.hostId);
  });

  it('that sends what nobody expects harms nobody but itself', async () => {
    const agent = await rig.agent();
    const odd = await rig.bareAgent();
    const nonsense: object[] = [
      { t: 'accepted', a: 'not-an-attempt' },
      { t: 'report', a: 'x', outcome: { kind: 'exited' }, finishedAtMs: 1, stdout: {}, stderr: {} },
      { t: 'chunk', a: '..', stream: 9, seq: -1, bytes: Buffer.alloc(3) },
      { t: 'data', id: 12_345, bytes: Buffer.alloc(0), size: 0, eof: true },
      { t: 'busy', a: '' },
      { t: 'facts', facts: { nested: { deep: [1, 2, { x: null }] } } },
    ];
    for (const frame of nonsense) odd.link.sendEncoded(encodeFrame(frame));
    const [a] = rig.server.assign(runIn(1), [agent]) as [AttemptId];
    await rig.server.told(a, 'report');
  });

  it('whose disk is full when it should forget goes on, and forgets when it comes again', async () => {
    const agent = await rig.agent();
    const { forget } = agent.ledger;
    agent.ledger.forget = async () => {
      agent.ledger.forget = forget;
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    };
    const [a] = rig.server.assign(runIn(1), [agent]) as [AttemptId];
    await rig.server.told(a, 'report');
    rig.server.send({ t: 'ack', attempts: [{ a, executor: executorOf(agent) }] });
    await until(
      'the report to come again',
      () => rig.server.eventsOf(a).filter((event) => event.k === 'report').length >= 2,
    );
    rig.server.send({ t: 'ack', attempts: [{ a, executor: executorOf(agent) }] });
    await until('the agent to forget', () => agent.ledger.stateOf(a) === 'settled');
  });

  it('is told of every worker of its zone as they come and go, not only when it links', async () => {
    const agent = await rig.agent();
    rig.server.send({ t: 'topology', servers: [], workers: ['10.0.0.1:7401', '10.0.0.2:7401'] });
    await until('the agent to be told', () => agent.workersTold.at(-1)?.join() === '10.0.0.1:7401,10.0.0.2:7401');
    rig.server.send({ t: 'topology', servers: [], workers: ['10.0.0.2:7401'] });
    await until('the agent to be told again', () => agent.workersTold.at(-1)?.join() === '10.0.0.2:7401');
  });

  it('that is gone answers no fetch, and that is said at once', async () => {
    const agent = await rig.bareAgent();
    rig.server.send({
      t: 'fetch',
      id: 80,
      executor: executorOf(agent),
      a: attemptId({ runId: runIn(1), task: 0, ordinal: 0, attempt: 1 }),
      stream: 1,
      offset: 0,
      length: 3,
    });
    await until('the fetch to reach the agent', () => agent.frames.some((frame) => frame.t === 'fetch'));
    rig.agentsListening.connections.at(-1)!.destroy();
    expect(await rig.server.frame('data', (frame) => frame.id === 80)).toMatchObject({ error: 'host-not-linked' });
  });

  it('says hello once: a second one under another name does not make a second host', async () => {
    const agent = await rig.bareAgent();
    const ghost = newId();
    agent.link.send(helloOf(agent.agentId, ghost));
    await rig.server.frame('unlinked', (frame) => frame.hostId === agent.hostId);
    expect(rig.server.frames.some((frame) => frame.t === 'linked' && frame.hostId === ghost)).toBe(false);
  });

  it('reports again, on its own, until it is acknowledged', async () => {
    const agent = await rig.agent();
    const [a] = rig.server.assign(runIn(1), [agent]) as [AttemptId];
    await until(
      'the report to come twice',
      () => rig.server.eventsOf(a).filter((event) => event.k === 'report').length >= 2,
    );
    rig.server.send({ t: 'ack', attempts: [{ a, executor: executorOf(agent) }] });
    await until('the agent to forget', () => agent.ledger.stateOf(a) === 'settled');
  });

  it('that was cut off while a script ended tells it as soon as it is back', async () => {
    const agent = await rig.agent();
    agent.ledger.onStart = () => undefined;
    const [a] = rig.server.assign(runIn(1), [agent]) as [AttemptId];
    await rig.server.told(a, 'started');
    rig.agentsListening.connections.at(-1)!.destroy();
    await rig.server.frame('unlinked', (frame) => frame.hostId === agent.hostId);
    agent.ledger.finish(a, { exitCode: 4 });
    expect((await rig.server.told(a, 'report')).report.outcome).toEqual({ kind: 'exited', code: 4 });
  });
});

describe('bounds', () => {
  it('a fan-out of a large script to agents that read slowly is held back, and none is forgotten', async () => {
    const agents = await Promise.all(Array.from({ length: 24 }, () => rig.bareAgent()));
    for (const agent of agents) agent.link.pause();
    const runId = runIn(1);
    const script = 'x'.repeat(limits.scriptBytesMax);
    const rounds = 15;
    for (let attempt = 1; attempt <= rounds; attempt++)
      rig.server.assign(runId, agents, { spec: specOf(runId, script), attempt });
    const buffered = (): number =>
      rig.agentsListening.connections.reduce((sum, connection) => sum + connection.writableLength, 0);
    let most = 0;
    const watch = systemClock.monotonicMs() + 1_500;
    await until('the worker to have had time to send all', () => {
      most = Math.max(most, buffered());
      return systemClock.monotonicMs() > watch;
    });
    expect(most).toBeLessThan(96 << 20);
    for (const agent of agents) agent.link.resume();
    const arrived = (): number =>
      agents.reduce((sum, agent) => sum + agent.frames.filter((frame) => frame.t === 'start').length, 0);
    const undelivered = (): number =>
      rig.server.events.filter((event) => event.k === 'undelivered' && event.code === 'agent-busy').length;
    await until(
      'every start to have arrived or to be told as undelivered',
      () => arrived() + undelivered() === rounds * agents.length,
      // 360 MiB, of which this process decrypts each byte.
      150_000,
    );
    expect(arrived()).toBeGreaterThan(agents.length);
  }, 180_000);

  it('many reports with output never make a frame larger than a frame may be', async () => {
    const agents = await Promise.all(Array.from({ length: 4 }, () => rig.bareAgent()));
    const inline = Buffer.alloc(limits.outputInlineBytesMax, 'o');
    const stream = { size: inline.length, head: inline.length, tail: 0, inline };
    const runId = runIn(1);
    const count = 400;
    for (let ordinal = 0; ordinal < count; ordinal++) {
      const frame = {
        t: 'report' as const,
        a: attemptId({ runId, task: 0, ordinal, attempt: 1 }),
        outcome: { kind: 'exited' as const, code: 0 },
        finishedAtMs: 1,
        stdout: stream,
        stderr: stream,
      };
      await until('room in the link', () => agents[ordinal % agents.length]!.say(frame));
    }
    await until('all reports', () => rig.server.events.filter((event) => event.k === 'report').length === count);
    const largest = Math.max(
      ...rig.server.frames.map((frame) => (frame.t === 'events' ? encodeFrame(frame).length : 0)),
    );
    expect(largest).toBeLessThan(limits.frameBytesMax / 2);
    expect(rig.server.linkCount).toBe(1);
  });
});
