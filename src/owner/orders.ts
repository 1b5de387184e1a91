/** Orders of a run, on their way to the workers: only what is committed is sent, and what could not be sent is told to the run. */
import { given } from '../base/given.ts';
import { attemptId } from '../base/ids.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Execution } from '../domain/crew/execution.ts';
import type { Order } from '../domain/crew/crew.ts';
import type { AttemptPlace, Fleet } from '../fleet/fleet.ts';
import type { ReportedStream } from './attempt-report.ts';
import type { HeldRun } from './held-run.ts';
import type { OwnedPartition } from './owned-partition.ts';
import { routeOf } from './route.ts';

/** An execution that no worker would take waits this long. */
export const BUSY_RETRY_MS = 500;

export function sendOrders(
  { id: partition, term }: OwnedPartition,
  held: HeldRun,
  { clock, fleet, log }: { readonly clock: Clock; readonly fleet: Fleet; readonly log: Log },
  isWatched: boolean,
): void {
  const { run } = held;
  const { id: runId, spec } = run;
  const orders = run.orders(clock.monotonicMs(), (execution) => routeOf(execution, spec.placement, fleet));
  if (orders.length === 0) return;
  const at = { partition, term };
  const placeOf = ({ execution, route }: Order): AttemptPlace => ({
    attempt: attemptId({ runId, task: execution.task, ordinal: execution.ordinal, attempt: execution.attempt }),
    hostId: execution.subject.id,
    executor: route.executor,
  });
  for (const [key, list] of Map.groupBy(
    orders,
    (order) => `${order.kind} ${order.execution.task} ${order.route.workerId}`,
  )) {
    const [{ kind, route, execution: first }] = list as [Order];
    const { workerId } = route;
    const order = fleet.nextOrder();
    for (const { execution } of list) execution.order = order;
    if (kind === 'cancel') fleet.cancel(workerId, { ...at, order, attempts: list.map(placeOf) });
    else if (kind === 'query') fleet.query(workerId, { ...at, order, attempts: list.map(placeOf) });
    else {
      const targets = list.map(({ execution, route: { executor } }) => {
        const { ordinal, attempt, subject } = execution;
        const target = { ordinal, attempt, hostId: subject.id, executor, watch: isWatched };
        const instance = execution.route?.instance;
        return instance === undefined ? target : { ...target, instance };
      });
      const sent = fleet.assign({
        workerId,
        runId,
        task: first.task,
        ...at,
        order,
        priority: spec.policy.priority,
        ...given({ accountId: spec.placement.account }),
        spec: held.specBytes(),
        targets,
      });
      if (!sent)
        for (const { execution } of list)
          run.crew.onUndelivered(
            execution as Execution<ReportedStream>,
            execution.attempt,
            clock.monotonicMs(),
            BUSY_RETRY_MS,
          );
      else log.debug({ runId, workerId, hosts: list.length, key }, 'dispatched');
    }
  }
}
