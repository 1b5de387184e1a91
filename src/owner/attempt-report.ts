/** Between the executor's words and the domain's: reports in, the work to do out. Wire types end here. */
import { createHash } from 'node:crypto';
import type { Sealer } from '../app/context.ts';
import { areAlike, openRunSecrets, secretsOn } from '../app/run-secrets.ts';
import { given, type Writable } from '../base/given.ts';
import type { RunId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import type { ToldEnd } from '../domain/crew/execution.ts';
import type { Outcome, ProcessEnd as KnownEnd } from '../domain/crew/outcome.ts';
import type { RunSpec } from '../domain/run/spec.ts';
import { hostOf, itemOf, type Subject } from '../domain/run/subject.ts';
import { outputValuesIn } from '../domain/work/output-values.ts';
import { storedWork } from '../domain/work/work.ts';
import type {
  AgentReport,
  ExecutionSpec,
  ProcessEnd,
  ReportedOutcome,
  StreamReport,
} from '../protocol/link/agent-v1.ts';
import { encodeExecutionSpec } from '../protocol/link/execution-spec.ts';
import type { StreamRecord } from '../store/contract/output.ts';
import { assert } from '../base/assert.ts';

export type ReportedStream = StreamRecord & { readonly inline?: Uint8Array };

const TEXT_MAX = 2_000;

/**
 * Undefined for an outcome that this version does not know, and for anything that the database would refuse: reports of many
 * hosts are committed together, and one that is malformed must not hold up the others.
 */
export function toldEndOf(report: AgentReport): ToldEnd<ReportedStream> | undefined {
  const { startedAtMs, finishedAtMs } = report;
  if (!isInstant(finishedAtMs) || (startedAtMs !== undefined && !isInstant(startedAtMs))) return undefined;
  const outcome = outcomeOf(report.outcome);
  const [stdout, stderr] = [streamOf(report.stdout), streamOf(report.stderr)];
  if (!outcome || !stdout || !stderr) return undefined;
  const survivors = report.survivors?.length
    ? `Processes that would not die: ${report.survivors.slice(0, 50).join(', ')}.`
    : undefined;
  const reason = reasonOf(report.outcome);
  const detail = storableText([report.detail, survivors].filter(Boolean).join(' '));
  const end: Writable<ToldEnd<ReportedStream>> = { outcome, finishedAtMs, stdout, stderr };
  if (reason !== undefined) end.reason = storableText(reason);
  if (detail !== '') end.detail = detail;
  if (startedAtMs !== undefined) end.startedAtMs = startedAtMs;
  const values = outputValuesIn(report.values, report.valuesFault);
  if (values) end.values = values;
  return end;
}

/** What happened, apart from why. Undefined for one that is not known here, or says less than it must. */
function outcomeOf(told: ReportedOutcome): Outcome | undefined {
  switch (told.kind) {
    case 'exited':
    case 'signalled':
      return endOf(told);
    case 'timed_out':
    case 'cancelled': {
      if (!told.end) return { kind: told.kind };
      const end = endOf(told.end);
      return end && { kind: told.kind, end };
    }
    case 'answered':
      return isStatus(told.status) ? { kind: 'answered', status: told.status } : undefined;
    case 'rows':
      return Number.isSafeInteger(told.rows) && told.rows >= 0 ? { kind: 'rows', rows: told.rows } : undefined;
    case 'faulted':
    case 'refused':
    case 'unknown':
      return { kind: told.kind };
    default:
      return undefined;
  }
}

function isStatus(status: number): boolean {
  return Number.isInteger(status) && status >= 100 && status <= 999;
}

function endOf(end: ProcessEnd): KnownEnd | undefined {
  switch (end.kind) {
    case 'exited':
      return Number.isInteger(end.code) && Math.abs(end.code) < 2 ** 31
        ? { kind: 'exited', code: end.code }
        : undefined;
    case 'signalled':
      return end.signal === undefined ? { kind: 'signalled' } : { kind: 'signalled', signal: storableText(end.signal) };
    default:
      return undefined;
  }
}

/** Why, as every result has it beside its outcome, whoever has decided it. */
function reasonOf(told: ReportedOutcome): string | undefined {
  switch (told.kind) {
    case 'signalled':
    case 'faulted':
    case 'refused':
    case 'unknown':
      return told.reason;
    case 'cancelled':
      return 'cancelled-by-user';
    default:
      return undefined;
  }
}

/** An instant that a database column can hold. */
export function isInstant(ms: number): boolean {
  return Number.isSafeInteger(ms) && ms >= 0;
}

/** PostgreSQL's text has no NUL and no half of a surrogate pair. */
function storableText(text: string): string {
  return text.slice(0, TEXT_MAX).replaceAll('\0', '\uFFFD').toWellFormed();
}

function streamOf(stream: StreamReport): ReportedStream | undefined {
  const { size, head, tail, digest, inline } = stream;
  if (![size, head, tail].every((n) => Number.isSafeInteger(n) && n >= 0) || head + tail > size) return undefined;
  if (inline && !(inline instanceof Uint8Array && inline.length === head + tail)) return undefined;
  if (digest && !(digest instanceof Uint8Array && digest.length === 32)) return undefined;
  const kept = head + tail;
  // What fits into a report is in the report; what does not has come as chunks, whose digest the store takes.
  if (kept === 0) return { size, head, tail };
  if (kept <= limits.outputInlineBytesMax)
    return inline ? { size, head, tail, digest: digestOf(inline, size - kept), inline } : { size, head: 0, tail: 0 };
  return digest ? { size, head, tail, digest } : { size, head: 0, tail: 0 };
}

/** As executors take it; theirs is not believed, or one host could have its output shown as another's. About 2 µs. */
function digestOf(kept: Uint8Array, gap: number): Uint8Array {
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(gap));
  return createHash('sha256').update(kept).update(length).digest();
}

/**
 * What each host is given: the same bytes for all, as a rule; bytes of its own, the same each time, where a secret differs from
 * host to host, and for each item. Secrets are in clear in here and nowhere else on the server.
 */
export type SpecOf = (subject: Subject) => Uint8Array;

export function executionSpecOf(
  run: { readonly id: RunId; readonly name: string },
  { work, policy, placement }: RunSpec,
  sealedSecrets: Uint8Array | undefined,
  sealer: Sealer,
): SpecOf {
  const secrets = openRunSecrets(sealer, run.id, sealedSecrets);
  const spec: Omit<ExecutionSpec, 'secrets'> = {
    v: 1,
    runId: run.id,
    runName: run.name,
    work: storedWork(work),
    timeoutMs: policy.timeoutMs,
    killAfterMs: policy.killAfterMs,
    outputKeptBytes: policy.outputKeptBytes,
    ...given({ user: placement.user, environment: placement.environment }),
  };
  if (!areAlike(secrets))
    return (subject) => {
      const host = hostOf(subject);
      assert(host !== undefined, 'what differs from host to host goes to hosts');
      return encodeExecutionSpec({ ...spec, secrets: secretsOn(host.id, secrets) });
    };
  const bytes = encodeExecutionSpec({ ...spec, secrets });
  return (subject) => {
    const item = itemOf(subject);
    return item === undefined ? bytes : encodeExecutionSpec({ ...spec, secrets, item });
  };
}
