/** Shells that are handed on from one order to the next: real processes, in each of the shells that a host may have. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { systemClock as clock } from '../../../base/clock.ts';
import { newId } from '../../../base/ids.ts';
import { executionOrder, type SpecMore } from '../../../../test/support/execution-spec.ts';
import { localShell, type LocalShell } from '../../../../test/support/local-shell.ts';
import { tracesOf } from '../../../../test/support/traces.ts';
import { until } from '../../../../test/support/until.ts';
import type { RemoteEnd, RemoteOrder, RemoteRun } from './remote-run.ts';
import { RemoteSessions } from './remote-sessions.ts';
import { attachRemote, startRemote } from './remote-supervisor.ts';

const scratch = mkdtempSync(join(tmpdir(), 'drover-reuse-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
/** So patient that no machine is so slow as to make a short script a long one. */
const PATIENT_MS = 10_000;
/** What is learned of a shell in one test is of that shell alone. */
const sessions = new RemoteSessions();

interface Ran {
  readonly attempt: string;
  readonly text: string;
  readonly end: RemoteEnd;
}

function orderOf(script: string, more: SpecMore = {}): RemoteOrder {
  const spec = executionOrder(script, { timeoutMs: 60_000, ...more });
  return { attempt: `${newId()}.0.0.1`, spec, hostName: 'web1', hostId: 'h1', become: { kind: 'direct' } };
}

async function run(shell: LocalShell, script: string, more: SpecMore = {}, liveAfterMs = PATIENT_MS): Promise<Ran> {
  const order = orderOf(script, more);
  const pieces: Uint8Array[] = [];
  let end: RemoteEnd | undefined;
  const remote = await startRemote(
    shell,
    order,
    {
      started() {},
      output: (_stream, _offset, bytes) => void pieces.push(bytes),
      values() {},
      ended: (how) => (end = how),
    },
    { clock, sessions, liveAfterMs },
  );
  const ended = await until('the end', () => end);
  await remote.forget();
  return { attempt: order.attempt, text: Buffer.concat(pieces).toString(), end: ended };
}

function isGone(...attempts: readonly string[]): boolean {
  return attempts.every((attempt) => tracesOf(attempt).length === 0);
}

/** Its session is known, so that the login shell itself takes the program. */
async function knownShell(login: readonly string[]): Promise<LocalShell> {
  const shell = localShell(login, {}, true);
  await run(shell, 'true', { secrets: { S: 'said-once' } });
  shell.commands.length = 0;
  return shell;
}

for (const login of [['dash'], ['busybox', 'sh'], ['bash']]) {
  describe(`a kept ${login[0]}`, () => {
    it('runs one order after the other, each as if it were the first, and removes all of them', async () => {
      const shell = await knownShell(login);
      const first = await run(shell, 'printf "%s " "$LEFT" "$1"; pwd; cat; cd /; umask 0; exit 137', {
        env: { LEFT: "o'ver", PATH: '/bin:/usr/bin:/nowhere' },
        args: ['one'],
        cwd: '/usr',
        stdin: Buffer.from('in'),
      });
      expect(first).toMatchObject({ text: "o'ver one /usr\nin", end: { outcome: { kind: 'exited', code: 137 } } });
      const second = await run(
        shell,
        'printf "[%s]" "$LEFT" "$1" "$DROVER_ATTEMPT_ID" "$LEAKED"; cat; umask; case $PATH in *nowhere*) exit 1;; esac; exit 130',
      );
      expect(second.text).toMatch(/^\[\]\[\]\[[^\]]+\]\[\]0022\n$/);
      expect(second.text).toContain(second.attempt);
      expect(second.end).toMatchObject({ outcome: { kind: 'exited', code: 130 } });
      expect((await run(shell, 'kill -INT $$; sleep 5')).end).toMatchObject({
        outcome: { kind: 'signalled', signal: 'SIGINT' },
      });
      expect((await run(shell, 'exit 143')).end).toMatchObject({ outcome: { kind: 'exited', code: 143 } });
      expect(shell.commands).toHaveLength(1);
      await until('nothing is left', () => isGone(first.attempt, second.attempt));
    });

    it('leaves nothing of an earlier order while a long one runs, with the connection and without it', async () => {
      for (const isCut of [false, true]) {
        const shell = await knownShell(login);
        const { attempt: earlier } = await run(shell, 'echo first');
        const gate = join(scratch, `${login[0]}-${isCut}`);
        const order = orderOf('until [ -e "$G" ]; do sleep 0.05; done; exit 5', { env: { G: gate } });
        let [hasStarted, end]: [boolean, RemoteEnd | undefined] = [false, undefined];
        const follower = {
          started: () => void (hasStarted = true),
          output() {},
          values() {},
          ended: (how: RemoteEnd) => void (end = how),
        };
        let remote: RemoteRun | 'absent' = await startRemote(shell, order, follower, {
          clock,
          sessions,
          liveAfterMs: isCut ? PATIENT_MS : 1,
        });
        await until('it runs', () => hasStarted);
        expect(shell.commands).toHaveLength(1);
        if (isCut) shell.cut();
        await until('nothing is left of the earlier one', () => isGone(earlier));
        expect(isGone(order.attempt)).toBe(false);
        if (isCut) remote = await attachRemote(shell, order, { stdout: 0, stderr: 0 }, follower, { clock, sessions });
        writeFileSync(gate, '');
        expect(await until('the end', () => end)).toMatchObject({ outcome: { kind: 'exited', code: 5 } });
        await (remote as RemoteRun).forget();
        await until('nothing is left', () => isGone(order.attempt));
      }
    });

    it('leaves nothing when the connection goes', async () => {
      const shell = await knownShell(login);
      const { attempt } = await run(shell, 'true');
      shell.cut();
      await until('nothing is left', () => isGone(attempt));
      expect((await run(shell, 'exit 3')).end.outcome).toEqual({ kind: 'exited', code: 3 });
    });
  });
}

describe('a kept shell', () => {
  it('that somebody ended is replaced, and the order runs once', async () => {
    const shell = await knownShell(['dash']);
    const file = join(scratch, 'once');
    await run(shell, 'echo $PPID > "$F"', { env: { F: file } });
    process.kill(Number(readFileSync(file, 'latin1')), 'SIGKILL');
    expect((await run(shell, 'echo x >> "$F.x"; exit 4', { env: { F: file } })).end.outcome).toEqual({
      kind: 'exited',
      code: 4,
    });
    expect(readFileSync(`${file}.x`, 'latin1')).toBe('x\n');
  });

  it('is not one that held a secret, or became somebody else, or whose script lived long', async () => {
    const shell = await knownShell(['dash']);
    await run(shell, 'true', { secrets: { S: 'hunter2-hunter2' } });
    await run(shell, 'sleep 0.2', {}, 1);
    expect(shell.commands).toHaveLength(2);
    await run(shell, 'true');
    await run(shell, 'true');
    expect(shell.commands).toHaveLength(3);
  });

  it('goes on after it has removed what many orders left', async () => {
    const shell = await knownShell(['dash']);
    const attempts: string[] = [];
    for (let i = 0; i < 40; i++) attempts.push((await run(shell, 'true')).attempt);
    expect(isGone(...attempts.slice(0, 16))).toBe(true);
    expect(shell.commands).toHaveLength(1);
  });

  it('is told what it does not know, and no more', async () => {
    const shell = await knownShell(['dash']);
    await run(shell, 'true');
    const before = Buffer.concat(shell.sent).length;
    await run(shell, 'true');
    const second = Buffer.concat(shell.sent).toString().slice(before);
    expect(second).toContain('DROVER_ATTEMPT_ID');
    expect(second).not.toContain('DROVER_HOST');
  });
});
