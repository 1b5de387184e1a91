/**
 * Starts a process so that it outlives us and its end can be read exactly, by us or by our successor.
 *
 * A POSIX shell in a session of its own forks the leader, which writes its pid, stops its parent, and only when it sees
 * it stopped becomes the script. So nobody reaps the leader when it ends: it stays a zombie whose
 * raw wait status /proc tells for as long as we need, and exit 137 is never taken for SIGKILL. If somebody continues
 * the shell, it waits and writes `$?`, which is exact up to 128. Needs no shell beyond dash or busybox, and no setsid.
 *
 * A supervisor that is killed before it stopped has no child any more: the leader sees it by its own parent, writes `unbegun` and
 * ends, nothing of the script has run. It stops nobody but its parent; were that to end right between the look and the signal, its
 * number would also have to be reaped and come round again in these microseconds to be another's.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { UNBEGUN, type Launch } from './supervised-launch.ts';

/**
 * $1 folder, $2 soft limit of core files (as it is when empty), $3 control group (none when empty), then the argument vector.
 * The leader is a foreground subshell: a background one would get /dev/null as input and ignore INT and QUIT for good. A script may be
 * given any variable, so what is read here has names that no variable and none that is held can have.
 */
const SUPERVISOR = `(
read -r __drover_0p __drover_0x </proc/self/stat
echo "$__drover_0p" >"$1/pid"
while read -r __drover_0x __drover_0x __drover_0x __drover_0q __drover_0x </proc/self/stat
[ "$__drover_0q" = "$$" ] || { echo ${UNBEGUN} >"$1/status"; exit 1; }
kill -STOP $$
! read -r __drover_0x __drover_0x __drover_0s __drover_0x 2>/dev/null <"/proc/$$/stat" || [ "$__drover_0s" != T ]; do :; done
[ -z "$2" ] || ulimit -S -c "$2" 2>/dev/null
[ -z "$3" ] || echo 0 >"$3/cgroup.procs" || { echo ${UNBEGUN} >"$1/status"; exit 1; }
shift 3
umask 022
exec "$@"
)
echo $? >"$1/status"`;

/** The supervisor's process; throws what spawn throws. Its exit is of no interest: it is killed once the status is read. */
export function launchSupervised(launch: Launch): ChildProcess {
  const argv = [
    '-c',
    SUPERVISOR,
    'drover-run',
    launch.folder,
    launch.coreLimit ?? '',
    launch.group ?? '',
    ...launch.argv,
  ];
  if (launch.waiting) return launch.waiting.become(launch, ['/bin/sh', ...argv]);
  const child = spawn('/bin/sh', argv, {
    cwd: launch.cwd,
    env: launch.env,
    detached: true,
    stdio: [launch.stdio.stdin, launch.stdio.stdout, launch.stdio.stderr],
  });
  child.unref();
  return child;
}
