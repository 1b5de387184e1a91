/** Prometheus metrics of a server; other rooms hand in what they count through plain callbacks. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { limits } from '../base/limits.ts';
import type { ErrorCode } from '../base/errors.ts';
import type { ExecutionState } from '../domain/run/execution-machine.ts';
import type { ApiContext } from './operation.ts';
import type { Port } from './port.ts';

const registry = new Registry();
const registers = [registry];

export const apiMetrics = {
  requests: new Counter({
    name: 'drover_http_requests_total',
    help: 'Requests by operation and status',
    labelNames: ['operation', 'status'],
    registers,
  }),
  streamsCut: new Counter({
    name: 'drover_event_streams_cut_total',
    help: 'Event streams that the server ended before their run did, by code',
    labelNames: ['reason'],
    registers,
  }),
  duration: new Histogram({
    name: 'drover_http_request_seconds',
    help: 'Time to answer',
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
    registers,
  }),
};
const executions = new Counter({
  name: 'drover_executions_total',
  help: 'Executions that ended, by state',
  labelNames: ['state'],
  registers,
});
const commits = new Histogram({
  name: 'drover_commit_seconds',
  help: 'Time of an owner commit',
  buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
  registers,
});
const commitRows = new Counter({
  name: 'drover_commit_executions_total',
  help: 'Execution changes committed',
  registers,
});
const agents = new Gauge({
  name: 'drover_agents_linked',
  help: 'Agents linked, by worker',
  labelNames: ['worker'],
  registers,
});
const LANE_LABELS = ['worker', 'lane'] as const;
const QUEUE_LABELS = [...LANE_LABELS, 'priority'] as const;
const underWay = new Gauge({
  name: 'drover_worker_executions',
  help: 'Executions under way through a worker',
  labelNames: LANE_LABELS,
  registers,
});
const capacity = new Gauge({
  name: 'drover_worker_capacity',
  help: 'Executions that a worker may have under way',
  labelNames: LANE_LABELS,
  registers,
});
const queued = new Gauge({
  name: 'drover_worker_queued',
  help: 'Starts queued at a worker',
  labelNames: QUEUE_LABELS,
  registers,
});
const oldest = new Gauge({
  name: 'drover_worker_queue_oldest_seconds',
  help: 'How long the oldest start in a queue has waited',
  labelNames: QUEUE_LABELS,
  registers,
});
const starts = new Gauge({
  name: 'drover_worker_queue_starts',
  help: 'Starts that have left a queue since the worker started',
  labelNames: QUEUE_LABELS,
  registers,
});
const waited = new Gauge({
  name: 'drover_worker_queue_waited_seconds',
  help: 'Time that those starts have waited, summed up',
  labelNames: QUEUE_LABELS,
  registers,
});
const drained = new Gauge({
  name: 'drover_worker_drained',
  help: '1 for a worker that takes no new work',
  labelNames: ['worker'],
  registers,
});
const lag = new Gauge({
  name: 'drover_worker_lag_milliseconds',
  help: 'Event-loop lag a worker reports',
  labelNames: ['worker'],
  registers,
});
const agentFigures = {
  reporting: new Gauge({ name: 'drover_agents_reporting', help: 'Linked agents that have told their load', registers }),
  running: new Gauge({
    name: 'drover_agents_running',
    help: 'Executions running on hosts, as agents last said',
    registers,
  }),
  unreported: new Gauge({
    name: 'drover_agents_unreported',
    help: 'Ended executions that agents still hold',
    registers,
  }),
  rssBytes: new Gauge({ name: 'drover_agents_memory_bytes', help: 'Memory of all agents together', registers }),
  lagMsMax: new Gauge({
    name: 'drover_agents_lag_milliseconds_max',
    help: 'Event-loop lag of the worst agent',
    registers,
  }),
};
const agentProblems = new Gauge({
  name: 'drover_agents_with_problem',
  help: 'Agents that flap, lag, are skewed or low on space',
  labelNames: ['problem'],
  registers,
});
const troubledAgents = new Gauge({
  name: 'drover_agent_problem',
  help: 'Some of the agents with a problem, by name; the others are only counted',
  labelNames: ['host', 'problem'],
  registers,
});
const unknownReports = new Counter({
  name: 'drover_reports_unknown_total',
  help: 'Reports let go because the database does not know their run: of a restored backup, or older than runs are kept',
  registers,
});
const linkFaults = new Counter({
  name: 'drover_link_faults_total',
  help: 'Links of workers that this server ended because of a frame, by the code they were told',
  labelNames: ['code'],
  registers,
});
const framesRefused = new Gauge({
  name: 'drover_worker_link_faults',
  help: 'Links of agents and servers that a worker ended because of a frame since it started',
  labelNames: ['worker'],
  registers,
});
const databaseFull = new Gauge({
  name: 'drover_database_full',
  help: '1 while new work is refused because the database lacks space',
  registers,
});
const databaseFreeBytes = new Gauge({
  name: 'drover_database_free_bytes',
  help: 'Space left for an embedded PostgreSQL; absent for any other',
  registers,
});
const partitions = new Gauge({ name: 'drover_partitions_owned', help: 'Partitions this server owns', registers });

let observedPort: Port | undefined;
new Gauge({
  name: 'drover_connections',
  help: 'Connections of the port that are no links',
  registers,
  collect() {
    if (observedPort) this.set(observedPort.connections);
  },
});
new Gauge({
  name: 'drover_connection_troubles',
  help: 'Connections that were not taken or were cut, since the start, by why',
  labelNames: ['why'],
  registers,
  collect() {
    for (const [why, times] of Object.entries(observedPort?.troubles ?? {})) this.set({ why }, times);
  },
});

export function observePort(port: Port): void {
  observedPort = port;
}

export function observeCommit(figures: {
  executions: number;
  durationMs: number;
  outcomes: readonly ExecutionState[];
}): void {
  commits.observe(figures.durationMs / 1_000);
  commitRows.inc(figures.executions);
  for (const state of figures.outcomes)
    if (!['waiting', 'dispatched', 'running'].includes(state)) executions.inc({ state });
}

export function observeUnknownReport(): void {
  unknownReports.inc();
}

export function observeLinkFault(code: ErrorCode): void {
  linkFaults.inc({ code });
}

export async function renderMetrics(ctx: ApiContext): Promise<string> {
  for (const gauge of [agents, lag, drained, underWay, capacity, queued, oldest, starts, waited, framesRefused])
    gauge.reset();
  for (const worker of ctx.fleet.workers()) {
    agents.set({ worker: worker.name }, worker.agents);
    lag.set({ worker: worker.name }, worker.lagMs);
    framesRefused.set({ worker: worker.name }, worker.framesRefused ?? 0);
    drained.set({ worker: worker.name }, ctx.fleet.takesWork(worker.id) ? 0 : 1);
    for (const [lane, figures] of Object.entries(worker.lanes ?? {})) {
      underWay.set({ worker: worker.name, lane }, figures.underWay);
      capacity.set({ worker: worker.name, lane }, figures.capacity);
      for (const [priority, queue] of Object.entries(figures.queues)) {
        const labels = { worker: worker.name, lane, priority };
        queued.set(labels, queue.length);
        oldest.set(labels, queue.oldestMs / 1_000);
        starts.set(labels, queue.starts);
        waited.set(labels, queue.waitedMs / 1_000);
      }
    }
  }
  await observeAgents(ctx);
  partitions.set(ctx.ownership.owned().length);
  databaseFull.set(ctx.space.state() === 'enough' ? 0 : 1);
  const freeBytes = ctx.space.freeBytes();
  if (freeBytes === undefined) databaseFreeBytes.remove();
  else databaseFreeBytes.set(freeBytes);
  watchProcess();
  return registry.metrics();
}

let isWatchingProcess = false;

/** From the first that asks on: the delay of the event loop is watched every 10 ms, which is half of what an idle server would cost. */
function watchProcess(): void {
  if (isWatchingProcess) return;
  isWatchingProcess = true;
  collectDefaultMetrics({ register: registry, prefix: 'drover_' });
}

/** Names of few, counts of all: a label per host would be the end of whoever stores it. */
async function observeAgents({ fleet, store }: ApiContext): Promise<void> {
  const { problems, ...figures } = fleet.health.totals();
  for (const [name, value] of Object.entries(figures)) agentFigures[name as keyof typeof figures].set(value);
  for (const [problem, count] of Object.entries(problems)) agentProblems.set({ problem }, count);
  troubledAgents.reset();
  const named = fleet.health.troubled().slice(0, limits.problemHostsInMetricsMax);
  if (named.length === 0) return;
  // Without the database there are counts, but no names.
  const agentsOf = await store
    .agentList(
      { limit: named.length },
      named.map(({ hostId }) => hostId),
    )
    .catch(() => ({ items: [] }));
  const names = new Map(agentsOf.items.map((agent) => [agent.hostId, agent.hostName]));
  for (const { hostId, problems: theirs } of named)
    for (const problem of theirs) if (names.has(hostId)) troubledAgents.set({ host: names.get(hostId)!, problem }, 1);
}
