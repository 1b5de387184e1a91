/** Whom an attempt may end: its own, and nobody whose pid its supervisor once had. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import type { ExecutionSpec } from '../../protocol/link/agent-v1.ts';
import { platformOfHost } from './platform-of-host.ts';
import { RunningAttempt } from './running.ts';

const ATTEMPT = 'run.0.0.1';

async function sleeper(env: Record<string, string>): Promise<ChildProcess> {
  const child = spawn('sleep', ['60'], { env });
  await once(child, 'spawn');
  return child;
}

function attemptOf(supervisorPid: number): RunningAttempt {
  return new RunningAttempt({
    attempt: ATTEMPT,
    spec: {} as ExecutionSpec,
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
