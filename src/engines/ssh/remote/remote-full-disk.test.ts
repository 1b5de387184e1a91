/**
 * The program on a host whose disk fills up while a script runs: kills come, the true end is told, and what was kept is
 * handed over. A mount namespace of its own is that host.
 */
import { given } from '../../../base/given.ts';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock as clock } from '../../../base/clock.ts';
import { newId } from '../../../base/ids.ts';
import { executionOrder, type SpecMore } from '../../../../test/support/execution-spec.ts';
import { localShell, type LocalShell } from '../../../../test/support/local-shell.ts';
import { until } from '../../../../test/support/until.ts';
import type { RemoteEnd, RemoteOrder, RemoteRun } from './remote-run.ts';
import { attachRemote, startRemote } from './remote-supervisor.ts';
import { requiring } from '../../../../test/support/needs.ts';

/** More than the disk takes; `head` ends with a fault, and the script goes on. */
const FILL = 'echo first; head -c 10000000 /dev/zero 2>/dev/null';
const INODES = 60;
/** No file can be made any more either: more of them than there can be. */
const FILL_ALL = `${FILL}; i=0; while [ $i -lt ${2 * INODES} ] && true 2>/dev/null >/tmp/filling$i; do i=$((i + 1)); done`;
const PATIENT_MS = 60_000;

interface Following {
  readonly remote: RemoteRun;
  readonly pid: () => number | undefined;
  readonly bytes: () => Buffer;
  readonly end: () => RemoteEnd | undefined;
}

function isAlive(pid: number): boolean {
  try {
    return !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

requiring('root').describe('a host whose disk is full', () => {
  let host: ChildProcess;
  const folder = (): string => join(`/proc/${host.pid}/root`, 'tmp');
  const within = (login: readonly string[]): LocalShell =>
    localShell(['nsenter', '-t', String(host.pid), '-m', ...login]);

  beforeEach(async () => {
    host = spawn(
      'unshare',
      [
        '-m',
        '--propagation',
        'private',
        'sh',
        '-c',
        [
          'set -e',
          `for d in /tmp /var/tmp /dev/shm; do mount -t tmpfs -o mode=1777,size=1m,nr_inodes=${INODES} tmpfs "$d"; done`,
          'echo ready',
          'exec sleep 600',
        ].join('; '),
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    // Never without its own folders: what fills the disk must not fill ours.
    await new Promise((resolve, reject) => {
      host.stdout!.once('data', resolve);
      host.once('exit', (code) => reject(new Error(`no folders could be mounted for the host: exit ${code}`)));
    });
  });
  afterEach(() => {
    host.kill('SIGKILL');
  });

  function orderOf(script: string, more: SpecMore = {}): RemoteOrder {
    const spec = executionOrder(script, { timeoutMs: 60_000, ...more });
    return { attempt: `${newId()}.0.0.1`, spec, hostName: 'web1', hostId: 'h1', become: { kind: 'direct' } };
  }

  async function follow(
    start: (follower: Parameters<typeof startRemote>[2]) => Promise<RemoteRun | 'absent'>,
  ): Promise<Following> {
    const pieces: Buffer[] = [];
    let [pid, end]: [number | undefined, RemoteEnd | undefined] = [undefined, undefined];
    const remote = await start({
      started: (leader) => void (pid = leader),
      output: (_stream, _offset, bytes) => void pieces.push(Buffer.from(bytes)),
      values() {},
      ended: (how) => void (end = how),
    });
    if (remote === 'absent') throw new Error('absent');
    return { remote, pid: () => pid, bytes: () => Buffer.concat(pieces), end: () => end };
  }

  const isFull = (): boolean => statfsSync(folder()).bavail === 0;

  /** All that the disk took has come, and nothing is left of it. */
  async function settled({ remote, bytes, end, pid }: Following): Promise<RemoteEnd> {
    const ended = await until('the end', end);
    expect(bytes().length).toBeGreaterThan(900_000);
    expect(bytes().toString('latin1', 0, 6)).toBe('first\n');
    expect(isAlive(pid()!)).toBe(false);
    await remote.forget();
    await until('nothing is left', () => readdirSync(folder()).every((name) => !name.startsWith('.drover')));
    return ended;
  }

  for (const login of [['dash'], ['busybox', 'sh'], ['bash']]) {
    for (const procRoot of ['/proc', '/nonexistent']) {
      const begin = (order: RemoteOrder, liveAfterMs?: number): Promise<Following> =>
        follow((follower) =>
          startRemote(within(login), order, follower, {
            clock,
            procRoot,
            ...given({ liveAfterMs }),
          }),
        );

      describe(`under ${login[0]}, ${procRoot === '/proc' ? 'with' : 'without'} /proc`, () => {
        it('keeps deadlines, and says that it was one', async () => {
          expect(
            await settled(await begin(orderOf(`${FILL_ALL}; exec sleep 600`, { timeoutMs: 1_500 }))),
          ).toMatchObject({ outcome: { kind: 'timed_out', end: { kind: 'signalled', signal: 'SIGTERM' } } });
        });

        it('takes a cancel', async () => {
          const run = await begin(orderOf(`${FILL_ALL}; exec sleep 600`));
          await until(
            'the disk is full',
            () => isFull() && run.pid() && /^sleep/.test(readFileSync(`/proc/${run.pid()}/comm`, 'latin1')),
          );
          run.remote.stop('cancelled');
          expect(await settled(run)).toMatchObject({
            outcome: { kind: 'cancelled', end: { kind: 'signalled', signal: 'SIGTERM' } },
          });
        });

        it('tells exact ends, of short scripts and of long ones', async () => {
          expect(await settled(await begin(orderOf(`${FILL}; exit 137`), PATIENT_MS))).toMatchObject({
            outcome: { kind: 'exited', code: 137 },
          });
          expect(await settled(await begin(orderOf(`${FILL}; sleep 0.5; kill -9 $$`)))).toMatchObject({
            outcome: { kind: 'signalled', signal: 'SIGKILL' },
          });
        });
      });
    }
  }

  it('loses nothing when the line is cut as well', async () => {
    const [shell, order] = [within(['dash']), orderOf(`${FILL_ALL}; exec sleep 600`, { timeoutMs: 2_000 })];
    const first = await follow((follower) => startRemote(shell, order, follower, { clock }));
    await until('the disk is full', isFull);
    shell.cut();
    await first.remote.lost;
    expect(
      await settled(
        await follow((follower) =>
          attachRemote(within(['dash']), order, { stdout: 0, stderr: 0 }, follower, { clock }),
        ),
      ),
    ).toMatchObject({ outcome: { kind: 'timed_out', end: { kind: 'signalled', signal: 'SIGTERM' } } });
  });

  it('begins nothing that it cannot keep, and says so', async () => {
    execFileSync('nsenter', [
      '-t',
      String(host.pid),
      '-m',
      'sh',
      '-c',
      'for d in /tmp /var/tmp /dev/shm; do head -c 10000000 /dev/zero >$d/filling 2>/dev/null; done; true',
    ]);
    const shell = localShell(['nsenter', '-t', String(host.pid), '-m', 'dash'], {
      HOME: '/tmp',
      XDG_RUNTIME_DIR: '/tmp',
    });
    const run = await follow((follower) => startRemote(shell, orderOf('true'), follower, { clock }));
    expect(await until('the refusal', run.end)).toMatchObject({
      outcome: { kind: 'refused', reason: 'spool-unwritable' },
    });
    expect(readdirSync(folder())).toEqual(['filling']);
  });
});
