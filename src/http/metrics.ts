/** Prometheus metrics of a server; other rooms hand in what they count through plain callbacks. */
import { EVERYTHING } from '../domain/access/access-node.ts';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { limits } from '../base/limits.ts';
import type { ErrorCode } from '../base/errors.ts';
import type { ExecutionState } from '../domain/crew/execution-machine.ts';
import type { AppContext } from '../app/context.ts';
import type { DatabaseSpace } from '../app/database-space.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Port } from './port.ts';

const LANE_LABELS = ['worker', 'lane'] as const;
const QUEUE_LABELS = [...LANE_LABELS, 'priority'] as const;

/** What is measured where it is asked for. */
interface Measured extends Pick<AppContext, 'store' | 'ownership'> {
  readonly fleet: Fleet;
  readonly space: DatabaseSpace;
}

/** Of one server, made at its start. */
export class ServerMetrics {
  readonly #registry = new Registry();
  readonly #registers = [this.#registry];
  #isWatchingProcess = false;
  readonly requests = new Counter({
    name: 'drover_http_requests_total',
    help: 'Requests by operation and status',
    labelNames: ['operation', 'status'],
    registers: this.#registers,
  });
  readonly streamsCut = new Counter({
    name: 'drover_event_streams_cut_total',
    help: 'Event streams that the server ended before their run did, by code',
    labelNames: ['reason'],
    registers: this.#registers,
  });
  readonly duration = new Histogram({
    name: 'drover_http_request_seconds',
    help: 'Time to answer',
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
    registers: this.#registers,
  });
  readonly #executions = new Counter({
    name: 'drover_executions_total',
    help: 'Executions that ended, by state',
    labelNames: ['state'],
    registers: this.#registers,
  });
  readonly #commits = new Histogram({
    name: 'drover_commit_seconds',
    help: 'Time of an owner commit',
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
    registers: this.#registers,
  });
  readonly #commitRows = new Counter({
    name: 'drover_commit_executions_total',
    help: 'Execution changes committed',
    registers: this.#registers,
  });
  readonly #agents = new Gauge({
    name: 'drover_agents_linked',
    help: 'Agents linked, by worker',
    labelNames: ['worker'],
    registers: this.#registers,
  });
  readonly #underWay = new Gauge({
    name: 'drover_worker_executions',
    help: 'Executions under way through a worker',
    labelNames: LANE_LABELS,
    registers: this.#registers,
  });
  readonly #capacity = new Gauge({
    name: 'drover_worker_capacity',
    help: 'Executions that a worker may have under way',
    labelNames: LANE_LABELS,
    registers: this.#registers,
  });
  readonly #queued = new Gauge({
    name: 'drover_worker_queued',
    help: 'Starts queued at a worker',
    labelNames: QUEUE_LABELS,
    registers: this.#registers,
  });
  readonly #oldest = new Gauge({
    name: 'drover_worker_queue_oldest_seconds',
    help: 'How long the oldest start in a queue has waited',
    labelNames: QUEUE_LABELS,
    registers: this.#registers,
  });
  readonly #starts = new Gauge({
    name: 'drover_worker_queue_starts',
    help: 'Starts that have left a queue since the worker started',
    labelNames: QUEUE_LABELS,
    registers: this.#registers,
  });
  readonly #waited = new Gauge({
    name: 'drover_worker_queue_waited_seconds',
    help: 'Time that those starts have waited, summed up',
    labelNames: QUEUE_LABELS,
    registers: this.#registers,
  });
  readonly #drained = new Gauge({
    name: 'drover_worker_drained',
    help: '1 for a worker that takes no new work',
    labelNames: ['worker'],
    registers: this.#registers,
  });
  readonly #lag = new Gauge({
    name: 'drover_worker_lag_milliseconds',
    help: 'Event-loop lag a worker reports',
    labelNames: ['worker'],
    registers: this.#registers,
  });
  readonly #agentFigures = {
    reporting: new Gauge({
      name: 'drover_agents_reporting',
      help: 'Linked agents that have told their load',
      registers: this.#registers,
    }),
    running: new Gauge({
      name: 'drover_agents_running',
      help: 'Executions running on hosts, as agents last said',
      registers: this.#registers,
    }),
    unreported: new Gauge({
      name: 'drover_agents_unreported',
      help: 'Ended executions that agents still hold',
      registers: this.#registers,
    }),
    rssBytes: new Gauge({
      name: 'drover_agents_memory_bytes',
      help: 'Memory of all agents together',
      registers: this.#registers,
    }),
    lagMsMax: new Gauge({
      name: 'drover_agents_lag_milliseconds_max',
      help: 'Event-loop lag of the worst agent',
      registers: this.#registers,
    }),
  };
  readonly #agentProblems = new Gauge({
    name: 'drover_agents_with_problem',
    help: 'Agents that flap, lag, are skewed or low on space',
    labelNames: ['problem'],
    registers: this.#registers,
  });
  readonly #troubledAgents = new Gauge({
    name: 'drover_agent_problem',
    help: 'Some of the agents with a problem, by name; the others are only counted',
    labelNames: ['host', 'problem'],
    registers: this.#registers,
  });
  readonly #unknownReports = new Counter({
    name: 'drover_reports_unknown_total',
    help: 'Reports let go because the database does not know their run: of a restored backup, or older than runs are kept',
    registers: this.#registers,
  });
  readonly #undecided = new Counter({
    name: 'drover_runs_undecided_total',
    help: 'Times that a run could not be decided on, by a fault that the log tells: each is read anew, and one that meets it again says so',
    registers: this.#registers,
  });
  readonly #linkFaults = new Counter({
    name: 'drover_link_faults_total',
    help: 'Links of workers that this server ended because of a frame, by the code they were told',
    labelNames: ['code'],
    registers: this.#registers,
  });
  readonly #passedOver = new Counter({
    name: 'drover_link_frames_passed_over_total',
    help: 'Frames of workers of types that this server does not know',
    registers: this.#registers,
  });
  readonly #framesRefused = new Gauge({
    name: 'drover_worker_link_faults',
    help: 'Links of agents and servers that a worker ended because of a frame since it started',
    labelNames: ['worker'],
    registers: this.#registers,
  });
  readonly #framesPassedOver = new Gauge({
    name: 'drover_worker_frames_passed_over',
    help: 'Frames of agents and servers of types that a worker does not know, since it started',
    labelNames: ['worker'],
    registers: this.#registers,
  });
  readonly #databaseFull = new Gauge({
    name: 'drover_database_full',
    help: '1 while new work is refused because the database lacks space',
    registers: this.#registers,
  });
  readonly #databaseFreeBytes = new Gauge({
    name: 'drover_database_free_bytes',
    help: 'Space left for an embedded PostgreSQL; absent for any other',
    registers: this.#registers,
  });
  readonly #partitions = new Gauge({
    name: 'drover_partitions_owned',
    help: 'Partitions this server owns',
    registers: this.#registers,
  });

  observePort(port: Port): void {
    new Gauge({
      name: 'drover_connections',
      help: 'Connections of the port that are no links',
      registers: this.#registers,
      collect() {
        this.set(port.connections);
      },
    });
    new Gauge({
      name: 'drover_connection_troubles',
      help: 'Connections that were not taken or were cut, since the start, by why',
      labelNames: ['why'],
      registers: this.#registers,
      collect() {
        for (const [why, times] of Object.entries(port.troubles)) this.set({ why }, times);
      },
    });
  }

  observeCommit(figures: { executions: number; durationMs: number; outcomes: readonly ExecutionState[] }): void {
    this.#commits.observe(figures.durationMs / 1_000);
    this.#commitRows.inc(figures.executions);
    for (const state of figures.outcomes)
      if (!['waiting', 'dispatched', 'running'].includes(state)) this.#executions.inc({ state });
  }

  observeUnknownReport(): void {
    this.#unknownReports.inc();
  }

  observeUndecided(): void {
    this.#undecided.inc();
  }

  observeFramePassedOver(): void {
    this.#passedOver.inc();
  }

  observeLinkFault(code: ErrorCode): void {
    this.#linkFaults.inc({ code });
  }

  async render(ctx: Measured): Promise<string> {
    for (const gauge of [
      this.#agents,
      this.#lag,
      this.#drained,
      this.#underWay,
      this.#capacity,
      this.#queued,
      this.#oldest,
      this.#starts,
      this.#waited,
      this.#framesRefused,
      this.#framesPassedOver,
    ])
      gauge.reset();
    for (const worker of ctx.fleet.workers()) {
      this.#agents.set({ worker: worker.name }, worker.agents);
      this.#lag.set({ worker: worker.name }, worker.lagMs);
      this.#framesRefused.set({ worker: worker.name }, worker.framesRefused ?? 0);
      this.#framesPassedOver.set({ worker: worker.name }, worker.framesPassedOver ?? 0);
      this.#drained.set({ worker: worker.name }, ctx.fleet.takesWork(worker.id) ? 0 : 1);
      for (const [lane, figures] of Object.entries(worker.lanes ?? {})) {
        this.#underWay.set({ worker: worker.name, lane }, figures.underWay);
        this.#capacity.set({ worker: worker.name, lane }, figures.capacity);
        for (const [priority, queue] of Object.entries(figures.queues)) {
          const labels = { worker: worker.name, lane, priority };
          this.#queued.set(labels, queue.length);
          this.#oldest.set(labels, queue.oldestMs / 1_000);
          this.#starts.set(labels, queue.starts);
          this.#waited.set(labels, queue.waitedMs / 1_000);
        }
      }
    }
    await this.#observeAgents(ctx);
    this.#partitions.set(ctx.ownership.owned().length);
    this.#databaseFull.set(ctx.space.state() === 'enough' ? 0 : 1);
    const freeBytes = ctx.space.freeBytes();
    if (freeBytes === undefined) this.#databaseFreeBytes.remove();
    else this.#databaseFreeBytes.set(freeBytes);
    this.#watchProcess();
    return this.#registry.metrics();
  }

  /** From the first that asks on: the delay of the event loop is watched every 10 ms, which is half of what an idle server would cost. */
  #watchProcess(): void {
    if (this.#isWatchingProcess) return;
    this.#isWatchingProcess = true;
    collectDefaultMetrics({ register: this.#registry, prefix: 'drover_' });
  }

  /** Names of few, counts of all: a label per host would be the end of whoever stores it. */
  async #observeAgents({ fleet, store }: Measured): Promise<void> {
    const { problems, ...figures } = fleet.health.totals();
    for (const [name, value] of Object.entries(figures)) this.#agentFigures[name as keyof typeof figures].set(value);
    for (const [problem, count] of Object.entries(problems)) this.#agentProblems.set({ problem }, count);
    this.#troubledAgents.reset();
    const named = fleet.health.troubled().slice(0, limits.problemHostsInMetricsMax);
    if (named.length === 0) return;
    // Without the database there are counts, but no names.
    const agentsOf = await store
      .agentList(
        EVERYTHING,
        { limit: named.length },
        named.map(({ hostId }) => hostId),
      )
      .catch(() => ({ items: [] }));
    const names = new Map(agentsOf.items.map((agent) => [agent.hostId, agent.hostName]));
    for (const { hostId, problems: theirs } of named)
      for (const problem of theirs)
        if (names.has(hostId)) this.#troubledAgents.set({ host: names.get(hostId)!, problem }, 1);
  }
}
