import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { limits } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { Journal } from '../../src/ledger/journal.ts';
import { platformOfHost } from '../../src/engines/process/platform-of-host.ts';
import { attemptMarker, type Platform } from '../../src/engines/process/platform.ts';
import type { LedgerListener } from '../../src/ledger/ledger.ts';
import { createProcessLedger } from '../../src/engines/process/process-ledger.ts';
import type { ExecutionSpec } from '../../src/protocol/link/agent-v1.ts';
import { exited, ledgerConformance, newAttempt, reportOf } from '../conformance/ledger.ts';
import { HOST, specOf, type SpecMore } from '../support/execution-spec.ts';
import { inputConformance } from '../conformance/inputs.ts';
import { outputValuesConformance } from '../conformance/output-values.ts';
import { nobody } from '../support/listeners.ts';
import { requiring } from '../support/needs.ts';
import { until } from '../support/until.ts';
import { environmentConformance } from '../conformance/environment.ts';

function processRig(useCgroups: boolean) {
  return async (listener: LedgerListener = nobody) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'drover-agent-'));
    chmodSync(dataDir, 0o711);
    const make = () =>
      createProcessLedger({ dataDir, hostName: 'h', hostId: 'id', clock: systemClock, log: silentLog, useCgroups })
        .ledger;
    let ledger = make();
    await ledger.start(listener);
    return {
      ledger,
      async restart() {
        await ledger.stop();
        ledger = make();
        await ledger.start(listener);
        return ledger;
      },
      async end() {
        await ledger.stop();
        rmSync(dataDir, { recursive: true, force: true });
      },
    };
  };
}

for (const useCgroups of [true, false]) {
  describe(
    useCgroups ? 'processes, with control groups where the host has them' : 'processes, without control groups',
    () => ledgerConformance(processRig(useCgroups), limits.spoolBytesMax),
  );
}

describe('processes of an agent', () => inputConformance(processRig(true)));
describe('scripts of an agent', () => outputValuesConformance(processRig(true)));

describe('processes', () => {
  it('whose files somebody deletes in mid-run end exactly, or at their deadline, and it is told', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'drover-agent-'));
    const gate = join(dataDir, 'gate');
    const { ledger } = createProcessLedger({
      dataDir,
      hostName: 'h',
      hostId: 'id',
      clock: systemClock,
      log: silentLog,
    });
    await ledger.start(nobody);
    try {
      const script = 'trap "" TERM; echo one; until [ -e "$G" ]; do sleep 0.05; done; exit 137';
      const exact = newAttempt();
      await ledger.startAttempt(exact, specOf(script, { env: { G: gate } }), HOST);
      const late = newAttempt();
      const short = { env: { G: `${gate}.never` }, timeoutMs: 2_500, killAfterMs: 200 };
      await ledger.startAttempt(late, specOf(script, short), HOST);
      const secret = newAttempt();
      await ledger.startAttempt(secret, specOf(script, { env: { G: gate }, secrets: { S: 'hunter2-hunter2' } }), HOST);
      // The shell has read the script, and is told as started.
      const said = (attempt: string): string => readFileSync(join(dataDir, 'spool', attempt, 'stdout'), 'latin1');
      await until('they run', () =>
        [exact, late, secret].every((attempt) => ledger.startOf(attempt) && said(attempt) === 'one\n'),
      );
      for (const attempt of [exact, late, secret]) rmSync(join(dataDir, 'spool', attempt), { recursive: true });
      const pid = ledger.startOf(late)!.pid;
      writeFileSync(gate, '');
      const detail = expect.stringContaining('deleted its files');
      for (const attempt of [exact, secret])
        expect(await reportOf(ledger, attempt)).toMatchObject({ outcome: { kind: 'exited', code: 137 }, detail });
      expect(await reportOf(ledger, late)).toMatchObject({ outcome: { kind: 'timed_out' }, detail });
      await until('nothing of it is left', () => !existsSync(`/proc/${pid}`));
      const whole = newAttempt();
      await ledger.startAttempt(whole, specOf('true'), HOST);
      expect((await reportOf(ledger, whole)).detail).toBeUndefined();
    } finally {
      await ledger.stop();
      rmSync(dataDir, { recursive: true, force: true });
    }
  });

  it.each([
    { host: 'tells when', platform: platformOfHost() },
    { host: 'does not tell when', platform: { ...platformOfHost(), endedAgoMs: () => undefined } },
  ])('that ended while no agent ran are told as they were, where the host $host', async ({ platform }) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'drover-agent-'));
    const options = { dataDir, hostName: 'h', hostId: 'id', clock: systemClock, log: silentLog, platform };
    let { ledger } = createProcessLedger(options);
    await ledger.start(nobody);
    try {
      const [attempt, gate] = [newAttempt(), join(dataDir, 'gate')];
      await ledger.startAttempt(attempt, specOf('until [ -e "$G" ]; do sleep 0.05; done', { env: { G: gate } }), HOST);
      await until('it runs', () => ledger.startOf(attempt));
      const { pid } = ledger.startOf(attempt)!;
      await ledger.stop();
      const openedAt = systemClock.nowMs();
      writeFileSync(gate, '');
      await until('its end', () => platform.processStat(pid)?.state === 'Z');
      const endedAt = systemClock.nowMs();
      // Much longer than it took to see the end.
      await until('time to pass', () => systemClock.nowMs() - endedAt > 10 * (endedAt - openedAt) + 1_000, 120_000);
      const seenAt = systemClock.nowMs();
      ({ ledger } = createProcessLedger(options));
      await ledger.start(nobody);
      const { outcome, finishedAtMs, detail } = await reportOf(ledger, attempt);
      expect(outcome).toEqual({ kind: 'exited', code: 0 });
      if (platform.endedAgoMs(process.pid) === undefined) {
        expect(finishedAtMs).toBeGreaterThanOrEqual(seenAt);
        expect(detail).toContain('the time of its end is when that was seen');
      } else {
        expect(detail).toBeUndefined();
        // The host's figures are as good as its scheduler's tick.
        expect(finishedAtMs).toBeGreaterThanOrEqual(openedAt - 100);
        expect(finishedAtMs).toBeLessThanOrEqual(endedAt + (seenAt - endedAt) / 2);
      }
    } finally {
      await ledger.stop();
      rmSync(dataDir, { recursive: true, force: true });
    }
  });

  it('of which the record cannot be read after a restart are ended, and none of their output is told', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'drover-agent-'));
    const make = (): ReturnType<typeof createProcessLedger>['ledger'] =>
      createProcessLedger({ dataDir, hostName: 'h', hostId: 'id', clock: systemClock, log: silentLog }).ledger;
    let ledger = make();
    await ledger.start(nobody);
    try {
      const attempt = newAttempt();
      const secrets = { S: 'planted-secret' };
      await ledger.startAttempt(attempt, specOf('echo "$S"; sleep 60 & sleep 61', { secrets }), HOST);
      const said = join(dataDir, 'spool', attempt, 'stdout');
      await until('it runs', () => ledger.startOf(attempt) && readFileSync(said, 'latin1').includes(secrets.S));
      await until('both of its sleeps', () => platformOfHost().processesWithMarker(attemptMarker(attempt)).length > 2);
      await ledger.stop();
      rmSync(join(dataDir, 'journal.key'));
      ledger = make();
      await ledger.start(nobody);
      expect(await reportOf(ledger, attempt)).toMatchObject({
        outcome: { kind: 'unknown', reason: 'status-unknown' },
        detail: expect.stringContaining('cannot be read any more'),
        stdout: { size: 0 },
      });
      expect(platformOfHost().processesWithMarker(attemptMarker(attempt))).toEqual([]);
      expect([existsSync(said), await ledger.readWhole(attempt, 1, 0, 100)]).toEqual([false, undefined]);
    } finally {
      await ledger.stop();
      rmSync(dataDir, { recursive: true, force: true });
    }
  });

  it('whose files somebody deletes before their pid is read end exactly, or at their deadline, also after a restart', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'drover-agent-'));
    const gate = join(dataDir, 'gate');
    const real = platformOfHost();
    // Whoever comes first: before the leader could write its pid, or after that and before anybody read it.
    let isFirst = false;
    const platform: Platform = {
      ...real,
      launch(launch) {
        if (isFirst) rmSync(launch.folder, { recursive: true });
        const child = real.launch(launch);
        if (isFirst) return child;
        while (!existsSync(join(launch.folder, 'pid')) || readFileSync(join(launch.folder, 'pid')).length === 0);
        rmSync(launch.folder, { recursive: true });
        return child;
      },
    };
    const make = () =>
      createProcessLedger({ dataDir, hostName: 'h', hostId: 'id', clock: systemClock, log: silentLog, platform })
        .ledger;
    let ledger = make();
    await ledger.start(nobody);
    const waiting = (name: string, more: SpecMore = {}): ExecutionSpec =>
      specOf(['sh', '-c', 'trap "" TERM; echo $$ >> "$F"; until [ -e "$G" ]; do sleep 0.05; done; exit 137'], {
        env: { F: join(dataDir, name), G: gate },
        killAfterMs: 200,
        ...more,
      });
    const pidsOf = (name: string): number[] =>
      existsSync(join(dataDir, name))
        ? readFileSync(join(dataDir, name), 'latin1').trim().split('\n').filter(Boolean).map(Number)
        : [];
    try {
      const detail = expect.stringContaining('deleted its files');
      for (isFirst of [true, false]) {
        rmSync(gate, { force: true });
        const name = (what: string): string => `${what}-${isFirst}`;
        const [exact, late, found] = [newAttempt(), newAttempt(), newAttempt()];
        await ledger.startAttempt(late, waiting(name('late'), { timeoutMs: 2_500 }), HOST);
        await ledger.startAttempt(exact, waiting(name('exact')), HOST);
        expect(await reportOf(ledger, late)).toMatchObject({ outcome: { kind: 'timed_out' }, detail });
        for (const pid of pidsOf(name('late'))) await until('it is gone', () => !existsSync(`/proc/${pid}`));
        // Our successor knows nothing but that it was accepted.
        await ledger.startAttempt(found, waiting(name('found')), HOST);
        await ledger.stop();
        expect(ledger.startOf(found)).toBeUndefined();
        await until('it runs', () => pidsOf(name('found')).length > 0);
        ledger = make();
        await ledger.start(nobody);
        writeFileSync(gate, '');
        for (const attempt of [exact, found])
          expect(await reportOf(ledger, attempt)).toMatchObject({ outcome: { kind: 'exited', code: 137 }, detail });
        for (const what of ['exact', 'late', 'found']) expect(pidsOf(name(what))).toHaveLength(1);
      }
    } finally {
      await ledger.stop();
      rmSync(dataDir, { recursive: true, force: true });
    }
  });

  it('are taken up to as many as an agent holds, and then it is busy', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'drover-agent-'));
    const options = { dataDir, hostName: 'h', hostId: 'id', clock: systemClock, log: silentLog, concurrent: 1 };
    const { ledger } = createProcessLedger(options);
    await ledger.start(nobody);
    try {
      const attempts = Array.from({ length: limits.executionsPerAgentMax }, () => newAttempt());
      const answers = await Promise.all(
        attempts.map((attempt) => ledger.startAttempt(attempt, specOf('sleep 60'), HOST)),
      );
      expect(new Set(answers)).toEqual(new Set(['accepted']));
      expect(await ledger.startAttempt(newAttempt(), specOf('true'), HOST)).toBe('busy');
      for (const attempt of attempts.toReversed()) ledger.cancel(attempt);
      for (const attempt of attempts)
        expect(await reportOf(ledger, attempt)).toMatchObject({ outcome: { kind: 'cancelled' } });
    } finally {
      await ledger.stop();
      rmSync(dataDir, { recursive: true, force: true });
    }
  });

  it.runIf(process.getuid?.() === 0)(
    'are refused where their user may not reach the script, which names the folder',
    async () => {
      const dataDir = mkdtempSync(join(tmpdir(), 'drover-agent-'));
      chmodSync(dataDir, 0o700);
      const { ledger } = createProcessLedger({
        dataDir,
        hostName: 'h',
        hostId: 'id',
        clock: systemClock,
        log: silentLog,
      });
      await ledger.start(nobody);
      try {
        const attempt = newAttempt();
        await ledger.startAttempt(attempt, specOf('true', { user: 'nobody' }), HOST);
        const report = await reportOf(ledger, attempt);
        expect(report).toMatchObject({ outcome: { kind: 'refused', reason: 'script-unreachable' } });
        expect(report.detail).toContain(dataDir);
      } finally {
        await ledger.stop();
        rmSync(dataDir, { recursive: true, force: true });
      }
    },
  );

  requiring('root', 'python3').it('run as a third user where nothing in the data folder may be executed', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'drover-agent-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'noexec,size=4m,mode=0711', 'tmpfs', dataDir]);
    const options = { dataDir, hostName: 'h', hostId: 'id', clock: systemClock, log: silentLog, spoolFreeBytesMin: 0 };
    const { ledger } = createProcessLedger(options);
    await ledger.start(nobody);
    try {
      writeFileSync(join(dataDir, 'tried'), '#!/bin/sh\n', { mode: 0o755 });
      // The folder is as it is meant.
      expect(() => execFileSync(join(dataDir, 'tried'), { stdio: 'ignore' })).toThrow('EACCES');
      for (const script of [
        'id -un',
        '#!/bin/sh -eu\nid -un',
        '#!/usr/bin/env python3\nimport os, pwd; print(pwd.getpwuid(os.getuid()).pw_name)',
      ]) {
        const attempt = newAttempt();
        await ledger.startAttempt(attempt, specOf(script, { user: 'nobody' }), HOST);
        const report = await reportOf(ledger, attempt);
        const said = Buffer.from(report.stdout.inline ?? []).toString();
        expect([script, report.outcome, said]).toEqual([script, exited(0), 'nobody\n']);
      }
    } finally {
      await ledger.stop();
      execFileSync('umount', ['--lazy', dataDir]);
      rmSync(dataDir, { recursive: true, force: true });
    }
  });

  it('end the supervisor of an attempt whose end was recorded right before the agent was killed', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'drover-agent-'));
    const [attempt, bootId] = [newAttempt(), platformOfHost().bootId()];
    const supervisor = spawn('sleep', ['60'], { env: { DROVER_ATTEMPT_ID: attempt } });
    await once(supervisor, 'spawn');
    const journal = new Journal(join(dataDir, 'journal'), { tombstoneKeptMs: 60_000 });
    await journal.open(0);
    const none = { size: 0, head: 0, tail: 0 };
    await journal.append({ k: 'accepted', a: attempt, atMs: 0, bootId, sealed: false, spec: Buffer.alloc(0) });
    await journal.append({
      k: 'started',
      a: attempt,
      process: { pid: 1, startTicks: 1, supervisorPid: supervisor.pid!, bootId, startedAtMs: 0 },
    });
    await journal.append({
      k: 'ended',
      a: attempt,
      report: {
        t: 'report',
        a: attempt,
        outcome: { kind: 'exited', code: 0 },
        finishedAtMs: 0,
        stdout: none,
        stderr: none,
      },
    });
    await journal.close();
    const ended = once(supervisor, 'exit');
    const { ledger } = createProcessLedger({
      dataDir,
      hostName: 'h',
      hostId: 'id',
      clock: systemClock,
      log: silentLog,
    });
    await ledger.start(nobody);
    try {
      expect(await ended).toEqual([null, 'SIGKILL']);
      expect(ledger.stateOf(attempt)).toBe('finished');
    } finally {
      await ledger.stop();
      rmSync(dataDir, { recursive: true, force: true });
    }
  });

  it.each(['unlimited', '0', '7'])(
    'have the limit of core files that is theirs (%s), not that of who starts them',
    async (coreLimit) => {
      const dataDir = mkdtempSync(join(tmpdir(), 'drover-agent-'));
      chmodSync(dataDir, 0o711);
      const { ledger } = createProcessLedger({
        dataDir,
        hostName: 'h',
        hostId: 'id',
        clock: systemClock,
        log: silentLog,
        coreLimit,
      });
      await ledger.start(nobody);
      try {
        const attempt = newAttempt();
        await ledger.startAttempt(
          attempt,
          specOf('ulimit -S -c; ulimit -H -c; echo supervisor; grep "^Max core" /proc/$PPID/limits'),
          HOST,
        );
        const report = await reportOf(ledger, attempt);
        const [soft, hard, , supervisor] = Buffer.from(report.stdout.inline ?? [])
          .toString()
          .split('\n');
        const own = /^Max core file size +(\S+) +(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))!;
        expect([soft, hard]).toEqual([coreLimit, own[2] === 'unlimited' ? 'unlimited' : String(Number(own[2]) / 512)]);
        expect(supervisor).toMatch(new RegExp(`^Max core file size +${own[1]} `));
        expect(report.stderr.size).toBe(0);
      } finally {
        await ledger.stop();
        rmSync(dataDir, { recursive: true, force: true });
      }
    },
  );

  const own = { AGENT_OWN: 'yes', DROVER_JOIN: 'a-token', NODE_CHANNEL_FD: '3' };
  environmentConformance(async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'drover-agent-'));
    chmodSync(dataDir, 0o711);
    Object.assign(process.env, own);
    const { ledger } = createProcessLedger({
      dataDir,
      hostName: 'h',
      hostId: 'id',
      clock: systemClock,
      log: silentLog,
    });
    await ledger.start(nobody);
    return {
      ledger,
      async end() {
        await ledger.stop();
        for (const name of Object.keys(own)) delete process.env[name];
        rmSync(dataDir, { recursive: true, force: true });
      },
    };
  });
});
