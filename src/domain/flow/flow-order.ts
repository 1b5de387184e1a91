/** The order in which stages and tasks stand: what is needed before what needs it, and what comes finally after all else. */
import { assert } from '../../base/assert.ts';
import type { JoinRule } from './join.ts';

type ShapeOrder = readonly {
  readonly needs: readonly number[];
  readonly join: JoinRule;
  readonly isFinally: boolean;
  readonly tasks: readonly { readonly task: number; readonly needs: readonly number[] }[];
}[];

export function assertOrder(shape: ShapeOrder): void {
  assert(shape[0]?.isFinally === false, 'something is done before what comes finally');
  shape.forEach(({ needs, join, isFinally, tasks }, at) => {
    assert(
      needs.every((need) => need < at && shape[need]!.isFinally === isFinally),
      'a stage needs stages of its kind, which stand before it',
    );
    assert(isFinally || needs.length > 0 || join.startsWith('all-'), 'a rule that asks for one has one to ask for');
    assert(at === 0 || isFinally || !shape[at - 1]!.isFinally, 'stages that are finally stand after all others');
    const before = new Set<number>();
    for (const { task, needs: own } of tasks) {
      assert(
        own.every((need) => before.has(need)),
        'a task needs tasks of its stage, which stand before it',
      );
      before.add(task);
    }
  });
}
