import { describe, expect, it } from 'vitest';
import { attemptId, newRunId, type AgentId, type HostId, type WorkerId } from '../base/ids.ts';
import { hostSubject } from '../domain/run/subject.ts';
import { agentExecutor, workerExecutor, type Executor } from '../domain/run/executor.ts';
import type { HeardEvent } from '../fleet/fleet.ts';
import { isPieceOf } from './chunk-check.ts';
import { isWordOf } from './event-check.ts';
import { limits } from '../base/limits.ts';

const [agent, other] = ['agent', 'other agent'] as AgentId[];
const [worker, stranger] = ['worker', 'stranger'] as WorkerId[];
const subject = hostSubject('host' as HostId, 'h');
const a = attemptId({ runId: newRunId(1_800_000_000_000), task: 0, ordinal: 0, attempt: 2 });
const given = (executor: Executor) => ({ attempt: 2, subject, route: { executor, workerId: worker! }, order: 7 });
const own = (id: WorkerId): Executor => workerExecutor(id, 'ssh');
const byAgent = given(agentExecutor(agent!));
const bySsh = given(own(worker!));
const waiting = { ...byAgent, route: undefined };
const heldBy = (workerId?: WorkerId, agentId = agent) => ({
  locate: () =>
    workerId
      ? { workerId, executor: { kind: 'agent', id: agentId! } as const, instance: 'instance', link: 1 }
      : undefined,
});
const spoken = (executor: Executor): HeardEvent[] => [
  { k: 'accepted', a, executor },
  { k: 'started', a, executor, atMs: 1, pid: 1 },
  { k: 'unknown', a, executor, order: 7 },
  {
    k: 'report',
    executor,
    report: {
      t: 'report',
      a,
      outcome: { kind: 'exited', code: 0 },
      finishedAtMs: 1,
      stdout: { size: 0, head: 0, tail: 0 },
      stderr: { size: 0, head: 0, tail: 0 },
    },
  },
];

describe('a word about an attempt', () => {
  it.each(spoken(agentExecutor(agent!)))('that an executor says ($k) counts from the one of record alone', (event) => {
    expect(isWordOf(byAgent, 2, worker!, event, heldBy(worker))).toBe(true);
    expect(isWordOf(given(agentExecutor(other!)), 2, worker!, event, heldBy(worker))).toBe(false);
    // Given to nobody yet: nobody can have carried it out.
    expect(isWordOf(waiting, 2, worker!, event, heldBy(worker))).toBe(false);
    expect(isWordOf(bySsh, 2, worker!, event, heldBy(worker))).toBe(false);
  });

  it.each(spoken(own(stranger!)))('over SSH ($k) counts from the worker of record alone', (event) => {
    expect(isWordOf(bySsh, 2, stranger!, event, heldBy(stranger))).toBe(false);
    expect(isWordOf(byAgent, 2, stranger!, event, heldBy(stranger))).toBe(false);
    expect(isWordOf(given(own(stranger!)), 2, stranger!, event, heldBy())).toBe(true);
  });

  it.each<HeardEvent>([
    { k: 'queued', a },
    { k: 'undelivered', a, code: 'host-not-linked' },
  ])('that a worker says of its own ($k) counts from the one that has it, or holds its agent', (event) => {
    expect(isWordOf(byAgent, 2, worker!, event, heldBy())).toBe(true);
    expect(isWordOf(byAgent, 2, stranger!, event, heldBy(stranger))).toBe(true);
    expect(isWordOf(byAgent, 2, stranger!, event, heldBy(worker))).toBe(false);
    // Who holds the host's agent has no say in what goes there over SSH.
    expect(isWordOf(bySsh, 2, stranger!, event, heldBy(stranger))).toBe(false);
    expect(isWordOf(bySsh, 2, worker!, event, heldBy(stranger))).toBe(true);
  });

  it('that answers an earlier order counts no more', () => {
    const late: HeardEvent[] = [
      { k: 'unknown', a, executor: agentExecutor(agent!), order: 6 },
      { k: 'undelivered', a, code: 'agent-busy', executor: agentExecutor(agent!), order: 6 },
    ];
    for (const event of late) expect(isWordOf(byAgent, 2, worker!, event, heldBy(worker))).toBe(false);
  });
});

describe('a piece of output', () => {
  const spec = { outputKeptBytes: 3 * limits.outputChunkBytes };
  const piece = { workerId: worker!, executor: agentExecutor(agent!), attempt: 2, seq: 0 };

  it('is taken from the executor of record, through the worker that holds its link', () => {
    expect(isPieceOf(spec, byAgent, piece, heldBy(worker))).toBe(true);
    expect(isPieceOf(spec, byAgent, { ...piece, executor: agentExecutor(other!) }, heldBy(worker, other))).toBe(false);
    expect(isPieceOf(spec, byAgent, { ...piece, workerId: stranger! }, heldBy(worker))).toBe(false);
    expect(isPieceOf(spec, byAgent, piece, heldBy())).toBe(false);
    expect(isPieceOf(spec, waiting, piece, heldBy(worker))).toBe(false);
  });

  it('over SSH is taken from the worker of record alone', () => {
    const from = (id: WorkerId, executor = own(id)) => ({ ...piece, workerId: id, executor });
    expect(isPieceOf(spec, bySsh, from(worker!), heldBy())).toBe(true);
    expect(isPieceOf(spec, bySsh, from(stranger!), heldBy(stranger))).toBe(false);
    // In the name of the worker of record.
    expect(isPieceOf(spec, bySsh, from(stranger!, own(worker!)), heldBy(stranger))).toBe(false);
  });

  it('is none of an attempt to come, nor beyond what the run keeps', () => {
    expect(isPieceOf(spec, byAgent, { ...piece, attempt: 3 }, heldBy(worker))).toBe(false);
    // Of an earlier attempt the store knows who had it.
    expect(isPieceOf(spec, byAgent, { ...piece, attempt: 1 }, heldBy(worker))).toBe(true);
    expect(isPieceOf(spec, byAgent, { ...piece, seq: 2 }, heldBy(worker))).toBe(true);
    expect(isPieceOf(spec, byAgent, { ...piece, seq: 3 }, heldBy(worker))).toBe(false);
  });
});
