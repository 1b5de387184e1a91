/** A PostgreSQL that an earlier life of ours has left behind, and how one is ended. */
import { spawnSync } from 'node:child_process';
import { readdir, readFile, readlink, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pause, type Clock } from '../base/clock.ts';

/** Fast shutdown (sessions end, a checkpoint is written), then immediate (recovery at the next start), then none at all. */
export const SHUTDOWN: readonly (readonly [NodeJS.Signals, number])[] = [
  ['SIGINT', 6_000],
  ['SIGQUIT', 2_000],
  ['SIGKILL', 2_000],
];

/**
 * Ends what an earlier life left running on this very folder: the postmaster, and sessions that outlived theirs. Then the lock file goes,
 * because PostgreSQL would believe its number if anything else of the same user had it by now; with nobody left on the folder
 * that is safe.
 */
export async function stopStale(data: string, clock: Clock): Promise<void> {
  const lockFile = join(data, 'postmaster.pid');
  const text = await readFile(lockFile, 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const postmaster = Number(text.split('\n')[0]);
  for (const [signal, waitMs] of SHUTDOWN) {
    const left = await processesOn(data, postmaster);
    if (left.length === 0) break;
    for (const pid of left.includes(postmaster) ? [postmaster] : left) signalQuietly(pid, signal);
    const until = clock.monotonicMs() + waitMs;
    while (clock.monotonicMs() < until && (await processesOn(data, postmaster)).length > 0) await pause(clock, 50);
  }
  // Sessions of a postmaster that had to be killed.
  for (const pid of await processesOn(data, postmaster)) signalQuietly(pid, 'SIGKILL');
  await rm(lockFile, { force: true });
}

function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
    process.kill(pid, 'SIGCONT');
  } catch {
    // It has ended meanwhile.
  }
}

/** The PostgreSQL processes whose working directory is this data folder: all of theirs, and of no other folder's. */
async function processesOn(data: string, postmaster: number): Promise<number[]> {
  if (process.platform !== 'linux')
    return spawnSync('ps', ['-p', String(postmaster), '-o', 'args='], { encoding: 'utf8' }).stdout.includes(data)
      ? [postmaster]
      : [];
  const folder = await realpath(data);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const isOurs = await Promise.all(
    pids.map(async (pid) => {
      if ((await readlink(`/proc/${pid}/cwd`).catch(() => '')) !== folder) return false;
      return (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')) === 'postgres\n';
    }),
  );
  return pids.filter((_, i) => isOurs[i]);
}
