/** Between the executor's words and the domain's: reports in, the work to do out. Wire types end here. */
import type { Sealer } from '../app/context.ts';
import type { AttemptResult } from '../domain/run/run-actor.ts';
import type { RunSpec } from '../domain/run/spec.ts';
import type { AgentReport, ExecutionSpec, StreamReport } from '../protocol/link/agent-v1.ts';
import { encodeExecutionSpec } from '../protocol/link/execution-spec.ts';
import type { StreamRecord } from '../store/store.ts';

export type ReportedStream = StreamRecord & { readonly inline?: Uint8Array };

const STATES = { exited: 'failed', signaled: 'failed', timed_out: 'timed_out', cancelled: 'cancelled', refused: 'failed', unknown: 'lost' } as const;

/** Undefined for an outcome that this version does not know. */
export function resultOf(report: AgentReport): AttemptResult<ReportedStream> | undefined {
  if (!Object.hasOwn(STATES, report.outcome)) return undefined;
  const to = report.outcome === 'exited' && report.exitCode === 0 ? 'succeeded' : STATES[report.outcome];
  const [stdout, stderr] = [streamOf(report.stdout), streamOf(report.stderr)];
  if (!stdout || !stderr || (to === 'succeeded' && report.exitCode === undefined)) return undefined;
  const survivors = report.survivors?.length ? `Processes that would not die: ${report.survivors.join(', ')}.` : undefined;
  const detail = [report.detail, survivors].filter(Boolean).join(' ');
  return {
    to, finishedAtMs: report.finishedAtMs, stdout, stderr,
    ...(report.exitCode === undefined ? {} : { exitCode: report.exitCode }), ...(report.signal === undefined ? {} : { signal: report.signal }),
    ...(report.reason === undefined ? {} : { reason: report.reason }), ...(detail === '' ? {} : { detail }),
    ...(report.startedAtMs === undefined ? {} : { startedAtMs: report.startedAtMs }),
  };
}

function streamOf(stream: StreamReport): ReportedStream | undefined {
  const { size, head, tail, digest, inline } = stream;
  if (![size, head, tail].every((n) => Number.isSafeInteger(n) && n >= 0) || head + tail > size) return undefined;
  if (inline && inline.length !== head + tail) return undefined;
  return { size, head, tail, ...(digest ? { digest } : {}), ...(inline ? { inline } : {}) };
}

/** The same bytes for every host of the task; secrets are in clear in here and nowhere else on the server. */
export function executionSpecOf(run: { readonly id: string; readonly name: string }, spec: RunSpec, sealedSecrets: Uint8Array | undefined, sealer: Sealer): Uint8Array {
  const secrets = sealedSecrets ? (JSON.parse(Buffer.from(sealer.open(`run/${run.id}`, sealedSecrets)).toString()) as Record<string, string>) : {};
  const work: ExecutionSpec = {
    v: 1, runId: run.id, runName: run.name, args: [...spec.args], env: { ...spec.env }, params: { ...spec.params }, secrets, timeoutMs: spec.timeoutMs, killAfterMs: spec.killAfterMs, outputKeptBytes: spec.outputKeptBytes,
    ...(spec.work.kind === 'script' ? { script: spec.work.script } : { argv: [...spec.work.argv] }),
    ...(spec.lang === undefined ? {} : { lang: spec.lang }), ...(spec.user === undefined ? {} : { user: spec.user }), ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }), ...(spec.stdin === undefined ? {} : { stdin: spec.stdin }),
  };
  return encodeExecutionSpec(work);
}
