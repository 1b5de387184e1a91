/**
 * Runs the suite, and is in order when it is stopped (Ctrl-C, SIGTERM, SIGHUP): what runs is cut short and gets a moment to clean up behind itself, then
 * nothing of it is left; the failures so far and what was not tried are named, and the exit code is that of the signal.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OwnProcesses } from './own-processes.ts';
import { SuiteRecord, type SuiteWord } from './suite-record.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
/** For what was cut short to take away what it has made: users, mounts, folders. */
const CLEAN_UP_MS = 15_000;
export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';
const STOPPING: readonly StopSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Signals that ask for an end, from now on: `stopped` is the first, `onStop` is called with each. */
export class StopSignals {
  stopped: StopSignal | undefined;
  onStop: (() => void) | undefined;

  constructor() {
    for (const signal of STOPPING)
      process.on(signal, () => {
        this.stopped ??= signal;
        this.onStop?.();
      });
  }

  /** As a shell tells of a program that a signal has ended. */
  get exitCode(): number {
    return this.stopped === undefined ? 0 : 128 + constants.signals[this.stopped];
  }
}

/** A program of ours with its words on this terminal; a signal ends it. @returns its exit code. */
export async function runProgram(signals: StopSignals, program: string, ...args: readonly string[]): Promise<number> {
  if (signals.stopped) return signals.exitCode;
  const child = spawn(process.execPath, [join(root, 'node_modules', program), ...args], {
    stdio: 'inherit',
    cwd: root,
  });
  signals.onStop = () => child.kill(signals.stopped);
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status) => resolve(status ?? 1));
  });
  signals.onStop = undefined;
  return signals.stopped ? signals.exitCode : code;
}

/** `words` are for Vitest. @returns the exit code: not 0 where a test failed, or where it was stopped. */
export async function runSuite(signals: StopSignals, words: readonly string[]): Promise<number> {
  if (signals.stopped) return signals.exitCode;
  const [name, id] = ['DROVER_TEST_RUN', randomUUID()];
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const reporters = ['--reporter=dot', `--reporter=${join(root, 'tools/test-reporter.ts')}`];
  const child = spawn(process.execPath, [vitest, 'run', ...reporters, ...words], {
    cwd: root,
    env: { ...process.env, [name]: id },
    // A session of its own: Ctrl-C comes to us alone, and what belongs to it is known by it.
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const record = new SuiteRecord();
  child.on('message', (word: SuiteWord) => record.hear(word));
  const own = new OwnProcesses(child.pid!, `${name}=${id}`);
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status) => resolve(status ?? 1));
  });
  const cut = new Promise<'cut'>((resolve) => {
    signals.onStop = () => {
      signals.onStop = () => resolve('cut');
      own.watchClosely();
      process.stdout.write(
        '\nStopping: what runs is cut short and cleans up behind itself for a moment; again ends it at once.\n',
      );
      if (child.connected) child.send('stop', () => undefined);
      setTimeout(() => resolve('cut'), CLEAN_UP_MS).unref();
    };
  });
  // A promise alone keeps nobody running.
  const staying = setInterval(() => undefined, 1_000);
  const code = await Promise.race([ended, cut]);
  clearInterval(staying);
  signals.onStop = undefined;
  if (signals.stopped === undefined && code !== 'cut' && record.isWhole) {
    own.stopLooking();
    process.stdout.write(`${record.endText()}\n`);
    return code !== 0 ? code : record.hasUntried && process.env['CI'] ? 1 : 0;
  }
  const left = await own.end();
  if (signals.stopped === undefined) process.stdout.write('The suite was ended before it could tell how it went.\n');
  process.stdout.write(`${record.stoppedText()}\n`);
  if (left.length > 0) process.stdout.write(`Processes that would not end: ${left.join(', ')}\n`);
  return signals.stopped ? signals.exitCode : code === 'cut' || code === 0 ? 1 : code;
}
