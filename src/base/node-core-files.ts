/**
 * Processes that hold secrets in clear leave no core file: a crash must not write passwords to a disk. The limit is one byte, not
 * none: Linux hands a core to a program (core_pattern with a pipe) even at none, but never at one.
 *
 * Node has no call for it, so util-linux does it from outside, and only for this process: scripts may leave core files
 * if whoever runs them wants that. What it does not cover: swap (encrypt it), and root on the machine.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Log } from './log.ts';

/** Of `ulimit -c` in sh, in bytes. */
const ULIMIT_BLOCK = 512;

export function refuseCoreFiles(log: Log): void {
  setCoreLimit('1:1', log);
}

/**
 * The same for a process that starts scripts of others, who may want core files: the hard limit stays for them. Answers
 * what they are to be given as soft limit, as `ulimit -S -c` takes it; undefined where that is not known, and then they
 * inherit ours.
 */
export function refuseOwnCoreFiles(log: Log): string | undefined {
  const { soft, hard } = coreLimits();
  // One byte is more than none, which only root may allow itself; no file of a script can come of it.
  setCoreLimit(hard === '0' ? '1:1' : '1:', log);
  return soft === undefined || soft === 'unlimited' ? soft : String(Math.floor(Number(soft) / ULIMIT_BLOCK));
}

function setCoreLimit(limit: string, log: Log): void {
  const answer = spawnSync('prlimit', ['--pid', String(process.pid), `--core=${limit}`], {
    stdio: 'ignore',
    timeout: 5_000,
  });
  if (answer.status === 0 || coreLimits().soft === '0') return;
  log.warn(
    {},
    'core files could not be turned off (no prlimit here): a crash might write secrets to the disk. Start this process under `ulimit -c 0`',
  );
}

/** Undefined where the system does not tell. */
function coreLimits(): { soft?: string | undefined; hard?: string | undefined } {
  try {
    const [, soft, hard] = /^Max core file size +(\S+) +(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? [];
    return { soft, hard };
  } catch {
    return {};
  }
}
