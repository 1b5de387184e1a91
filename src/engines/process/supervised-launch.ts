/** What a supervisor is begun with, whoever begins it: supervisor.ts anew, or waiting-supervisors.ts of one that is there. */
import type { ChildProcess } from 'node:child_process';

/** In the file `status`, where nothing of the script has run: its leader has no supervisor, or did not get into its folder or its group. */
export const UNBEGUN = 'unbegun';

export interface Launch {
  /** Of the attempt; what it writes is `stdout` and `stderr` in there. */
  readonly folder: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** As `ulimit -S -c` takes it; absent, ours. The supervisor keeps ours in any case: secrets are in its environment. */
  readonly coreLimit?: string | undefined;
  /** A control group that the leader enters before it becomes the script, so that nothing of it is ever outside. */
  readonly group?: string | undefined;
  readonly stdio: { readonly stdin: number | 'ignore'; readonly stdout: number; readonly stderr: number };
  /** One that has been begun and waits, to be this one. Absent, one is begun. */
  readonly waiting?: Waiting | undefined;
}

export interface Waiting {
  /** Becomes `argv`, as `launch` says. */
  become(launch: Launch, argv: readonly string[]): ChildProcess;
}
