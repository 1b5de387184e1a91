/** Records of the store to resources of the API, and the body of a new run to the domain's words. */
import { parseDurationMs } from '../base/duration.ts';
import type { z } from 'zod';
import type { AgentHealth } from '../fleet/agent-health.ts';
import type { RunStartInput } from '../app/run-start.ts';
import type { LiveWorker } from '../fleet/fleet.ts';
import { parseFailureLimit } from '../domain/run/failure-limit.ts';
import type { LaneFigures } from '../protocol/link/worker-v1.ts';
import type * as resources from '../protocol/rest/resources.ts';
import type { AgentRecord } from '../store/contract/agent.ts';
import type { ApiToken } from '../store/contract/api-token.ts';
import type { AuditRecord } from '../store/contract/audit.ts';
import type { ExecutionRecord } from '../store/contract/execution.ts';
import type { HostRecord } from '../store/contract/host.ts';
import type { JoinToken } from '../store/contract/join-token.ts';
import type { OutputGroup, StreamRecord } from '../store/contract/output.ts';
import type { RunRecord } from '../store/contract/run.ts';
import type { TimelineEntry } from '../store/contract/timeline.ts';
import type { WorkerRecord } from '../store/contract/worker.ts';

/** RFC 3339, or nothing. */
function at<K extends string>(key: K, ms: number | undefined): { [P in K]?: string } {
  return (ms === undefined ? {} : { [key]: new Date(ms).toISOString() }) as { [P in K]?: string };
}

function given<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}

/** What the run took in all its rounds, once it is over; the time between them counts for nobody. */
function durationMsOf(run: RunRecord): number | undefined {
  if (run.finishedAtMs === undefined) return undefined;
  const begunAtMs = run.round === 1 ? (run.startedAtMs ?? run.createdAtMs) : run.roundStartedAtMs;
  return run.earlierRoundsMs + Math.max(0, run.finishedAtMs - begunAtMs);
}

export function runResource(run: RunRecord): z.infer<typeof resources.Run> {
  return {
    id: run.id,
    name: run.name,
    reason: run.reason,
    state: run.state,
    round: run.round,
    createdBy: run.createdBy.name,
    targets: run.targetExpression,
    hostCount: run.hostCount,
    counts: run.counts,
    seq: run.seq,
    createdAt: new Date(run.createdAtMs).toISOString(),
    ...at('startedAt', run.startedAtMs),
    ...at('finishedAt', run.finishedAtMs),
    ...given('durationMs', durationMsOf(run)),
    ...at('cancelRequestedAt', run.cancelRequestedAtMs),
    ...given('cancelRequestedBy', run.cancelRequestedBy),
  };
}

export function runDetailResource(run: RunRecord): z.infer<typeof resources.RunDetail> {
  const spec = run.spec!;
  const limit =
    spec.maxFailed && (spec.maxFailed.kind === 'count' ? String(spec.maxFailed.count) : `${spec.maxFailed.percent}%`);
  return {
    ...runResource(run),
    ...(spec.work.kind === 'script'
      ? { script: Buffer.from(spec.work.script).toString() }
      : { command: [...spec.work.argv] }),
    ...given('lang', spec.lang),
    args: [...spec.args],
    env: spec.env,
    params: spec.params,
    secretNames: [...spec.secretNames],
    ...given('user', spec.user),
    ...given('cwd', spec.cwd),
    timeoutMs: spec.timeoutMs,
    killAfterMs: spec.killAfterMs,
    startDeadlineMs: spec.startDeadlineMs,
    lostAfterMs: spec.lostAfterMs,
    ...given('concurrency', spec.concurrency),
    ...given('maxFailed', limit),
    retries: spec.retries,
    via: spec.via ?? 'auto',
    priority: spec.priority ?? 'normal',
    ...given('accountId', spec.account as string | undefined),
  };
}

function streamResource(stream: StreamRecord): {
  size: number;
  head: number;
  tail: number;
  gap: number;
  digest?: string;
} {
  return {
    size: stream.size,
    head: stream.head,
    tail: stream.tail,
    gap: stream.size - stream.head - stream.tail,
    ...given('digest', stream.digest && Buffer.from(stream.digest).toString('hex')),
  };
}

export function executionResource(e: ExecutionRecord): z.infer<typeof resources.Execution> {
  return {
    runId: e.runId,
    task: e.task,
    ordinal: e.ordinal,
    attempt: e.attempt,
    round: e.round,
    host: e.hostName,
    hostId: e.hostId,
    state: e.state,
    ...given('via', e.via),
    ...given('workerId', e.workerId),
    ...given('exitCode', e.exitCode),
    ...given('signal', e.signal),
    ...given('reason', e.reason),
    ...given('detail', e.detail),
    stdout: streamResource(e.stdout),
    stderr: streamResource(e.stderr),
    settledLate: e.settledLate,
    seq: e.seq,
    ...at('dispatchedAt', e.dispatchedAtMs),
    ...at('startedAt', e.startedAtMs),
    ...at('finishedAt', e.finishedAtMs),
  };
}

export function pastExecutionResource(e: ExecutionRecord): z.infer<typeof resources.PastExecution> {
  const late = e.lateReport;
  return {
    ...executionResource(e),
    ...given(
      'lateReport',
      late && {
        state: late.state,
        receivedAt: new Date(late.receivedAtMs).toISOString(),
        finishedAt: new Date(late.finishedAtMs).toISOString(),
        ...at('startedAt', late.startedAtMs),
        ...given('exitCode', late.exitCode),
        ...given('signal', late.signal),
        ...given('reason', late.reason),
        ...given('detail', late.detail),
        stdout: streamResource(late.stdout),
        stderr: streamResource(late.stderr),
      },
    ),
  };
}

export function outputGroupResource(group: OutputGroup): z.infer<typeof resources.OutputGroup> {
  const { task, ordinal, attempt } = group.sample;
  return {
    state: group.state,
    ...given('exitCode', group.exitCode),
    ...given('signal', group.signal),
    ...given('reason', group.reason),
    count: group.count,
    hosts: [...group.hosts],
    stdout: streamResource(group.stdout),
    stderr: streamResource(group.stderr),
    sample: { task, ordinal, attempt },
  };
}

export function timelineResource(entry: TimelineEntry): z.infer<typeof resources.TimelineEntry> {
  return { seq: entry.seq, at: new Date(entry.atMs).toISOString(), kind: entry.kind, detail: entry.detail };
}

export function hostResource(host: HostRecord, accounts: ReadonlyMap<string, string>): z.infer<typeof resources.Host> {
  const reachableBy = [
    ...(host.linked ? (['agent'] as const) : []),
    ...(host.address === undefined ? [] : (['ssh'] as const)),
  ];
  return {
    id: host.id,
    name: host.name,
    labels: host.labels,
    facts: host.facts,
    ...given('agentId', host.agentId as string | undefined),
    linked: host.linked,
    ...given('workerId', host.workerId as string | undefined),
    ...at('linkChangedAt', host.linkChangedAtMs),
    createdAt: new Date(host.createdAtMs).toISOString(),
    reachableBy,
    zone: host.zone,
    ...(host.address === undefined
      ? {}
      : { address: host.address, port: host.port, hostKeyPolicy: host.hostKeyPolicy }),
    ...given('accountId', host.accountId),
    ...given('account', accounts.get(host.accountId ?? '')),
    ...given('jumpHost', host.jumpHost),
    ...given('twinOf', host.twinOf),
    ...given(
      'algorithms',
      host.algorithms && Object.fromEntries(Object.entries(host.algorithms).map(([kind, names]) => [kind, [...names]])),
    ),
  };
}

export function agentResource(agent: AgentRecord, health: AgentHealth): z.infer<typeof resources.Agent> {
  const load = agent.linked ? health.loadOf(agent.hostId) : undefined;
  return {
    ...(load
      ? {
          load: {
            at: new Date(load.atMs).toISOString(),
            running: load.running,
            unreported: load.unreported,
            rssBytes: load.rssBytes,
            loadAverage: load.loadAverage,
            lagMs: load.lagMs,
            freeSpoolBytes: load.freeSpoolBytes,
            ...given('freeMemoryBytes', load.freeMemoryBytes),
            ...given('skewMs', load.skewMs),
          },
        }
      : {}),
    links: health.linksOf(agent.hostId),
    problems:
      agent.state === 'active'
        ? [...new Set([...health.problemsOf(agent.hostId), ...(agent.copies ? ['copied'] : [])])]
        : [],
    ...given(
      'copies',
      agent.copies?.map(({ instance, start, workerId, seenAtMs }) => ({
        instance,
        start,
        worker: workerId,
        seenAt: new Date(seenAtMs).toISOString(),
      })),
    ),
    id: agent.id,
    hostId: agent.hostId,
    host: agent.hostName,
    state: agent.state,
    ...given('version', agent.version),
    linked: agent.linked,
    joinedAt: new Date(agent.joinedAtMs).toISOString(),
    certificateExpiresAt: new Date(agent.certificateExpiresAtMs).toISOString(),
  };
}

export function workerResource(worker: WorkerRecord, live: LiveWorker | undefined): z.infer<typeof resources.Worker> {
  return {
    id: worker.id,
    name: worker.name,
    zone: worker.zone,
    agentAddress: worker.agentAddress,
    linked: live !== undefined || worker.linked,
    drained: worker.drained,
    ...given('revokedAt', worker.revokedAtMs === undefined ? undefined : new Date(worker.revokedAtMs).toISOString()),
    ...given('version', worker.version),
    joinedAt: new Date(worker.joinedAtMs).toISOString(),
    ...(live ? { agents: live.agents, queued: live.queued, rssBytes: live.rssBytes, lagMs: live.lagMs } : {}),
    ...given('figuresAt', live?.heardAtMs === undefined ? undefined : new Date(live.heardAtMs).toISOString()),
    ...given('lanes', live?.lanes && { agent: laneResource(live.lanes.agent), ssh: laneResource(live.lanes.ssh) }),
  };
}

function laneResource({
  underWay,
  capacity,
  queues,
}: LaneFigures): NonNullable<z.infer<typeof resources.Worker>['lanes']>['agent'] {
  const of = ({ length, oldestMs }: LaneFigures['queues']['high']): { length: number; oldestMs: number } => ({
    length,
    oldestMs,
  });
  return { underWay, capacity, high: of(queues.high), normal: of(queues.normal), low: of(queues.low) };
}

export function joinTokenResource(token: JoinToken): z.infer<typeof resources.JoinToken> {
  return {
    id: token.id,
    role: token.role,
    labels: token.labels,
    zone: token.zone,
    ...given('hostId', token.hostId as string | undefined),
    usesLeft: token.usesLeft,
    expiresAt: new Date(token.expiresAtMs).toISOString(),
    createdAt: new Date(token.createdAtMs).toISOString(),
    createdBy: token.createdBy.name,
  };
}

export function apiTokenResource(token: ApiToken): z.infer<typeof resources.ApiToken> {
  return {
    id: token.id,
    name: token.name,
    role: token.role,
    createdAt: new Date(token.createdAtMs).toISOString(),
    expiresAt: new Date(token.expiresAtMs).toISOString(),
    ...at('revokedAt', token.revokedAtMs),
  };
}

export function auditResource(entry: AuditRecord): z.infer<typeof resources.AuditEntry> {
  return {
    id: entry.id,
    at: new Date(entry.atMs).toISOString(),
    actor: entry.actor.name,
    action: entry.action,
    target: entry.target,
    detail: entry.detail,
    ...given('requestId', entry.requestId),
    ...entry.seal,
  };
}

/** Durations were checked by the schema. */
export function runStartInput(body: z.infer<typeof resources.RunCreate>): Omit<RunStartInput, 'mayUseAccounts'> {
  const script = bytesOf(body.script, body.scriptBase64);
  return {
    targets: body.targets,
    ...given('hostsMax', body.hostsMax),
    name: body.name || (body.command ? body.command.join(' ').slice(0, 80) : 'script'),
    reason: body.reason,
    secrets: body.secrets,
    ...given('account', body.account),
    spec: {
      work: script ? { kind: 'script', script } : { kind: 'command', argv: body.command ?? [] },
      ...given('lang', body.lang),
      args: body.args,
      env: body.env,
      params: body.params,
      ...given('user', body.user),
      ...given('cwd', body.cwd),
      ...given('stdin', bytesOf(body.stdin, body.stdinBase64)),
      timeoutMs: parseDurationMs(body.timeout)!,
      killAfterMs: parseDurationMs(body.killAfter)!,
      startDeadlineMs: parseDurationMs(body.startDeadline)!,
      lostAfterMs: parseDurationMs(body.lostAfter)!,
      ...given('concurrency', body.concurrency),
      ...given('maxFailed', body.maxFailed === undefined ? undefined : parseFailureLimit(body.maxFailed)),
      retries: body.retries,
      via: body.via,
      priority: body.priority,
      outputKeptBytes: body.outputKeptBytes,
    },
  };
}

function bytesOf(text: string | undefined, base64: string | undefined): Buffer | undefined {
  if (text !== undefined) return Buffer.from(text);
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64');
}
