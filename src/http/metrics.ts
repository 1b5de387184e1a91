/** Prometheus metrics of a server; other rooms hand in what they count through plain callbacks. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ExecutionState } from '../domain/run/execution-machine.ts';
import type { ApiContext } from './operation.ts';

const registry = new Registry();
collectDefaultMetrics({ register: registry, prefix: 'drover_' });
const registers = [registry];

export const apiMetrics = {
  requests: new Counter({ name: 'drover_http_requests_total', help: 'Requests by operation and status', labelNames: ['operation', 'status'], registers }),
  duration: new Histogram({ name: 'drover_http_request_seconds', help: 'Time to answer', buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10], registers }),
};
const executions = new Counter({ name: 'drover_executions_total', help: 'Executions that ended, by state', labelNames: ['state'], registers });
const commits = new Histogram({ name: 'drover_commit_seconds', help: 'Time of an owner commit', buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3], registers });
const commitRows = new Counter({ name: 'drover_commit_executions_total', help: 'Execution changes committed', registers });
const agents = new Gauge({ name: 'drover_agents_linked', help: 'Agents linked, by worker', labelNames: ['worker'], registers });
const LANE_LABELS = ['worker', 'lane'] as const;
const QUEUE_LABELS = [...LANE_LABELS, 'priority'] as const;
const underWay = new Gauge({ name: 'drover_worker_executions', help: 'Executions under way through a worker', labelNames: LANE_LABELS, registers });
const capacity = new Gauge({ name: 'drover_worker_capacity', help: 'Executions that a worker may have under way', labelNames: LANE_LABELS, registers });
const queued = new Gauge({ name: 'drover_worker_queued', help: 'Starts queued at a worker', labelNames: QUEUE_LABELS, registers });
const oldest = new Gauge({ name: 'drover_worker_queue_oldest_seconds', help: 'How long the oldest start in a queue has waited', labelNames: QUEUE_LABELS, registers });
const starts = new Gauge({ name: 'drover_worker_queue_starts', help: 'Starts that have left a queue since the worker started', labelNames: QUEUE_LABELS, registers });
const waited = new Gauge({ name: 'drover_worker_queue_waited_seconds', help: 'Time that those starts have waited, summed up', labelNames: QUEUE_LABELS, registers });
const drained = new Gauge({ name: 'drover_worker_drained', help: '1 for a worker that takes no new work', labelNames: ['worker'], registers });
const lag = new Gauge({ name: 'drover_worker_lag_milliseconds', help: 'Event-loop lag a worker reports', labelNames: ['worker'], registers });
const partitions = new Gauge({ name: 'drover_partitions_owned', help: 'Partitions this server owns', registers });

export function observeCommit(figures: { executions: number; durationMs: number; outcomes: readonly ExecutionState[] }): void {
  commits.observe(figures.durationMs / 1_000);
  commitRows.inc(figures.executions);
  for (const state of figures.outcomes) if (!['waiting', 'dispatched', 'running'].includes(state)) executions.inc({ state });
}

export async function renderMetrics(ctx: ApiContext): Promise<string> {
  for (const gauge of [agents, lag, drained, underWay, capacity, queued, oldest, starts, waited]) gauge.reset();
  for (const worker of ctx.fleet.workers()) {
    agents.set({ worker: worker.name }, worker.agents);
    lag.set({ worker: worker.name }, worker.lagMs);
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
  partitions.set(ctx.ownership.owned().length);
  return registry.metrics();
}
