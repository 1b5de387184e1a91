/**
 * Where the program keeps its files on a host: a folder of its own that nobody else can get at, and that somebody may
 * clear away while a script runs.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { systemClock as clock } from '../../../base/clock.ts';
import { newId } from '../../../base/ids.ts';
import { executionOrder, type SpecMore } from '../../../../test/support/execution-spec.ts';
import { localShell, type LocalShell } from '../../../../test/support/local-shell.ts';
import { requiring } from '../../../../test/support/needs.ts';
import { tracesOf } from '../../../../test/support/traces.ts';
import { until } from '../../../../test/support/until.ts';
import type { RemoteEnd, RemoteOrder, RemoteRun } from './remote-run.ts';
import { attachRemote, startRemote, type RemoteOptions } from './remote-supervisor.ts';

const scratch = mkdtempSync(join(tmpdir(), 'drover-folder-'));
const planted: string[] = [];
afterAll(() => {
  for (const path of [scratch, ...planted]) rmSync(path, { recursive: true, force: true });
});
/** So patient that no machine is so slow as to make a short script a long one. */
const PATIENT_MS = 60_000;
const NOBODY = 65_534;

function orderOf(script: string, more: SpecMore = {}): RemoteOrder {
  const spec = executionOrder(script, { timeoutMs: 60_000, ...more });
  return { attempt: `${newId()}.0.0.1`, spec, hostName: 'web1', hostId: 'h1', become: { kind: 'direct' } };
}

class Following {
  pid: number | undefined;
  text = '';
  end: RemoteEnd | undefined;
  remote: RemoteRun | undefined;
  started(pid: number): void {
    this.pid = pid;
  }
  output(_stream: 1 | 2, _offset: number, bytes: Uint8Array): void {
    this.text += Buffer.from(bytes).toString('latin1');
  }
  values(): void {}
  ended(end: RemoteEnd): void {
    this.end = end;
  }
  async settled(): Promise<RemoteEnd> {
    const end = await until('the end', () => this.end);
    await this.remote!.forget();
    return end;
  }
}

async function begin(shell: LocalShell, order: RemoteOrder, more: Partial<RemoteOptions> = {}): Promise<Following> {
  const following = new Following();
  following.remote = await startRemote(shell, order, following, { clock, ...more });
  return following;
}

function isAlive(pid: number): boolean {
  try {
    return !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

function plant(path: string): string {
  planted.push(path);
  return path;
}

describe('the files of a run', () => {
  it('lie in a folder that only its user can enter, under a name that says nothing', async () => {
    const gate = join(scratch, 'modes');
    const order = orderOf('until [ -e "$G" ]; do sleep 0.05; done', { stdin: Buffer.from('in'), env: { G: gate } });
    const following = await begin(localShell(['dash']), order);
    await until('it runs', () => following.pid);
    const files = tracesOf(order.attempt);
    expect(new Set(files.map((file) => file.slice(-2)))).toEqual(new Set(['.i', '.x', '.n', '.o', '.e', '.v']));
    for (const file of files) expect([file, statSync(file).mode & 0o777]).toEqual([file, 0o600]);
    const folder = dirname(files[0]!);
    expect(statSync(folder).mode & 0o7777).toBe(0o700);
    expect(basename(folder)).toMatch(/^\.drover-[0-9a-f]{16}$/);
    writeFileSync(gate, '');
    expect(await following.settled()).toMatchObject({ outcome: { code: 0 } });
    expect([tracesOf(order.attempt), existsSync(folder)]).toEqual([[], false]);
  });

  requiring('root').it('are never put into what somebody else made, whatever he makes of it', async () => {
    const name = newId();
    const [theirs, link] = [plant(`/tmp/.drover-${name}`), plant(`/var/tmp/.drover-${name}`)];
    mkdirSync(theirs);
    chmodSync(theirs, 0o777);
    chownSync(theirs, NOBODY, NOBODY);
    const ours = join(scratch, 'ours');
    mkdirSync(ours);
    symlinkSync(ours, link);
    const order = orderOf('echo "$0"');
    const following = await begin(localShell(['dash']), order, { folder: name });
    expect(await following.settled()).toMatchObject({ outcome: { code: 0 } });
    expect(following.text).toBe(`/dev/shm/.drover-${name}/${order.attempt}.x\n`);
    expect([readdirSync(theirs), readdirSync(ours)]).toEqual([[], []]);
    // Nor is it looked for there.
    const lost = orderOf('true');
    for (const folder of [theirs, ours]) writeFileSync(join(folder, `${lost.attempt}.i`), '1 100 100 100\n2 100\n');
    expect(await attachRemote(localShell(['dash']), lost, { stdout: 0, stderr: 0 }, new Following(), { clock })).toBe(
      'absent',
    );
  });

  requiring('root').it('that nobody forgot are removed after a week, and nobody else’s are', async () => {
    const old = new Date(clock.nowMs() - 8 * 86_400_000);
    const fill = (folder: string): string => {
      mkdirSync(folder, { recursive: true });
      const file = join(folder, `${newId()}.0.0.1.i`);
      writeFileSync(file, '1 100 100 100\n2 100\nT 0 100 200 - \n');
      for (const path of [file, folder]) utimesSync(path, old, old);
      return file;
    };
    const ours = fill(plant(`/tmp/.drover-${newId()}`));
    const theirs = fill(plant(`/tmp/.drover-${newId()}`));
    chownSync(dirname(theirs), NOBODY, NOBODY);
    const elsewhere = fill(join(scratch, 'elsewhere'));
    symlinkSync(dirname(elsewhere), plant(`/tmp/.drover-${newId()}`));
    const gate = join(scratch, 'swept');
    const following = await begin(
      localShell(['dash']),
      orderOf('until [ -e "$G" ]; do sleep 0.1; done', { env: { G: gate } }),
    );
    await until('ours is gone', () => !existsSync(dirname(ours)));
    writeFileSync(gate, '');
    await following.settled();
    expect([existsSync(theirs), existsSync(elsewhere)]).toEqual([true, true]);
  });
});

for (const login of [['dash'], ['busybox', 'sh'], ['bash']]) {
  describe(`under ${login[0]}, when somebody deletes the files of a run`, () => {
    /** As `rm -rf /tmp/.drover-*` does; the names are these alone, for others work on this machine. */
    const clear = (attempt: string): void => {
      const folders = new Set(tracesOf(attempt).map(dirname));
      expect(folders.size).toBe(1);
      // Tried again where the program puts a file into it in the same moment.
      for (const folder of folders) rmSync(folder, { recursive: true, maxRetries: 10 });
    };
    const isBack = (attempt: string): boolean => tracesOf(attempt).some((path) => path.endsWith('.i'));
    /** From here on nothing is lost: what a watch holds open cannot be deleted. */
    const isWatched = (attempt: string): boolean =>
      tracesOf(attempt).some((path) => path.endsWith('.i') && /^W/m.test(readFileSync(path, 'latin1')));

    it('its end is told exactly, and no output is lost', async () => {
      const gate = join(scratch, `${login[0]}-end`);
      const order = orderOf('echo one; until [ -e "$G" ]; do sleep 0.05; done; echo two; exit 137', {
        env: { G: gate },
      });
      const following = await begin(localShell(login), order, { liveAfterMs: 1 });
      await until('it is followed', () => following.text === 'one\n' && isWatched(order.attempt));
      clear(order.attempt);
      await until('it is noticed', () => isBack(order.attempt));
      writeFileSync(gate, '');
      expect(await following.settled()).toMatchObject({
        outcome: { kind: 'exited', code: 137 },
        detail: expect.stringContaining('deleted its files'),
      });
      expect(following.text).toBe('one\ntwo\n');
      expect(tracesOf(order.attempt)).toEqual([]);
    });

    it('its deadline ends it, though the line is cut too', async () => {
      const shell = localShell(login);
      // Long enough for all that comes before it, on a busy machine too.
      const begun = join(scratch, `${login[0]}-begun`);
      const order = orderOf('trap "" TERM; : >"$G"; while :; do sleep 1; done', {
        timeoutMs: 8_000,
        env: { G: begun },
      });
      const first = await begin(shell, order, { liveAfterMs: 1 });
      // Its interpreter has its script by then.
      await until('it runs', () => first.pid && existsSync(begun));
      await until('a watch is there', () => isWatched(order.attempt));
      clear(order.attempt);
      shell.cut();
      await until('it is noticed', () => isBack(order.attempt));
      const second = new Following();
      const remote = await attachRemote(localShell(login), order, { stdout: 0, stderr: 0 }, second, { clock });
      if (remote === 'absent') throw new Error('absent');
      second.remote = remote;
      expect(await second.settled()).toMatchObject({ outcome: { kind: 'timed_out' } });
      expect(isAlive(first.pid!)).toBe(false);
      expect(tracesOf(order.attempt)).toEqual([]);
    });

    it('it can be cancelled, and its short end is told, before anybody watches it', async () => {
      const [shell, gate] = [localShell(login), join(scratch, `${login[0]}-short`)];
      // Its interpreter has its script by then.
      const begun = (): boolean => existsSync(`${gate}.on`) && rmSync(`${gate}.on`) === undefined;
      const cancelled = orderOf(': >"$G.on"; exec sleep 60', { env: { G: gate } });
      const first = await begin(shell, cancelled, { liveAfterMs: PATIENT_MS });
      await until('it runs', () => first.pid && begun());
      clear(cancelled.attempt);
      first.remote!.stop('cancelled');
      expect(await first.settled()).toMatchObject({
        outcome: { kind: 'cancelled', end: { kind: 'signalled', signal: 'SIGTERM' } },
      });
      expect(isAlive(first.pid!)).toBe(false);
      const short = orderOf(': >"$G.on"; until [ -e "$G" ]; do sleep 0.05; done; exit 137', { env: { G: gate } });
      const second = await begin(shell, short, { liveAfterMs: PATIENT_MS });
      await until('it runs', () => second.pid && begun());
      clear(short.attempt);
      writeFileSync(gate, '');
      expect(await second.settled()).toMatchObject({ outcome: { kind: 'exited', code: 137 } });
      expect([...tracesOf(cancelled.attempt), ...tracesOf(short.attempt)]).toEqual([]);
    });
  });
}
