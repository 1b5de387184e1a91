/**
 * What a run does, as it is kept with the run: everything but the secrets (sealed apart) and the hosts (rows). Wire
 * shapes of the API and of the links are converted to and from this at their edges.
 */
import type { AccountId } from '../../base/ids.ts';
import type { Priority } from '../placement/queue-pick.ts';
import type { FailureLimit } from '../rollout/failure-limit.ts';

export const VIAS = ['auto', 'agent', 'ssh'] as const;
export type Via = (typeof VIAS)[number];

export interface RunSpec {
  /** Either a script text (any bytes) or an argument vector run as it is, without a shell. */
  readonly work:
    | { readonly kind: 'script'; readonly script: Uint8Array }
    | { readonly kind: 'command'; readonly argv: readonly string[] };
  /** Name or path of the interpreter (`sh`, `bash`, `python`, `perl`, `node`, `powershell`, any other program); undefined: `#!`, else `sh`. */
  readonly lang?: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Reach the script as `DROVER_PARAM_<NAME>`; unlike secrets they are part of the record. */
  readonly params: Readonly<Record<string, string>>;
  /** Names only; values are sealed apart. Each reaches the script as an environment variable of that name. */
  readonly secretNames: readonly string[];
  /** User on the host that an agent runs it as; undefined: the agent's own. */
  readonly user?: string;
  /** What the environment begins as; undefined: clean. */
  readonly environment?: 'clean' | 'login' | 'agent';
  /** The managed account to run it as, whichever way leads to the host; undefined: the host's own, or the default of its scope. */
  readonly account?: AccountId;
  /** The way to the hosts: the live agent, else SSH (`auto`, the default), or one of them only. */
  readonly via?: Via;
  /** Which of a worker's queues it waits in; undefined: normal. */
  readonly priority?: Priority;
  readonly cwd?: string;
  /** Given to standard input; undefined: /dev/null. */
  readonly stdin?: Uint8Array;
  /** Counted on the host from the start of the process. */
  readonly timeoutMs: number;
  /** From TERM to KILL. */
  readonly killAfterMs: number;
  /** From the start of the run: a host that cannot be reached until then is `not_started`. */
  readonly startDeadlineMs: number;
  /** Link gone for longer: lost. */
  readonly lostAfterMs: number;
  /** Executions in flight at once; undefined: as many as the workers take. */
  readonly concurrency?: number;
  readonly maxFailed?: FailureLimit;
  /** Further attempts after a failure or time-out of the script; never after a loss. */
  readonly retries: number;
  /** Kept of each output stream, bytes: half head, half tail. */
  readonly outputKeptBytes: number;
}
