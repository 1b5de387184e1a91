/** Orders of a run, on their way to the workers: only what is committed is sent, and what could not be sent is told to the run. */
import { given } from '../base/given.ts';
import { attemptId } from '../base/ids.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Execution } from '../domain/crew/execution.ts';
import { isOut } from '../domain/crew/execution-machine.ts';
import type { Order } from '../domain/crew/crew.ts';
import type { AttemptPlace, Fleet } from '../fleet/fleet.ts';
import type { ReportedStream, SpecOf } from './attempt-report.ts';
import type { HeldRun } from './held-run.ts';
import type { OwnedPartition } from './owned-partition.ts';
import { routeOf } from './route.ts';
import { hostOf } from '../domain/run/subject.ts';

/** An execution that no worker would take waits this long. */
export const BUSY_RETRY_MS = 500;

export interface SendContext {
  readonly clock: Clock;
  readonly fleet: Fleet;
  readonly log: Log;
}

export interface SendingRun {
  readonly isWatched: boolean;
  /** Whether the run is held still, and may be decided on. */
  readonly isMeant: () => boolean;
  /** Some of what was to be sent later has come back. */
  readonly onNotSent: () => void;
}

export function sendOrders(
  { id: partition, term }: OwnedPartition,
  held: HeldRun,
  context: SendContext,
  sending: SendingRun,
): void {
  const { clock, fleet } = context;
  const { run } = held;
  const { id: runId } = run;
  const orders = run.orders(clock.monotonicMs(), (execution) =>
    routeOf(execution, run.task(execution.task)!.terms.placement, fleet),
  );
  if (orders.length === 0) return;
  const at = { partition, term };
  const placeOf = ({ execution, route }: Order): AttemptPlace => ({
    attempt: attemptId({ runId, task: execution.task, ordinal: execution.ordinal, attempt: execution.attempt }),
    executor: route.executor,
    ...given({ hostId: hostOf(execution.subject)?.id }),
  });
  for (const list of Map.groupBy(
    orders,
    (order) => `${order.kind} ${order.execution.task} ${order.route.workerId}`,
  ).values()) {
    const [{ kind, route }] = list as [Order];
    const { workerId } = route;
    const order = fleet.nextOrder();
    for (const { execution } of list) execution.order = order;
    if (kind === 'cancel') fleet.cancel(workerId, { ...at, order, attempts: list.map(placeOf) });
    else if (kind === 'query') fleet.query(workerId, { ...at, order, attempts: list.map(placeOf) });
    else sendStarts(held, { ...at, order }, list, context, sending);
  }
}

interface OrderPlace {
  readonly partition: number;
  readonly term: number;
  readonly order: number;
}

/** At once where what the executors are given is at hand; else once it is read, as far as it is meant then. */
function sendStarts(
  held: HeldRun,
  place: OrderPlace,
  list: readonly Order[],
  context: SendContext,
  sending: SendingRun,
): void {
  const [{ execution: first }] = list as [Order];
  const spec = held.orderSpecs.of(first.task);
  const specOf = spec.atHand();
  if (specOf) return comeBack(held, assign(held, place, list, specOf, context, sending), context);
  const attempts = list.map(({ execution }) => execution.attempt);
  // An order of another number has gone out since, or it is over.
  const isLast = ({ execution }: Order, at: number): boolean =>
    isOut(execution.state) && execution.attempt === attempts[at] && execution.order === place.order;
  void spec
    .read()
    .catch((error: unknown) => {
      context.log.warn(
        { runId: held.run.id, err: error },
        'what is to be carried out could not be read; it will be again',
      );
      return undefined;
    })
    .then((read) => {
      const still = sending.isMeant() ? list.filter(isLast) : [];
      const left = read ? assign(held, place, still, read, context, sending) : still;
      if (left.length === 0) return;
      comeBack(held, left, context);
      sending.onNotSent();
    });
}

/** Hosts that are given the same are told together. Answers those that the worker's link does not take now. */
function assign(
  held: HeldRun,
  place: OrderPlace,
  list: readonly Order[],
  specOf: SpecOf,
  context: SendContext,
  sending: SendingRun,
): readonly Order[] {
  const alike = Map.groupBy(list, ({ execution }) => specOf(hostOf(execution.subject)?.id));
  return [...alike].flatMap(([spec, orders]) =>
    assignAlike(held, place, orders, spec, context, sending) ? [] : orders,
  );
}

/** False where the worker's link takes nothing now. */
function assignAlike(
  { run }: HeldRun,
  place: OrderPlace,
  list: readonly Order[],
  bytes: Uint8Array,
  { fleet, log }: SendContext,
  { isWatched }: SendingRun,
): boolean {
  const [{ route, execution: first }] = list as [Order];
  const { workerId } = route;
  const { id: runId } = run;
  const { policy, placement } = run.task(first.task)!.terms;
  const targets = list.map(({ execution, route: { executor } }) => {
    const { ordinal, attempt, subject } = execution;
    const host = hostOf(subject);
    const target = {
      ordinal,
      attempt,
      executor,
      watch: isWatched,
      ...given({ hostId: host?.id, hostName: host?.name }),
    };
    const instance = execution.route?.instance;
    return instance === undefined ? target : { ...target, instance };
  });
  const isSent = fleet.assign({
    workerId,
    runId,
    task: first.task,
    ...place,
    priority: policy.priority,
    ...given({ accountId: placement.account, needs: placement.worker?.needs }),
    spec: bytes,
    targets,
  });
  if (isSent) log.debug({ runId, workerId, hosts: list.length }, 'dispatched');
  return isSent;
}

function comeBack({ run }: HeldRun, list: readonly Order[], { clock }: SendContext): void {
  for (const { execution } of list)
    run
      .task(execution.task)!
      .crew.onUndelivered(
        execution as Execution<ReportedStream>,
        execution.attempt,
        clock.monotonicMs(),
        BUSY_RETRY_MS,
      );
}
