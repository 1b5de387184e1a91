/** Who may work on a data folder, with processes that start at once, are killed, and with another user of the machine. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireFolderLock } from '../../src/base/node-lock.ts';
import { requiring } from '../support/needs.ts';

const ROUNDS = 50;
const OTHER = 65_534;

class Holder {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor() {
    this.#child = spawn(process.execPath, [fileURLToPath(new URL('../support/lock-holder.ts', import.meta.url))], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  static async start(): Promise<Holder> {
    const holder = new Holder();
    ends.push(() => holder.kill());
    expect((await holder.#lines.next()).value).toBe('ready');
    return holder;
  }

  async tell(line: string): Promise<string> {
    this.#child.stdin!.write(`${line}\n`);
    return (await this.#lines.next()).value as string;
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }
}

let parent: string;
let folder: string;
const ends: (() => unknown)[] = [];
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'drover-lock-'));
  chmodSync(parent, 0o755);
  folder = join(parent, 'data');
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  rmSync(parent, { recursive: true, force: true });
});

describe('a data folder', () => {
  it(`that two processes want at once, ${ROUNDS} times, is taken by exactly one`, async () => {
    const both = await Promise.all([Holder.start(), Holder.start()]);
    for (let round = 1; round <= ROUNDS; round++) {
      // Half of the times the folder is new, so that both make it, and its mark.
      const data = round % 2 === 0 ? folder : join(parent, `data-${round}`);
      const answers = await Promise.all(both.map((holder) => holder.tell(`take ${data}`)));
      expect(answers.toSorted()).toEqual(['data-folder-in-use', 'held']);
      await Promise.all(both.map((holder) => holder.tell('release')));
    }
  }, 60_000);

  it('can be had as soon as whoever had it was killed', async () => {
    const holder = await Holder.start();
    expect(await holder.tell(`take ${folder}`)).toBe('held');
    await expect(acquireFolderLock(folder, 'server')).rejects.toMatchObject({ code: 'data-folder-in-use' });
    await holder.kill();
    (await acquireFolderLock(folder, 'server')).release();
  });

  it('is not held by what its process has started and left behind', async () => {
    const { release } = await acquireFolderLock(folder, 'server');
    const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
    ends.push(() => child.kill('SIGKILL'));
    await new Promise((resolve) => child.once('spawn', resolve));
    release();
    (await acquireFolderLock(folder, 'server')).release();
  });
});

requiring('root').describe('another user of the machine', () => {
  const asOther = (command: string, ...args: string[]): ReturnType<typeof spawnSync> =>
    spawnSync(command, args, { uid: OTHER, gid: OTHER, encoding: 'utf8' });

  it('cannot take the lock of a folder that he may pass, and whose lock is free', async () => {
    (await acquireFolderLock(folder, 'agent')).release();
    expect(asOther('test', '-x', folder).status).toBe(0);
    const tried = asOther('flock', '-n', join(folder, '.lock'), 'true');
    expect(tried.status).not.toBe(0);
    expect(tried.stderr).toMatch(/Permission denied/);
    // Nor the folder's own, which would be none of ours.
    expect(asOther('flock', '-n', folder, 'true').status).not.toBe(0);
  });

  it('keeps nobody out by a name that follows from the path', async () => {
    const { release } = await acquireFolderLock(folder, 'agent');
    release();
    const name = createHash('sha256').update(realpathSync(folder)).digest('hex').slice(0, 32);
    const planted = spawn(
      process.execPath,
      ['-e', `require('net').createServer().listen({ path: '\\0drover-${name}' }, () => process.stdout.write('held'))`],
      { uid: OTHER, gid: OTHER, stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env.PATH ?? '' } },
    );
    ends.push(() => planted.kill('SIGKILL'));
    await new Promise((resolve) => planted.stdout!.once('data', resolve));
    (await acquireFolderLock(folder, 'agent')).release();
  });
});
