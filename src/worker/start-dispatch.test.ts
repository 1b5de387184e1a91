/** What takes room in a worker, and for how long. */
import { expect, it } from 'vitest';
import { systemClock, type Clock } from '../base/clock.ts';
import { jobLimits } from '../base/job-limits.ts';
import { limits } from '../base/limits.ts';
import { seededRandom } from '../base/random.ts';
import { QUEUE_WEIGHTS } from '../domain/placement/queue-pick.ts';
import { newId } from '../base/ids.ts';
import type { AttemptEvent } from '../protocol/link/worker-v1.ts';
import { StartDispatch, type LinkedAgent, type LinkedEngine } from './start-dispatch.ts';

/** Agents that are linked to a worker with room for so many executions, and what has gone out to each of them. */
function agentsOf(
  capacity: number,
  term = { highest: 1 },
): {
  dispatch: StartDispatch;
  agent: () => LinkedAgent;
  order: (agent: LinkedAgent, count?: number, runId?: string, spec?: Uint8Array) => void;
  sentTo: (agent: LinkedAgent) => number;
  events: AttemptEvent[];
} {
  const linked = new Map<string, LinkedAgent>();
  const sent = new Map<string, number>();
  const events: AttemptEvent[] = [];
  const dispatch = new StartDispatch({
    capacity: { agent: capacity, ssh: 1, process: 1, calls: 1 },
    weights: QUEUE_WEIGHTS,
    clock: { ...systemClock, after: () => () => undefined },
    random: seededRandom(1),
    find: (_hostId, { id }) => linked.get(id),
    isCurrent: (assign) => assign.term === term.highest,
    event: (_a, event) => void events.push(event),
    watch: () => undefined,
  });
  return {
    dispatch,
    events,
    sentTo: ({ executor: { id } }) => sent.get(id) ?? 0,
    agent() {
      const id = newId();
      const sendEncoded = (): boolean => sent.set(id, (sent.get(id) ?? 0) + 1).size > 0;
      const link = { bufferedBytes: 0, sendEncoded } as unknown as LinkedAgent['link'];
      const agent: LinkedAgent = { executor: { kind: 'agent', id }, link, lane: 'agent', out: undefined };
      linked.set(id, agent);
      return agent;
    },
    order({ executor }, count = 1, runId = newId(), spec = new Uint8Array(1)) {
      dispatch.assign('server', {
        t: 'assign',
        runId,
        task: 0,
        partition: 0,
        term: term.highest,
        priority: 'normal',
        spec,
        server: newId(),
        order: 1,
        validUntilMs: 0,
        targets: Array.from({ length: count }, (_, ordinal) => ({
          ordinal,
          attempt: 1,
          hostId: newId(),
          hostName: 'web',
          executor,
          mac: new Uint8Array(32),
        })),
      });
    },
  };
}

/** As many as an agent may hold. */
const madeUp = (): string[] => Array.from({ length: limits.executionsPerAgentMax }, (_, i) => `${newId()}.0.${i}.1`);

it('lets no agent keep others from being started on by what it says of itself, nor many that say so together', () => {
  const { dispatch, agent, order, sentTo } = agentsOf(limits.executionsPerAgentMax);
  const neighbour = agent();
  const liars = Array.from({ length: 12 }, agent);
  for (const [i, liar] of liars.entries()) {
    dispatch.underWay(liar, madeUp());
    order(neighbour);
    expect(sentTo(neighbour)).toBe(i + 1);
  }
  // What was ordered here takes its room whole, and waits for room of its own.
  order(neighbour, limits.executionsPerAgentMax - liars.length);
  expect(sentTo(neighbour)).toBeLessThan(limits.executionsPerAgentMax);
  for (const liar of liars) dispatch.gone(liar);
  expect(sentTo(neighbour)).toBe(limits.executionsPerAgentMax);
  expect(dispatch.figures().agent.underWay).toBe(limits.executionsPerAgentMax);
});

it('counts what an agent says of itself whole as long as nothing else is under way, and no longer than it says so', () => {
  const { dispatch, agent, order, sentTo } = agentsOf(4);
  const [busy, other] = [agent(), agent()];
  dispatch.underWay(busy, ['a', 'b', 'c']);
  expect(dispatch.figures().agent.underWay).toBe(3);
  // Its part is two of four, and so is the other's.
  order(other, 3);
  expect(sentTo(other)).toBe(2);
  for (const a of ['a', 'b']) dispatch.ended(busy, a);
  expect(sentTo(other)).toBe(3);
  dispatch.ended(busy, 'c');
  order(other, 2);
  expect([sentTo(other), dispatch.queued]).toEqual([4, 1]);
});

it('sends what has its room already again at once: a start that was lost may be all that the room is held by', () => {
  const { dispatch, agent, order, sentTo } = agentsOf(1);
  const [first, other] = [agent(), agent()];
  const runId = newId();
  order(first, 1, runId);
  order(other);
  expect([sentTo(first), sentTo(other)]).toEqual([1, 0]);
  order(first, 1, runId);
  expect([sentTo(first), sentTo(other)]).toEqual([2, 0]);
  expect([dispatch.figures().agent.underWay, dispatch.queued]).toEqual([1, 1]);
  dispatch.ended(first, `${runId}.0.0.1`);
  expect(sentTo(other)).toBe(1);
});

it('sends what waits by the newest order: the server that gave the first may own it no more', () => {
  const term = { highest: 1 };
  const { dispatch, agent, order, sentTo, events } = agentsOf(1, term);
  const [first, other] = [agent(), agent()];
  const [busy, runId] = [newId(), newId()];
  order(first, 1, busy);
  order(other, 1, runId);
  term.highest = 2;
  order(other, 1, runId);
  expect([sentTo(other), dispatch.queued, events]).toEqual([0, 1, [{ k: 'queued', a: `${runId}.0.0.1` }]]);
  dispatch.ended(first, `${busy}.0.0.1`);
  expect([sentTo(other), dispatch.queued]).toEqual([1, 0]);
});

it('goes on with what waits after a start that could not be carried out', () => {
  const { dispatch, agent, order, sentTo } = agentsOf(2);
  const [broken, other] = [agent(), agent()];
  Object.assign(broken.link, {
    sendEncoded: () => {
      throw new Error('a fault of ours');
    },
  });
  expect(() => order(broken)).toThrow('a fault of ours');
  order(other);
  expect([sentTo(other), dispatch.queued]).toEqual([1, 0]);
});

it('has no more under way with one agent than an agent holds', () => {
  const { dispatch, agent, order, sentTo, events } = agentsOf(10 * limits.executionsPerAgentMax);
  const silent = agent();
  order(silent, limits.executionsPerAgentMax + 1);
  expect(sentTo(silent)).toBe(limits.executionsPerAgentMax);
  expect(events).toEqual([expect.objectContaining({ k: 'undelivered', code: 'agent-busy' })]);
  expect(dispatch.figures().agent.underWay).toBe(limits.executionsPerAgentMax);
});

it('gives back the room of what was cancelled and never told its end, once, and in its own time where the end is told', () => {
  const timers: { delayMs: number; callback: () => void }[] = [];
  const clock: Clock = {
    ...systemClock,
    after: (delayMs, callback) => {
      timers.push({ delayMs, callback });
      return () => undefined;
    },
  };
  const dispatch = new StartDispatch({
    capacity: { agent: 9, ssh: 9, process: 9, calls: 9 },
    weights: QUEUE_WEIGHTS,
    clock,
    random: seededRandom(1),
    find: () => undefined,
    isCurrent: () => true,
    event: () => undefined,
    watch: () => undefined,
  });
  const self: LinkedEngine = {
    executor: { kind: 'worker', id: 'w', engine: 'ssh' },
    link: {} as LinkedEngine['link'],
    lane: 'ssh',
    out: undefined,
  };
  const underWay = (): number => dispatch.figures().ssh.underWay;
  dispatch.underWay(self, ['silent', 'prompt', 'running']);
  // The server says it again and again.
  for (const a of ['silent', 'silent', 'prompt', 'unknown-here']) dispatch.cancelling(self, a);
  expect(timers.map(({ delayMs }) => delayMs)).toEqual([limits.workerCancelledRoomMs, limits.workerCancelledRoomMs]);
  dispatch.ended(self, 'prompt');
  expect(underWay()).toBe(2);
  for (const { callback } of timers) callback();
  expect(underWay()).toBe(1);
  // Its host speaks after all.
  dispatch.ended(self, 'silent');
  expect(underWay()).toBe(1);
});

it('gives back what would be too much to hold for its agents, each order counted once', () => {
  const { dispatch, agent, order, events } = agentsOf(1);
  const busy = agent();
  order(busy);
  const spec = new Uint8Array(jobLimits.workerQueueBytesMax / 2);
  for (let n = 0; n < 2; n++) order(busy, 10, newId(), spec);
  expect([events, dispatch.queued]).toEqual([[], 20]);
  order(busy);
  expect(events).toMatchObject([{ k: 'undelivered', code: 'agent-busy' }]);
  expect(dispatch.queued).toBe(20);
});
