/**
 * Processes that hold secrets in clear leave no core file: a crash must not write passwords to a disk. The limit is one byte, not
 * none: Linux hands a core to a program (core_pattern with a pipe) even at none, but never at one.
 *
 * Node has no call for it, so util-linux does it from outside; only for this process, since what agents start must be able
 * to leave core files if its own user wants that. What it does not cover: swap (encrypt it), and root on the machine.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Log } from './log.ts';

export function refuseCoreFiles(log: Log): void {
  const answer = spawnSync('prlimit', ['--pid', String(process.pid), '--core=1:1'], { stdio: 'ignore', timeout: 5_000 });
  if (answer.status === 0 || coreBytesMax() === 0) return;
  log.warn({}, 'core files could not be turned off (no prlimit here): a crash might write secrets to the disk. Start this process under `ulimit -c 0`');
}

/** Undefined where the system does not tell, or sets no limit. */
function coreBytesMax(): number | undefined {
  try {
    const soft = /^Max core file size +(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return soft === undefined || soft === 'unlimited' ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
