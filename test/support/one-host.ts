/** One host of a run in its owner's memory, and an owner that commits at once whatever is decided. */
import { expect } from 'vitest';
import type { AgentId, HostId, RunId, WorkerId } from '../../src/base/ids.ts';
import type { Order } from '../../src/domain/crew/crew.ts';
import type { Execution } from '../../src/domain/crew/execution.ts';
import { agentExecutor, type Route } from '../../src/domain/run/executor.ts';
import type { Policy } from '../../src/domain/run/policy.ts';
import { hostSubject } from '../../src/domain/run/subject.ts';
import type { Run } from '../../src/domain/run/run.ts';
import { oneTaskRun } from './one-task-run.ts';
import { plainSpec } from './run-spec.ts';

export const RUN = '01930000-0000-7000-8000-000000000000' as RunId;
export const SPEC = plainSpec({ policy: { startDeadlineMs: 120_000, lostAfterMs: 120_000 } });
export const HERE: Route = {
  workerId: 'worker' as WorkerId,
  executor: agentExecutor('agent' as AgentId),
  instance: 'first',
};

export class OneHost {
  readonly run: Run;
  route: Route | undefined = HERE;
  at = 1_000;

  constructor(policy: Partial<Policy> = {}) {
    this.run = oneTaskRun(
      { id: RUN, state: 'waiting', round: 1, seq: 1, roundAgeMs: 1_000 },
      { ...SPEC, policy: { ...SPEC.policy, ...policy } },
      [
        {
          task: 0,
          ordinal: 0,
          attempt: 1,
          subject: hostSubject('host' as HostId, 'h1'),
          state: 'waiting',
          failuresInRound: 0,
        },
      ],
      this.at,
    );
  }

  get execution(): Execution<unknown> {
    return this.run.tasks[0]!.crew.executions[0]!;
  }

  advance(): void {
    this.run.advance({ at: this.at, ms: this.at }, () => this.route);
  }

  commit(): void {
    for (const one of this.run.tasks[0]!.crew.changes.take(10)) this.run.tasks[0]!.crew.committed(one, one.state);
  }

  orders(): Order['kind'][] {
    return this.run.orders(this.at, () => this.route).map((order) => order.kind);
  }

  /** Until the order to start is on its way. */
  dispatched(): this {
    this.advance();
    this.commit();
    expect(this.orders()).toEqual(['start']);
    return this;
  }

  passes(ms: number): void {
    this.at += ms;
    this.advance();
  }
}
