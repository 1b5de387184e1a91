/** Attempts whose supervisor was begun beforehand: as exact and as much at most once as all others, whenever their agent is killed. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { AttemptId } from '../../src/base/ids.ts';
import { silentLog } from '../../src/base/log.ts';
import { platformOfHost } from '../../src/engines/process/platform-of-host.ts';
import { attemptMarker, type Platform } from '../../src/engines/process/platform.ts';
import { createProcessLedger } from '../../src/engines/process/process-ledger.ts';
import { WaitingSupervisor } from '../../src/engines/process/waiting-supervisors.ts';
import { Journal } from '../../src/ledger/journal.ts';
import { exited, isAlive, newAttempt, reportOf } from '../conformance/ledger.ts';
import { HOST, specOf } from '../support/execution-spec.ts';
import { nobody } from '../support/listeners.ts';
import { until } from '../support/until.ts';

const real = platformOfHost();

describe('supervisors that wait', () => {
  let dataDir: string;
  let ended: (() => Promise<void>)[];
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'drover-agent-'));
    chmodSync(dataDir, 0o711);
    ended = [];
  });
  afterEach(async () => {
    for (const end of ended) await end();
    rmSync(dataDir, { recursive: true, force: true });
  });

  async function started(platform: Platform = real): Promise<ReturnType<typeof createProcessLedger>> {
    const made = createProcessLedger({
      ...{ dataDir, platform, hostName: 'h', hostId: 'id' },
      ...{ clock: systemClock, log: silentLog },
    });
    await made.ledger.start(nobody);
    ended.push(() => made.ledger.stop());
    return made;
  }

  async function startedAndReady(): Promise<ReturnType<typeof createProcessLedger>> {
    const made = await started();
    await until('supervisors to wait', () => made.engine.waitingPids.length > 0);
    return made;
  }

  const file = (attempt: AttemptId, name: string): string => join(dataDir, 'spool', attempt, name);
  const text = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

  it('carry out what comes, with its variables, secrets, folder and exact end, and others stand ready after it', async () => {
    const { ledger, engine } = await startedAndReady();
    const [waiting] = engine.waitingPids;
    const attempt = newAttempt();
    const secrets = { S: `it's "a" $secret\nof two lines` };
    const script = 'printf "%s|%s|%s" "$A" "$S" "$PWD" >"$F"; echo out; echo err >&2; cat; echo "$PPID" >&2; exit 137';
    const told = join(dataDir, 'told');
    const env = { A: `a  'b'`, F: told };
    await ledger.startAttempt(attempt, specOf(script, { env, secrets, cwd: dataDir }), HOST);
    expect(text(file(attempt, 'supervisor'))).toBe(`${waiting} ${real.processStat(waiting!)!.startTicks}\n`);
    const report = await reportOf(ledger, attempt);
    expect(report.outcome).toEqual(exited(137));
    expect(Buffer.from(report.stdout.inline ?? []).toString()).toBe('out\n');
    expect(Buffer.from(report.stderr.inline ?? []).toString()).toBe(`err\n${waiting}\n`);
    expect(text(told)).toBe(`${env.A}|${secrets.S}|${dataDir}`);
    await until('its supervisor to be let go of', () => !isAlive(waiting!));
    await until('others', () => engine.waitingPids.length === 2 && !engine.waitingPids.includes(waiting!));
  });

  it('are ended as a tree when what they became is cancelled at once', async () => {
    const { ledger, engine } = await startedAndReady();
    const [waiting] = engine.waitingPids;
    const attempt = newAttempt();
    const accepting = ledger.startAttempt(attempt, specOf('sleep 60 & sleep 61'), HOST);
    await accepting;
    ledger.cancel(attempt);
    expect(await reportOf(ledger, attempt)).toMatchObject({ outcome: { kind: 'cancelled' } });
    expect(real.processesWithMarker(attemptMarker(attempt))).toEqual([]);
    await until('its supervisor to be gone', () => !isAlive(waiting!));
  });

  it('end with their agent, however it ends, and what they have become goes on', async () => {
    const program = fileURLToPath(new URL('../support/process-agent.ts', import.meta.url));
    const agent = spawn(process.execPath, [program, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    agent.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()));
    const pidsAt = (word: string): Promise<number[]> =>
      until(`its word of those that wait ${word}`, () =>
        new RegExp(`^${word}((?: \\d+)*)\n`, 'm').exec(said)?.[1]?.trim().split(' ').map(Number),
      );
    const [first, then] = [await pidsAt('first'), await pidsAt('then')];
    await until('its script to run', () => text(join(dataDir, 'ran')).endsWith('\n'));
    const gone = once(agent, 'exit');
    agent.kill('SIGKILL');
    await gone;
    for (const pid of then) await until('it ends', () => !isAlive(pid));
    const attempt = text(join(dataDir, 'ran')).trim() as AttemptId;
    const supervisor = Number(text(file(attempt, 'supervisor')).split(' ')[0]);
    expect([first.includes(supervisor), then.includes(supervisor), isAlive(supervisor)]).toEqual([true, false, true]);
    const { ledger } = await started();
    expect(ledger.stateOf(attempt)).toBe('running');
    writeFileSync(join(dataDir, 'gate'), '');
    expect((await reportOf(ledger, attempt)).outcome).toEqual(exited(7));
    expect(text(join(dataDir, 'ran'))).toBe(`${attempt}\n`);
  }, 60_000);

  describe('and were chosen by an agent that was killed then', () => {
    const attempt = newAttempt();
    let shell: ChildProcess;
    let waiting: WaitingSupervisor;
    let looks: number;
    let successor: Promise<ReturnType<typeof createProcessLedger>>;

    /** Accepted and journaled, and its folder made; what was said to the shell is the test's to choose. */
    beforeEach(async () => {
      const { ledger, engine } = createProcessLedger({
        ...{ dataDir, hostName: 'h', hostId: 'id' },
        ...{ clock: systemClock, log: silentLog },
      });
      const journal = new Journal(join(dataDir, 'journal'), { tombstoneKeptMs: 60_000 });
      await journal.open(0);
      const { bytes: spec } = engine.traceOf(attempt, specOf('echo anew >>"$F"; exit 7', { env: { F: ran() } }), HOST);
      await journal.append({ k: 'accepted', a: attempt, atMs: 0, bootId: real.bootId(), sealed: false, spec });
      await journal.close();
      shell = real.supervisorBegin!();
      await once(shell, 'spawn');
      const { pid, startTicks } = real.processStat(shell.pid!)!;
      waiting = new WaitingSupervisor(shell, { pid, startTicks });
      mkdirSync(join(dataDir, 'spool', attempt), { recursive: true });
      for (const name of ['stdout', 'stderr']) writeFileSync(file(attempt, name), '');
      writeFileSync(file(attempt, 'supervisor'), `${pid} ${startTicks}\n`);
      looks = 0;
      const processesWithMarker = (marker: string): number[] => {
        looks++;
        return real.processesWithMarker(marker);
      };
      successor = started({ ...real, processesWithMarker });
      await until('the successor to look for it again and again', () => looks > 3);
      expect([ledger.list(), text(ran())]).toEqual([[], '']);
    });

    const ran = (): string => join(dataDir, 'ran');
    const order = (): void => {
      const argv = ['/bin/sh', '-c', 'echo ordered >>"$0"; exit 9', ran()];
      const env = { PATH: '/usr/bin:/bin', DROVER_ATTEMPT_ID: attempt };
      const stdio = { stdin: 'ignore', stdout: -1, stderr: -1 } as const;
      real.launch({ folder: join(dataDir, 'spool', attempt), argv, env, cwd: '/', stdio, waiting });
    };

    it('become its supervisor where the order has come, and its successor goes on with that', async () => {
      order();
      const { ledger } = await successor;
      expect((await reportOf(ledger, attempt)).outcome).toEqual(exited(9));
      expect(text(ran())).toBe('ordered\n');
    });

    it('end where it has not, and then it is begun anew', async () => {
      waiting.end();
      const { ledger } = await successor;
      expect((await reportOf(ledger, attempt)).outcome).toEqual(exited(7));
      expect([text(ran()), isAlive(shell.pid!)]).toEqual(['anew\n', false]);
    });

    it('are ended where they hear nothing and do not end, and do nothing any more', async () => {
      shell.kill('SIGSTOP');
      order();
      const { ledger } = await successor;
      expect((await reportOf(ledger, attempt)).outcome).toEqual(exited(7));
      expect([text(ran()), isAlive(shell.pid!)]).toEqual(['anew\n', false]);
    });
  });
});
