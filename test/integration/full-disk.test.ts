/** A host whose disk is full: what cannot be recorded does not run, what ran is told in full as soon as there is space. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { createProcessLedger } from '../../src/engines/process/process-ledger.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { newAttempt, reportOf } from '../conformance/ledger.ts';
import { HOST, specOf } from '../support/execution-spec.ts';
import { nobody } from '../support/listeners.ts';
import { until } from '../support/until.ts';
import { requiring } from '../support/needs.ts';

requiring('root').describe('an agent on a full disk', () => {
  let dataDir: string;
  let ledger: Ledger;
  const filling = (): string => join(dataDir, 'filling');
  const make = (): Ledger =>
    createProcessLedger({
      dataDir,
      hostName: 'h',
      hostId: 'id',
      clock: systemClock,
      log: silentLog,
      useCgroups: false,
      spoolFreeBytesMin: 0,
    }).ledger;

  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'drover-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=0711', 'tmpfs', dataDir]);
    ledger = make();
    await ledger.start(nobody);
  });
  afterEach(async () => {
    await ledger.stop();
    execFileSync('umount', ['--lazy', dataDir]);
    rmSync(dataDir, { recursive: true, force: true });
  });

  function fill(): void {
    for (const bytes of [65_536, 4_096, 1]) {
      try {
        for (;;) appendFileSync(filling(), Buffer.alloc(bytes));
      } catch (error) {
        expect(error).toMatchObject({ code: 'ENOSPC' });
      }
    }
  }

  it('refuses a start, says why, knows nothing of it, and takes the same start when there is space', async () => {
    const attempt = newAttempt();
    const spec = specOf(`exit 7 # ${'x'.repeat(100_000)}`);
    fill();
    // A duplicate while the first is being refused is refused alike, not believed.
    const answers = await Promise.allSettled([
      ledger.startAttempt(attempt, spec, HOST),
      ledger.startAttempt(attempt, spec, HOST),
    ]);
    for (const answer of answers) expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'spool-full' } });
    expect(ledger.stateOf(attempt)).toBeUndefined();
    expect(ledger.list()).toEqual([]);
    expect(ledger.cancel(attempt)).toBe(false);
    rmSync(filling());
    expect(await ledger.startAttempt(attempt, spec, HOST)).toBe('accepted');
    expect(await reportOf(ledger, attempt)).toMatchObject({ outcome: { kind: 'exited', code: 7 } });
  });

  it('starts again once there is space, also when nothing has run since', async () => {
    await ledger.stop();
    ({ ledger } = createProcessLedger({
      dataDir,
      hostName: 'h',
      hostId: 'id',
      clock: systemClock,
      log: silentLog,
      useCgroups: false,
      spoolFreeBytesMin: 2 * 1_024 * 1_024,
    }));
    await ledger.start(nobody);
    writeFileSync(filling(), Buffer.alloc(3 * 1_024 * 1_024));
    const run = async (): Promise<unknown> => {
      const attempt = newAttempt();
      await ledger.startAttempt(attempt, specOf('sleep 0.3'), HOST);
      return (await reportOf(ledger, attempt)).outcome;
    };
    // How much is free is looked at while something runs: the first may still begin.
    await until('the agent to see it', async () =>
      isDeepStrictEqual(await run(), { kind: 'refused', reason: 'spool-full' }),
    );
    rmSync(filling());
    expect(await run()).toEqual({ kind: 'exited', code: 0 });
  });

  it('keeps the exact end of a script until it can be recorded, also over a restart', async () => {
    const attempts = [newAttempt(), newAttempt()] as const;
    const elsewhere = mkdtempSync(join(tmpdir(), 'drover-go-'));
    const go = join(elsewhere, 'go');
    for (const attempt of attempts)
      await ledger.startAttempt(
        attempt,
        specOf(`head -c 30000 /dev/zero | tr '\\0' x; until [ -e ${go} ]; do sleep 0.02; done; exit 137`),
        HOST,
      );
    // Their output goes into the record of their end: more than the journal's last page has room for.
    await until('both have written', () =>
      attempts.every(
        (attempt) =>
          ledger.stateOf(attempt) === 'running' && statSync(join(dataDir, 'spool', attempt, 'stdout')).size === 30_000,
      ),
    );
    fill();
    writeFileSync(go, '');
    await until('both have ended', () => attempts.every((attempt) => ledger.stateOf(attempt) === 'accepted'));
    expect(await ledger.report(attempts[0])).toBeUndefined();
    await ledger.stop();
    rmSync(elsewhere, { recursive: true });
    rmSync(filling());
    ledger = make();
    await ledger.start(nobody);
    for (const attempt of attempts)
      expect(await reportOf(ledger, attempt)).toMatchObject({
        outcome: { kind: 'exited', code: 137 },
        stdout: { size: 30_000 },
      });
  });
});
