/**
 * Real `true` through one ledger of processes, journal and spool on, at concurrency 64, against a bare child_process.spawn
 * loop in the same run, in turns. Prints where the rest goes. `--soak N` runs N more and tells what that did to memory.
 */
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../src/base/clock.ts';
import { attemptId, newRunId, type AttemptId } from '../src/base/ids.ts';
import { silentLog } from '../src/base/log.ts';
import type { Ledger } from '../src/ledger/ledger.ts';
import { createProcessLedger } from '../src/engines/process/process-ledger.ts';
import { HOST, specOf } from '../test/support/execution-spec.ts';

const CONCURRENCY = 64;
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1500' },
    rounds: { type: 'string', default: '5' },
    soak: { type: 'string' },
  },
});
const count = Number(values.count);
const runId = newRunId(systemClock.nowMs());
const spec = specOf(['/bin/true'], { runId, runName: 'bench', timeoutMs: 60_000, killAfterMs: 1_000 });
let ordinal = 0;

async function inParallel(total: number, one: () => Promise<void>): Promise<number> {
  const began = systemClock.monotonicMs();
  let left = total;
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      while (left-- > 0) await one();
    }),
  );
  return total / ((systemClock.monotonicMs() - began) / 1_000);
}

function bare(): Promise<void> {
  return new Promise((resolve) => spawn('/bin/true', { stdio: 'ignore' }).once('exit', () => resolve()));
}

const waiting = new Map<AttemptId, () => void>();

function supervised(ledger: Ledger): () => Promise<void> {
  return async () => {
    const attempt = attemptId({ runId, task: 0, ordinal: ordinal++, attempt: 1 });
    const finished = new Promise<void>((resolve) => waiting.set(attempt, resolve));
    await ledger.startAttempt(attempt, spec, HOST);
    await finished;
    waiting.delete(attempt);
    // As the server's acknowledgement would: not waited for.
    void ledger.forget([attempt]);
  };
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}

const dataDir = mkdtempSync(join(tmpdir(), 'drover-bench-'));
chmodSync(dataDir, 0o711);
const { ledger } = createProcessLedger({
  dataDir,
  hostName: 'bench',
  hostId: 'bench',
  clock: systemClock,
  log: silentLog,
});
await ledger.start({ started() {}, output() {}, finished: (attempt) => waiting.get(attempt)?.() });
const one = supervised(ledger);
const figures: { bare: number; drover: number }[] = [];
await inParallel(200, one);
for (let round = 0; round < Number(values.rounds); round++) {
  const figure = { bare: await inParallel(count, bare), drover: await inParallel(count, one) };
  figures.push(figure);
  process.stdout.write(
    `${JSON.stringify({ bench: 'exec-round', bare_per_s: Math.round(figure.bare), drover_per_s: Math.round(figure.drover), ratio: Number((figure.drover / figure.bare).toFixed(3)) })}\n`,
  );
}
if (values.soak) {
  const rss = (): number => Math.round(process.memoryUsage.rss() / 1024 / 1024);
  const before = rss();
  await inParallel(Number(values.soak), one);
  process.stdout.write(
    `${JSON.stringify({ bench: 'exec-soak', executions: Number(values.soak), rss_mib_before: before, rss_mib_after: rss() })}\n`,
  );
}
await ledger.stop();
rmSync(dataDir, { recursive: true, force: true });
process.stdout.write(
  `${JSON.stringify({
    bench: 'exec',
    concurrency: CONCURRENCY,
    ratio: Number(median(figures.map((f) => f.drover / f.bare)).toFixed(3)),
    drover_per_s: Math.round(median(figures.map((f) => f.drover))),
    bare_per_s: Math.round(median(figures.map((f) => f.bare))),
    rest: 'a shell that supervises (one more fork and exec), a control group and a folder per execution, two synced journal records, the look at /proc',
  })}\n`,
);
