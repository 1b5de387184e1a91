/** What a shell becomes that was begun beforehand: exactly what it is told, whichever shell is `sh` there, or nothing at all. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import type { Clock } from '../../base/clock.ts';
import { until } from '../../../test/support/until.ts';
import { platformOfHost } from './platform-of-host.ts';
import type { Platform } from './platform.ts';
import type { Launch } from './supervised-launch.ts';
import { WaitingSupervisor, WaitingSupervisors } from './waiting-supervisors.ts';

const scratch = mkdtempSync(join(tmpdir(), 'drover-waiting-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const NO_FILES = { stdin: 'ignore', stdout: -1, stderr: -1 } as const;
/** Each byte that a variable may have, each quote and sign of a shell among them, and letters of several bytes. */
const ODD = `${String.fromCharCode(...Array.from({ length: 127 }, (_, i) => i + 1))}é😀\u0081 "$(echo no)" \`id\` '`;
const SHELLS: { readonly shell: readonly string[] }[] = [
  { shell: ['/bin/dash'] },
  { shell: ['/bin/busybox', 'sh'] },
  { shell: ['/bin/bash', '--posix'] },
  { shell: ['/bin/bash'] },
];

function launchIn(name: string, more: Partial<Launch> = {}): Launch & { readonly files: Record<string, string> } {
  const folder = mkdtempSync(join(scratch, `${name} '`));
  const files = Object.fromEntries(['stdout', 'stderr', 'status', 'ran'].map((file) => [file, join(folder, file)]));
  for (const file of ['stdout', 'stderr']) writeFileSync(files[file]!, 'before\n');
  return { folder, argv: [], env: {}, cwd: '/', stdio: NO_FILES, ...more, files };
}

/** A shell as `supervisorBegin` begins it. */
function shellWaiting([program, ...args]: readonly string[]): ChildProcess {
  return spawn(program!, [...args, '-s'], { cwd: '/', env: {}, stdio: ['pipe', 'ignore', 'ignore'] });
}

/** What `env -0` told, in one order: shells have their own. */
function variablesIn(text: string): string[] {
  return text.split('\0').sort();
}

async function became(shell: ChildProcess, launch: Launch, argv: readonly string[]): Promise<unknown[]> {
  await once(shell, 'spawn');
  const { pid, startTicks } = platformOfHost().processStat(shell.pid!)!;
  const ended = once(shell, 'exit');
  new WaitingSupervisor(shell, { pid, startTicks }).become(launch, argv);
  return ended;
}

describe.each(SHELLS)('a waiting $shell', ({ shell }) => {
  it('becomes the program, with its variables, folder and streams, and with no others', async () => {
    const env = { PATH: '/usr/bin:/bin', HOME: ODD, LANG: 'C.UTF-8', A: ODD, B: '', LD_LIBRARY_PATH: '/no where' };
    const cwd = mkdtempSync(join(scratch, ` odd "'$x' `));
    const launch = launchIn('becomes', { env, cwd });
    const told = [...shell, '-c', 'cat; echo "$0" "$@" >&2; exec /usr/bin/env -0', 'name', ODD, ''];
    expect(await became(shellWaiting(shell), launch, told)).toEqual([0, null]);
    const anew = spawnSync(told[0]!, told.slice(1), { env, cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    expect(anew.status).toBe(0);
    const said = readFileSync(launch.files.stdout!, 'utf8');
    expect(said.startsWith('before\n')).toBe(true);
    expect(variablesIn(said.slice('before\n'.length))).toEqual(variablesIn(anew.stdout));
    expect(variablesIn(anew.stdout)).toContain(`A=${ODD}`);
    expect(readFileSync(launch.files.stderr!, 'utf8')).toBe(`before\n${anew.stderr}`);
  });

  it('goes on where its files are gone, as one does that has opened them', async () => {
    const launch = launchIn('gone');
    rmSync(launch.folder, { recursive: true });
    const ran = join(scratch, `ran-${shell.join('-').replaceAll('/', '-')}`);
    expect(await became(shellWaiting(shell), launch, ['/bin/sh', '-c', 'echo x >"$0"; exit 137', ran])).toEqual([
      137,
      null,
    ]);
    expect(existsSync(ran)).toBe(true);
  });

  it('begins nothing, and says so, where its folder cannot be entered any more', async () => {
    const launch = launchIn('entered', { cwd: join(scratch, 'no', 'folder') });
    await became(shellWaiting(shell), launch, ['/bin/sh', '-c', 'echo x >"$0"', launch.files.ran!]);
    expect(readFileSync(launch.files.status!, 'latin1')).toBe('unbegun\n');
    expect(existsSync(launch.files.ran!)).toBe(false);
  });

  it('does nothing of an order that was cut off, wherever that was', async () => {
    const launch = launchIn('torn', { env: { A: `one\ntwo ${ODD}` } });
    const pipe = new PassThrough();
    const writer = new WaitingSupervisor({ stdin: pipe } as unknown as ChildProcess, { pid: 0, startTicks: 0 });
    writer.become(launch, ['/bin/sh', '-c', 'echo x >"$0"', launch.files.ran!]);
    const order = pipe.read() as Buffer;
    const whole = order.lastIndexOf('}') + 1;
    const hear = (bytes: Buffer): void =>
      void spawnSync(shell[0]!, [...shell.slice(1), '-s'], {
        input: bytes,
        env: {},
        stdio: ['pipe', 'ignore', 'ignore'],
      });
    const ends = [...order.keys()].filter((at) => order[at - 1] === 0x0a || at % 97 === 0);
    for (const at of [...ends, whole - 1]) if (at < whole) hear(order.subarray(0, at));
    expect([existsSync(launch.files.ran!), readFileSync(launch.files.stdout!, 'latin1')]).toEqual([false, 'before\n']);
    expect(existsSync(launch.files.status!)).toBe(false);
    hear(order);
    expect(existsSync(launch.files.ran!)).toBe(true);
  }, 60_000);

  it('ends with whoever would have ordered it', async () => {
    const child = shellWaiting(shell);
    await once(child, 'spawn');
    const ended = once(child, 'exit');
    new WaitingSupervisor(child, { pid: child.pid!, startTicks: 0 }).end();
    expect(await ended).toEqual([0, null]);
  });
});

describe('supervisors that stand ready', () => {
  const begun: ChildProcess[] = [];
  const timers: (() => void)[] = [];
  const delays: number[] = [];
  /** Whose timers the test calls. */
  const clock = {
    after(ms: number, callback: () => void) {
      delays.push(ms);
      timers.push(callback);
      return () => void timers.splice(timers.indexOf(callback), 1);
    },
  } as unknown as Clock;
  let busy = false;
  const isBusy = (): boolean => busy;
  const real = platformOfHost();
  const platform: Platform = {
    ...real,
    supervisorBegin: () => {
      const child = real.supervisorBegin!();
      begun.push(child);
      return child;
    },
  };
  const launch = launchIn('ready', { env: { A: '1' } });

  it('are two, taken one by one, made anew when nothing has begun for a while, and gone with who made them', async () => {
    const waiting = new WaitingSupervisors({ platform, clock, isBusy });
    expect(waiting.take(launch)).toBeUndefined();
    waiting.start();
    expect([waiting.pids, timers.length]).toEqual([[], 1]);
    timers.shift()!();
    const first = waiting.pids;
    expect(first).toHaveLength(2);
    const taken = [waiting.take(launch), waiting.take(launch)];
    expect(taken.map((one) => one?.handle.pid)).toEqual(first);
    expect(waiting.take(launch)).toBeUndefined();
    // One start after the other: only the last of them lets others be made.
    expect(timers).toHaveLength(1);
    timers.shift()!();
    expect(waiting.pids).toHaveLength(2);
    const ended = begun.map((child) => once(child, 'exit'));
    waiting.stop();
    for (const one of taken) one!.end();
    await Promise.all(ended);
    expect([waiting.pids, timers]).toEqual([[], []]);
  });

  it('are made when what runs would not wait for them', () => {
    const waiting = new WaitingSupervisors({ platform, clock, isBusy });
    waiting.start();
    busy = true;
    timers.shift()!();
    expect([waiting.pids, timers.length]).toEqual([[], 1]);
    busy = false;
    // Sooner than it would look by itself.
    waiting.stir();
    expect(delays.at(-1)).toBeLessThan(delays.at(-2)!);
    expect(timers).toHaveLength(1);
    timers.shift()!();
    expect(waiting.pids).toHaveLength(2);
    waiting.stir();
    expect(timers).toEqual([]);
    waiting.stop();
  });

  it('are passed over where somebody killed or stopped them', async () => {
    const waiting = new WaitingSupervisors({ platform, clock, isBusy });
    waiting.start();
    timers.shift()!();
    const [stopped, killed] = waiting.pids as [number, number];
    process.kill(stopped, 'SIGSTOP');
    await until('it stands still', () => real.processStat(stopped)?.state === 'T');
    process.kill(killed, 'SIGKILL');
    await until('it is gone', () => (real.processStat(killed)?.state ?? 'Z') === 'Z');
    expect(waiting.take(launch)).toBeUndefined();
    expect(waiting.pids).toEqual([]);
    process.kill(stopped, 'SIGCONT');
    await until('the other ends as well', () => real.processStat(stopped) === undefined);
    waiting.stop();
  });

  it.each([
    ['input of its own', { stdio: { ...NO_FILES, stdin: 0 } }],
    ['a variable that a shell counts with', { env: { OPTIND: 'x' } }],
    ['a variable that bash keeps for itself', { env: { UID: '1' } }],
    ['a variable that no shell can name', { env: { 'a.b': '1' } }],
    ['more than a pipe takes at once', { env: { A: 'x'.repeat(65_536) } }],
  ] satisfies [string, Partial<Launch>][])('are not for who has %s', (_what, more) => {
    const waiting = new WaitingSupervisors({ platform, clock, isBusy });
    waiting.start();
    timers.shift()!();
    expect(waiting.take({ ...launch, ...more })).toBeUndefined();
    expect(waiting.take(launch)).toBeDefined();
    waiting.stop();
  });
});
