/** Whom an attempt may end: its own, and nobody whose pid its supervisor once had. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { platformOfHost } from './platform-of-host.ts';
import { RunningAttempt } from './running.ts';
import { SURVIVORS_MAX } from '../../protocol/link/agent-v1.ts';
import { launchSupervised } from './supervisor.ts';
import { until } from '../../../test/support/until.ts';

const ATTEMPT = 'run.0.0.1';
const NOBODY = { openOutput() {}, isWatched: () => false, started() {}, ended() {} };

async function sleeper(env: Record<string, string>): Promise<ChildProcess> {
  const child = spawn('sleep', ['60'], { env });
  await once(child, 'spawn');
  return child;
}

function attemptOf(supervisorPid: number): RunningAttempt {
  return new RunningAttempt({
    attempt: ATTEMPT,
    killAfterMs: 0,
    sink: NOBODY,
    folder: '/nowhere',
    cgroup: undefined,
    supervisorPid,
    child: undefined,
    deadlineAt: 0,
    platform: platformOfHost(),
  });
}

it('ends its supervisor', async () => {
  const supervisor = await sleeper({ DROVER_ATTEMPT_ID: ATTEMPT });
  attemptOf(supervisor.pid!).releaseSupervisor();
  expect(await once(supervisor, 'exit')).toEqual([null, 'SIGKILL']);
});

it('leaves whoever has the pid of its supervisor by now alone', async () => {
  const stranger = await sleeper({});
  attemptOf(stranger.pid!).releaseSupervisor();
  stranger.kill('SIGTERM');
  expect(await once(stranger, 'exit')).toEqual([null, 'SIGTERM']);
});

it('that does not know its supervisor ends nobody: not its own group, and not the sessions of the system', () => {
  const lost = attemptOf(-1);
  expect(lost.tree()).toEqual([]);
  lost.releaseSupervisor();
});

it('signals nobody who has the number of a process of its tree by now', async () => {
  const platform = platformOfHost();
  const stranger = await sleeper({});
  const { startTicks } = platform.processStat(stranger.pid!)!;
  platform.signal({ pid: stranger.pid!, startTicks: startTicks - 1 }, 'SIGKILL');
  platform.signal({ pid: stranger.pid!, startTicks }, 'SIGTERM');
  expect(await once(stranger, 'exit')).toEqual([null, 'SIGTERM']);
});

it('leaves the session of a stranger with the number of its supervisor alone', async () => {
  const stranger = spawn('sleep', ['60'], { env: {}, detached: true });
  await once(stranger, 'spawn');
  expect(attemptOf(stranger.pid!).tree()).toEqual([]);
  stranger.kill();
  await once(stranger, 'exit');
});

it('begins nothing, and ends, when its supervisor was killed before it stopped', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-supervisor-'));
  // The leader waits here for a reader: the supervisor is gone before it goes on.
  execFileSync('mkfifo', [join(folder, 'pid')]);
  const stdio = { stdin: 'ignore' as const, stdout: openSync('/dev/null', 'w'), stderr: openSync('/dev/null', 'w') };
  const argv = ['/bin/sh', '-c', `touch '${folder}/ran'`];
  const supervisor = launchSupervised({ folder, argv, env: { PATH: '/usr/bin:/bin' }, cwd: '/', stdio });
  const ended = once(supervisor, 'exit');
  const children = (): string =>
    readFileSync(`/proc/${supervisor.pid}/task/${supervisor.pid}/children`, 'latin1').trim();
  const pid = Number(await until('the leader', () => children() || undefined));
  supervisor.kill('SIGKILL');
  await ended;
  expect(readFileSync(join(folder, 'pid'), 'latin1')).toBe(`${pid}\n`);
  rmSync(join(folder, 'pid'));
  await until('the leader ended', () => {
    const stat = platformOfHost().processStat(pid);
    return stat === undefined || stat.state === 'Z';
  });
  expect(readFileSync(join(folder, 'status'), 'latin1')).toBe('unbegun\n');
  expect(existsSync(join(folder, 'ran'))).toBe(false);
  const attempt = new RunningAttempt({
    attempt: ATTEMPT,
    killAfterMs: 0,
    sink: NOBODY,
    folder,
    cgroup: undefined,
    supervisorPid: supervisor.pid!,
    child: undefined,
    deadlineAt: 0,
    platform: platformOfHost(),
  });
  expect(attempt.look()).toBe('unbegun');
  rmSync(folder, { recursive: true });
});

it('tells of no more processes that will not die than a report may name', () => {
  const attempt = attemptOf(-1);
  const tree = Array.from({ length: SURVIVORS_MAX + 1 }, (_, n) => ({ pid: n + 1, startTicks: 1 }));
  attempt.tree = () => tree as ReturnType<RunningAttempt['tree']>;
  expect(attempt.pursueKill(1_000_000)).toBe(true);
  expect(attempt.survivors).toEqual(tree.slice(0, SURVIVORS_MAX).map(({ pid }) => pid));
});
