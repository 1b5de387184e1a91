import { existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock, type Clock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { Spool } from './spool.ts';
import { SpooledOutputs } from './spooled-outputs.ts';

const ATTEMPT = 'a';
let folder: string;
let outputs: SpooledOutputs;
let live: string[];
let due: (() => void)[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-spooled-'));
  [live, due] = [[], []];
  const clock: Clock = {
    ...systemClock,
    after(_delayMs, callback) {
      due.push(callback);
      return () => void (due = due.filter((one) => one !== callback));
    },
  };
  const spool = new Spool(folder);
  mkdirSync(spool.folder(ATTEMPT));
  writeFileSync(spool.file(ATTEMPT, 'stdout'), 'told');
  writeFileSync(spool.file(ATTEMPT, 'stderr'), '');
  outputs = new SpooledOutputs({ spool, clock, log: silentLog });
  await outputs.start(
    new Map([[ATTEMPT, {}]]),
    (_attempt, _stream, _offset, bytes) => void live.push(Buffer.from(bytes).toString()),
  );
  outputs.open(ATTEMPT, { keptBytes: 100, secrets: [] });
});
afterEach(async () => {
  await outputs.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** All timers are due, once what was asked for has come to set them. */
const pass = async (): Promise<void> => {
  await new Promise((resolve) => setImmediate(resolve));
  for (const callback of due.splice(0)) callback();
};
/** Of the attempt alone: the folder of the whole spool is open too while it is looked through for what is old. */
const openFiles = (): string[] =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(join(folder, ATTEMPT));
    } catch {
      return false;
    }
  });

it('tells a watcher what is written, and holds no file of it when nobody watches any more', async () => {
  outputs.watch(ATTEMPT, true);
  await pass();
  expect([live, openFiles().length]).toEqual([['told'], 2]);
  outputs.watch(ATTEMPT, false);
  expect(openFiles()).toEqual([]);
});

it('tells nothing again to who watches when it has ended, and does not go on looking', async () => {
  outputs.watch(ATTEMPT, true);
  await pass();
  await outputs.finish(ATTEMPT);
  expect([live, openFiles()]).toEqual([['told'], []]);
  outputs.watch(ATTEMPT, false);
  outputs.watch(ATTEMPT, true);
  await pass();
  expect([live, openFiles()]).toEqual([['told'], []]);
});

it('tells and keeps nothing of output of which nobody knows the secrets', async () => {
  const spool = new Spool(folder);
  mkdirSync(spool.folder('b'));
  for (const stream of ['stdout', 'stderr'] as const) writeFileSync(spool.file('b', stream), 'a planted secret');
  const nothing = { size: 0, head: 0, tail: 0 };
  // Twice, as where the end could not be recorded.
  for (let n = 0; n < 2; n++) expect(await outputs.finish('b')).toEqual({ stdout: nothing, stderr: nothing });
  expect([existsSync(spool.folder('b')), await outputs.readWhole('b', 1, 0, 100)]).toEqual([false, undefined]);
});
