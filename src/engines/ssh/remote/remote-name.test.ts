/** Processes whose names have line breaks in them, and processes that say of themselves that they belong to a run. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { newId } from '../../../base/ids.ts';
import { systemClock as clock } from '../../../base/clock.ts';
import { executionOrder } from '../../../../test/support/execution-spec.ts';
import { localShell } from '../../../../test/support/local-shell.ts';
import { requiring } from '../../../../test/support/needs.ts';
import { until } from '../../../../test/support/until.ts';
import { startProgram } from './remote-program.ts';
import type { RemoteEnd, RemoteOrder } from './remote-run.ts';
import { RemoteSessions } from './remote-sessions.ts';
import { startRemote } from './remote-supervisor.ts';

const scratch = mkdtempSync(join(tmpdir(), 'drover-name-'));
const children: ChildProcess[] = [];
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const LOGINS = [['dash'], ['busybox', 'sh'], ['bash']];

for (const login of LOGINS)
  describe(`the tree of a run under ${login[0]}`, () => {
    it('has no process of which another one has written the number into its own name', async () => {
      const attempt = `${newId()}.0.0.1`;
      const victim = await begin('/bin/sleep', ['60']);
      const leader = await begin('sh', ['-c', '"$0" 61 & exec sleep 63', named(`\n${victim} (a`)], {
        DROVER_ATTEMPT_ID: attempt,
      });
      const liar = await until('the liar', () =>
        childrenOf(leader).find((pid) => readFileSync(`/proc/${pid}/stat`, 'latin1').includes(`\n${victim} (a) `)),
      );
      const script = await begin('/bin/sleep', ['62']);
      expect(treeOf(login, attempt, script)).toEqual([leader, liar, script].toSorted((a, b) => a - b));
      process.kill(-leader, 'SIGKILL');
    });

    it('has the script itself, whatever name that takes', async () => {
      const script = await begin(named('a) S 1\nb) Z 1'), ['60']);
      expect(readFileSync(`/proc/${script}/stat`, 'latin1')).toMatch(/\(a\) S 1\nb\) Z 1\) [RS] /);
      expect(treeOf(login, `${newId()}.0.0.1`, script)).toEqual([script]);
    });

    requiring('root').it(
      'has of a session nobody but him who says that he belongs to it, of another account',
      async () => {
        const attempt = `${newId()}.0.0.1`;
        const script = await begin('/bin/sleep', ['60']);
        // A service of root’s with a worker of nobody’s, which has a child.
        const asNobody = 'setpriv --reuid 65534 --regid 65534 --clear-groups';
        const service = await begin('sh', [
          '-c',
          `${asNobody} env DROVER_ATTEMPT_ID=${attempt} sh -c 'sleep 61; :' & sleep 62; :`,
        ]);
        const worker = await until('its worker', () => childrenOf(service).find((pid) => childrenOf(pid).length > 0));
        const grandchild = childrenOf(worker)[0]!;
        const tree = await until('both say so', () => {
          const now = treeOf(login, attempt, script);
          return now.includes(worker) ? now : undefined;
        });
        expect(tree).toEqual([script, worker, grandchild].toSorted((a, b) => a - b));
        process.kill(-service, 'SIGKILL');
      },
    );
  });

describe('a script that takes a name with a line break', () => {
  it('is ended at its deadline, and told so', async () => {
    const program = named('a\nb');
    const order: RemoteOrder = {
      attempt: `${newId()}.0.0.1`,
      spec: executionOrder(`exec "${program}" 60`, { timeoutMs: 1_000, outputKeptBytes: 65_536 }),
      hostName: 'web1',
      hostId: 'h1',
      become: { kind: 'direct' },
    };
    let told: RemoteEnd | undefined;
    const follower = {
      started: () => undefined,
      output: () => undefined,
      values() {},
      ended: (end: RemoteEnd) => (told = end),
    };
    const remote = await startRemote(localShell(['dash']), order, follower, { clock, sessions: new RemoteSessions() });
    await until('the end', () => told);
    expect(told).toMatchObject({ outcome: { kind: 'timed_out', end: { kind: 'signalled', signal: 'SIGTERM' } } });
    await remote.forget();
  });
});

/** A program that the kernel shows under that name, of 15 bytes at most. */
function named(name: string): string {
  const path = join(mkdtempSync(join(scratch, 'p')), name);
  copyFileSync('/bin/sleep', path);
  execFileSync('chmod', ['755', path]);
  return path;
}

async function begin(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
  // Each in a session of its own.
  const child = spawn(program, args, { stdio: 'ignore', detached: true, env: { PATH: process.env.PATH, ...env } });
  children.push(child);
  return until('it is there', () => child.pid);
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => parentOf(pid) === parent);
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined; // Gone meanwhile.
  }
}

/** The numbers of the living of the tree, in order. */
function treeOf(login: readonly string[], attempt: string, leader: number): number[] {
  const loop = startProgram.head.lastIndexOf('while IFS= read -r y');
  const set = `R=/proc; p=${leader}; X=${process.pid}; A=${attempt}; b=${scratch}/none; P=`;
  const program = `${startProgram.head.slice(0, loop)} ${startProgram.rest}; ${set}; tree; echo "$l"`;
  const text = execFileSync(login[0]!, [...login.slice(1), '-c', program], { encoding: 'utf8' });
  return text
    .trim()
    .split(/\s+/)
    .map(Number)
    .toSorted((a, b) => a - b);
}
