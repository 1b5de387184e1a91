/** Orders of a run, on their way to the workers: only what is committed is sent, and what could not be sent is told to the run. */
import { given } from '../base/given.ts';
import { attemptId, type RunId } from '../base/ids.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { AccountRefusal } from '../domain/access/account-now.ts';
import type { Execution } from '../domain/crew/execution.ts';
import { isOut } from '../domain/crew/execution-machine.ts';
import type { Order } from '../domain/crew/crew.ts';
import type { AttemptPlace, Fleet } from '../fleet/fleet.ts';
import type { ReportedStream, SpecOf } from './attempt-report.ts';
import type { Store } from '../store/contract/store.ts';
import type { HeldRun } from './held-run.ts';
import { lookAtAccount, specAs, type AccountPlacement, type OrderAccount } from './order-account.ts';
import type { OwnedPartition } from './owned-partition.ts';
import { routeOf } from './route.ts';
import { hostOf } from '../domain/run/subject.ts';

/** An execution that no worker would take waits this long. */
export const BUSY_RETRY_MS = 500;

export interface SendContext {
  readonly store: Pick<Store, 'accountReach'>;
  readonly clock: Clock;
  readonly fleet: Fleet;
  readonly log: Log;
}

export interface SendingRun {
  readonly isWatched: boolean;
  /** Whether the run is held still, and may be decided on. */
  readonly isMeant: () => boolean;
  /** Some of what was to be sent later has come back, or is over. */
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
  const ofRun = (order: Order): AttemptPlace => placeOf(runId, order);
  for (const list of Map.groupBy(
    orders,
    (order) => `${order.kind} ${order.execution.task} ${order.route.workerId}`,
  ).values()) {
    const [{ kind, route }] = list as [Order];
    const { workerId } = route;
    const order = fleet.nextOrder();
    for (const { execution } of list) execution.order = order;
    if (kind === 'cancel') fleet.cancel(workerId, { ...at, order, attempts: list.map(ofRun) });
    else if (kind === 'query') fleet.query(workerId, { ...at, order, attempts: list.map(ofRun) });
    else sendStarts(held, { ...at, order }, list, context, sending);
  }
}

/** Where they are is asked for, and nothing else is sent of them meanwhile. */
export function askAfter(
  { id: partition, term }: OwnedPartition,
  { run }: HeldRun,
  executions: readonly Execution<unknown>[],
  fleet: Fleet,
): void {
  const found = executions.flatMap((execution): Order[] => {
    const route = routeOf(execution, run.task(execution.task)!.terms.placement, fleet);
    return route ? [{ kind: 'query', execution, route }] : [];
  });
  for (const [workerId, list] of Map.groupBy(found, ({ route }) => route.workerId)) {
    const order = fleet.nextOrder();
    for (const { execution } of list) execution.order = order;
    fleet.query(workerId, { partition, term, order, attempts: list.map((one) => placeOf(run.id, one)) });
  }
}

function placeOf(runId: RunId, { execution, route }: Order): AttemptPlace {
  const { task, ordinal, attempt, subject } = execution;
  return {
    attempt: attemptId({ runId, task, ordinal, attempt }),
    executor: route.executor,
    ...given({ hostId: hostOf(subject)?.id }),
  };
}

interface OrderPlace {
  readonly partition: number;
  readonly term: number;
  readonly order: number;
}

/**
 * At once where what the executors are given is at hand; else once it is read, as far as it is meant then. As whom agents work is looked
 * at each time, right before: what has been taken from an account meanwhile is used by no order.
 */
function sendStarts(
  held: HeldRun,
  place: OrderPlace,
  list: readonly Order[],
  context: SendContext,
  sending: SendingRun,
): void {
  const [{ execution: first }] = list as [Order];
  const spec = held.orderSpecs.of(first.task);
  const { placement } = held.run.task(first.task)!.terms;
  const account = list.some(isByAgent) ? placement.account : undefined;
  const specOf = account === undefined ? spec.atHand() : undefined;
  if (specOf)
    return comeBack(
      held,
      assign(held, place, list, () => specOf, context, sending),
      context,
    );
  const attempts = list.map(({ execution }) => execution.attempt);
  // An order of another number has gone out since, or it is over.
  const isLast = ({ execution }: Order, at: number): boolean =>
    isOut(execution.state) && execution.attempt === attempts[at] && execution.order === place.order;
  const hosts = list.filter(isByAgent).flatMap(({ execution }) => hostOf(execution.subject)?.id ?? []);
  void Promise.all([
    spec.read(),
    account === undefined ? undefined : lookAtAccount(context.store, placement as AccountPlacement, hosts),
  ])
    .catch((error: unknown) => {
      context.log.warn(
        { runId: held.run.id, err: error },
        'what is to be carried out could not be read; it will be again',
      );
      return [undefined, undefined] as const;
    })
    .then(([read, as]) => {
      const still = sending.isMeant() ? list.filter(isLast) : [];
      const refused = new Set(as && still.filter((order) => isByAgent(order) && refusalOf(as, order)));
      if (as) forbid(held, place, [...refused], as, context);
      const meant = still.filter((order) => !refused.has(order));
      const asNow = as && read && specAs(read, as);
      const specFor = (order: Order): SpecOf => (asNow && isByAgent(order) ? asNow : read!);
      const left = read ? assign(held, place, meant, specFor, context, sending) : meant;
      comeBack(held, left, context);
      if (left.length + refused.size > 0) sending.onNotSent();
    });
}

function isByAgent({ route }: Order): boolean {
  return route.executor.kind === 'agent';
}

function refusalOf(as: OrderAccount, { execution }: Order): AccountRefusal | undefined {
  return as.refusalOn(hostOf(execution.subject)!.id);
}

/** Those that nobody can have are over. Others may run by an order of before: their executors are asked, and say where they are. */
function forbid(
  { run }: HeldRun,
  place: OrderPlace,
  list: readonly Order[],
  as: OrderAccount,
  { clock, fleet }: SendContext,
): void {
  const open = list.filter(
    (order) =>
      !run
        .task(order.execution.task)!
        .crew.onForbidden(order.execution as Execution<ReportedStream>, refusalOf(as, order)!, clock.nowMs()),
  );
  if (open.length > 0)
    fleet.query(open[0]!.route.workerId, { ...place, attempts: open.map((order) => placeOf(run.id, order)) });
}

/** Hosts that are given the same are told together. Answers those that the worker's link does not take now. */
function assign(
  held: HeldRun,
  place: OrderPlace,
  list: readonly Order[],
  specFor: (order: Order) => SpecOf,
  context: SendContext,
  sending: SendingRun,
): readonly Order[] {
  const alike = Map.groupBy(list, (order) => specFor(order)(order.execution.subject));
  return [...alike].flatMap(([spec, orders]) =>
    assignAlike(held, place, orders, spec, context, sending) ? [] : orders,
  );
}

/** False where the worker's link takes nothing now. */
function assignAlike(
  { run, caller }: HeldRun,
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
    caller,
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
