/** What a program of ours has open when it begins, and did not open itself. */
import { closeSync, readdirSync, readFileSync } from 'node:fs';

/** O_CLOEXEC in `/proc/PID/fdinfo`, which is octal. */
const CLOSED_ON_EXEC = 0o2_000_000;

/**
 * Closes the files beyond the streams that whoever started this program had open, a shell as a rule. Node marks the first sixteen as not
 * for programs that it starts, and leaves others open to all of these: also to tasks of another user, who may not open such a file. What
 * this process has opened by itself is marked, and stays. Called before anything else; does nothing where there is no such folder.
 */
export function closeInheritedDescriptors(): void {
  let names: readonly string[];
  try {
    names = readdirSync('/proc/self/fd');
  } catch {
    return;
  }
  for (const fd of names.map(Number).filter((fd) => fd > 2))
    try {
      const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '0';
      if ((Number.parseInt(flags, 8) & CLOSED_ON_EXEC) === 0) closeSync(fd);
    } catch {
      // It was the folder itself, and is closed by now.
    }
}
