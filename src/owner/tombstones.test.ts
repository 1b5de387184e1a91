import { expect, it } from 'vitest';
import { newId, newRunId, type AttemptKey, type RunId } from '../base/ids.ts';
import { agentExecutor, type Executor } from '../domain/run/executor.ts';
import { Tombstones } from './tombstones.ts';

const [ONE, OTHER] = [agentExecutor(newId<'agent'>()), agentExecutor(newId<'agent'>())];

function over(
  id: RunId,
  ...executions: { attempt?: number; state?: string; executor?: Executor }[]
): Parameters<Tombstones['add']>[0] {
  return {
    id,
    round: 1,
    executions: () =>
      executions.map(({ attempt = 1, state = 'succeeded', executor }, ordinal) => ({
        task: 0,
        ordinal,
        attempt,
        state,
        route: executor && { executor },
      })),
  };
}
const keyOf = (runId: RunId, ordinal: number, attempt = 1): AttemptKey => ({ runId, task: 0, ordinal, attempt });

it('answer for the last attempt of each execution, to its executor alone, and leave the rest to the run itself', () => {
  const tombstones = new Tombstones({ monotonicMs: () => 0 });
  const id = newRunId(1);
  tombstones.add(
    over(id, { executor: ONE }, { executor: ONE, attempt: 3, state: 'failed' }, { executor: ONE, state: 'lost' }, {}),
  );
  const answers = (executor: Executor, ...keys: [number, number][]): unknown[] =>
    keys.map(([ordinal, attempt]) => tombstones.answerTo(keyOf(id, ordinal, attempt), executor));
  expect(answers(ONE, [0, 1], [1, 3])).toEqual(['settled', 'settled']);
  expect(answers(OTHER, [0, 1], [1, 3], [3, 1])).toEqual(['ignored', 'ignored', 'ignored']);
  // An earlier attempt, a later one, one that is lost, and a host that the run has not.
  expect(answers(ONE, [1, 1], [1, 2], [0, 2], [2, 1], [4, 1])).toEqual(Array(5).fill(undefined));
  expect([tombstones.roundOf(id), tombstones.roundOf(newRunId(1))]).toEqual([1, undefined]);
  tombstones.delete(id);
  expect(answers(ONE, [0, 1])).toEqual([undefined]);
});

it('go after a while, and the oldest first where there are many', () => {
  let now = 0;
  const tombstones = new Tombstones({ monotonicMs: () => now }, 10);
  const ids = Array.from({ length: 5 }, () => newRunId(1));
  for (const id of ids) tombstones.add(over(id, { executor: ONE }, { executor: ONE }));
  expect(tombstones.size).toBe(5);
  const more = newRunId(1);
  tombstones.add(over(more, { executor: ONE }));
  expect(ids.map((id) => tombstones.roundOf(id))).toEqual([undefined, 1, 1, 1, 1]);
  now = 20_000;
  const last = newRunId(1);
  tombstones.add(over(last, { executor: ONE }));
  expect([tombstones.size, tombstones.roundOf(last)]).toEqual([1, 1]);
});
