/**
 * What a server sends down to executors: starts, stops, questions, acknowledgements and upgrades, by the link of the worker that holds the
 * executor or is it. What is for an agent is marked under the agent's key, for its worker could say anything.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { given } from '../base/given.ts';
import { attemptId, type AgentId, type AttemptId, type HostId, type ServerId, type WorkerId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import type { Executor, Route } from '../domain/run/executor.ts';
import { ackMessage, attemptMessage, chunkAckMessage, type Marked } from '../protocol/link/session.ts';
import { upgradeMessage } from '../protocol/link/upgrade-order.ts';
import type { Assignment, AttemptOrder, AttemptPlace, ChunkName } from './fleet.ts';
import { slices } from './frame-slices.ts';
import type { HostAgents } from './host-agents.ts';
import type { OrderMarks } from './order-marks.ts';
import type { WorkerRoster } from './worker-roster.ts';

/** Of one host in an `assign`: ids, mark and executor have some 200 bytes, and the name has up to `nameBytesMax`. */
const TARGET_BYTES_MAX = 512;
/** Of what an `assign` has once, beside the work. */
const ASSIGN_BYTES_MAX = 1_024;

export interface ExecutorOrdersOptions {
  readonly serverId: ServerId;
  readonly clock: Clock;
  readonly roster: WorkerRoster;
  readonly agents: HostAgents;
  readonly marks: OrderMarks;
}

export class ExecutorOrders {
  readonly #options: ExecutorOrdersOptions;
  #count = 0;

  constructor(options: ExecutorOrdersOptions) {
    this.#options = options;
  }

  /** A number for the next order: each higher than all before. */
  next(): number {
    return ++this.#count;
  }

  /** Who is asked about an attempt, and by whose link: the worker that carries it out, else the agent that its host has now. */
  routeOf({ hostId, executor }: AttemptPlace): Route | undefined {
    if (executor?.kind === 'worker') return { executor, workerId: executor.id };
    return hostId && this.#options.agents.at(hostId);
  }

  assign({
    workerId,
    runId,
    task,
    partition,
    term,
    order,
    priority,
    caller,
    accountId,
    needs,
    spec,
    targets,
  }: Assignment): boolean {
    const { serverId: server, clock, roster, marks } = this.#options;
    const worker = roster.of(workerId);
    if (!worker) return false;
    const validUntilMs = clock.nowMs() + limits.dispatchValidMs;
    const digest = createHash('sha256').update(spec).digest();
    const mark = { server: server as string, order, validUntilMs };
    const signed = targets.map(({ instance, watch, ...target }) => {
      const place = { a: attemptId({ runId, task, ...target }), ...given({ hostName: target.hostName }) };
      const mac = marks.ofStart({ executor: target.executor, instance }, place, mark, digest);
      return watch ? { ...target, watch, mac } : { ...target, mac };
    });
    // A start that comes twice is harmless; one that has gone must not be taken as not gone.
    const sent = slices(signed, targetsPerFrame(spec)).map((slice) =>
      worker.link.send({
        t: 'assign',
        runId,
        task,
        partition,
        term,
        priority,
        caller,
        spec,
        ...mark,
        targets: slice,
        ...given({ accountId, needs }),
      }),
    );
    return sent.includes(true);
  }

  cancel(workerId: WorkerId, order: AttemptOrder): boolean {
    return this.#order('cancel', workerId, order);
  }

  query(workerId: WorkerId, order: AttemptOrder): boolean {
    return this.#order('query', workerId, order);
  }

  #order(t: 'cancel' | 'query', workerId: WorkerId, { partition, term, order, attempts }: AttemptOrder): boolean {
    const { serverId: server, roster, marks } = this.#options;
    const link = roster.of(workerId)?.link;
    const mark = { server: server as string, order };
    const signed = attempts.flatMap((place) => {
      const executor = this.routeOf(place)?.executor;
      const sign = (agentId: string, instance: string): Marked =>
        attemptMessage(t, agentId, instance, place.attempt, mark);
      return executor ? [{ a: place.attempt, executor, ...marks.of(executor, sign) }] : [];
    });
    return (
      link !== undefined && slices(signed).every((slice) => link.send({ t, partition, term, ...mark, attempts: slice }))
    );
  }

  ack(workerId: WorkerId, attempts: readonly { attempt: AttemptId; executor: Executor }[]): void {
    const { roster, marks } = this.#options;
    for (const slice of slices(attempts))
      roster.of(workerId)?.link.send({
        t: 'ack',
        attempts: slice.map(({ attempt: a, executor }) => ({
          a,
          executor,
          ...marks.of(executor, (agentId, instance) => ackMessage(agentId, instance, a)),
        })),
      });
  }

  ackChunk(workerId: WorkerId, { attempt: a, executor, stream, seq }: ChunkName): void {
    const { roster, marks } = this.#options;
    const mac = marks.of(executor, (agentId, instance) => chunkAckMessage(agentId, instance, { a, stream, seq }));
    roster.of(workerId)?.link.send({ t: 'chunk-ack', a, executor, stream, seq, ...mac });
  }

  /** Has the executors of these attempts send their output as it comes, or no longer. */
  watch(attempts: readonly AttemptPlace[], on: boolean): void {
    const asked = attempts.flatMap((place) => {
      const route = this.routeOf(place);
      return route ? [{ workerId: route.workerId, attempt: { a: place.attempt, executor: route.executor } }] : [];
    });
    for (const [workerId, list] of Map.groupBy(asked, ({ workerId: id }) => id))
      for (const slice of slices(list))
        this.#options.roster.of(workerId)?.link.send({ t: 'watch', on, attempts: slice.map(({ attempt }) => attempt) });
  }

  upgrade(id: string, order: Uint8Array, agents: readonly { hostId: HostId; agentId: AgentId }[]): void {
    const { roster, agents: linked, marks } = this.#options;
    const server = this.#options.serverId as string;
    const digest = createHash('sha256').update(order).digest();
    for (const [workerId, group] of Map.groupBy(agents, ({ hostId }) => linked.at(hostId)?.workerId)) {
      const targets = group.map(({ hostId, agentId }) => ({
        hostId,
        agentId,
        mac: marks.ofUpgrade(agentId, (instance) => upgradeMessage(id, agentId, instance, server, digest)),
      }));
      for (const slice of workerId ? slices(targets) : [])
        roster.of(workerId!)?.link.send({ t: 'upgrade', id, server, order, targets: slice });
    }
  }
}

/** Long names beside a large work would be more than a frame may have: then it travels in one more. */
function targetsPerFrame(spec: Uint8Array): number {
  const room = limits.frameBytesMax - ASSIGN_BYTES_MAX - spec.length;
  return Math.min(limits.hostsPerFrameMax, Math.max(1, Math.floor(room / TARGET_BYTES_MAX)));
}
