/** The ledger of calls with its engine, in a folder of its own, and orders for it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { given } from '../../src/base/given.ts';
import type { AttemptId } from '../../src/base/ids.ts';
import { silentLog } from '../../src/base/log.ts';
import { NameLookups } from '../../src/base/node-names.ts';
import type { CallText } from '../../src/domain/work/call-text.ts';
import type { HttpWork } from '../../src/domain/work/http.ts';
import type { SqlWork } from '../../src/domain/work/sql.ts';
import { storedWork, type CallWork } from '../../src/domain/work/work.ts';
import type { CallKinds } from '../../src/engines/calls/call-kinds.ts';
import { createCallsLedger } from '../../src/engines/calls/calls-ledger.ts';
import type { Ledger, LedgerListener } from '../../src/ledger/ledger.ts';
import { parseAllowList, type AllowList } from '../../src/outbound/allow-list.ts';
import type { AgentReport, ExecutionSpec } from '../../src/protocol/link/agent-v1.ts';
import { newAttempt } from './new-attempt.ts';
import { nobody } from './listeners.ts';
import { until } from './until.ts';

export interface CallRigOptions {
  /** As `--call-allow` takes it. */
  readonly allow?: string;
  /** In its place. */
  readonly allowed?: AllowList;
  readonly names?: Pick<NameLookups, 'lookup'>;
  readonly clock?: Clock;
  readonly listener?: LedgerListener;
  readonly kinds?: CallKinds;
}

export interface CallRig {
  readonly dir: string;
  ledger: Ledger;
  /** Starts it, and waits for the end. */
  run(work: CallWork, more?: Partial<ExecutionSpec>): Promise<AgentReport>;
  begin(work: CallWork, more?: Partial<ExecutionSpec>): Promise<AttemptId>;
  ended(attempt: AttemptId): Promise<AgentReport>;
  restart(): Promise<void>;
  end(): Promise<void>;
}

export async function callRig({
  allow = '',
  allowed = parseAllowList(allow, '--call-allow'),
  names,
  clock = systemClock,
  listener = nobody,
  kinds,
}: CallRigOptions = {}): Promise<CallRig> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-calls-'));
  const { lookup } = names ?? new NameLookups({ clock, atOnceMax: 4 });
  const reach = { allowed, lookup, clock };
  const make = (): Ledger => createCallsLedger({ dir, reach, clock, log: silentLog, ...given({ kinds }) });
  const own: CallRig = {
    dir,
    ledger: make(),
    async run(work, more) {
      return own.ended(await own.begin(work, more));
    },
    async begin(work, more) {
      const attempt = newAttempt();
      const answer = await own.ledger.startAttempt(attempt, callSpec(work, more), {});
      if (answer !== 'accepted') throw new Error(answer);
      return attempt;
    },
    ended: (attempt) => until(`the end of ${attempt}`, () => own.ledger.report(attempt)),
    async restart() {
      await own.ledger.stop();
      own.ledger = make();
      await own.ledger.start(listener);
    },
    async end() {
      await own.ledger.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  await own.ledger.start(listener);
  return own;
}

export function callSpec(work: CallWork, more: Partial<ExecutionSpec> = {}): ExecutionSpec {
  return {
    v: 1,
    runId: 'r',
    runName: 'n',
    work: storedWork(work),
    secrets: {},
    timeoutMs: 20_000,
    killAfterMs: 300,
    outputKeptBytes: 4_194_304,
    ...more,
  };
}

/** A request that says nothing but where to. */
export function httpWork(url: string | CallText, more: Partial<HttpWork> = {}): HttpWork {
  return {
    kind: 'http',
    method: 'GET',
    url: typeof url === 'string' ? [url] : url,
    headers: {},
    redirects: 5,
    extract: {},
    ...more,
  };
}

/** A statement that reads, with the password that the secret PASSWORD is; nothing is encrypted unless it is said. */
export function sqlWork(url: string, statement: string, more: Partial<SqlWork> = {}): SqlWork {
  return {
    kind: 'sql',
    url: [url],
    password: [{ secret: 'PASSWORD' }],
    statement,
    values: [],
    mode: 'read',
    rowsMax: 1_000,
    tls: { isInClear: true },
    extract: {},
    extractAll: {},
    ...more,
  };
}

/** A rig that is there for as long as it is used. */
export async function withCallRig<T>(options: CallRigOptions, use: (own: CallRig) => Promise<T>): Promise<T> {
  const own = await callRig(options);
  try {
    return await use(own);
  } finally {
    await own.end();
  }
}
