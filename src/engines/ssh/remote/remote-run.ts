/**
 * What the engine of SSH is offered: a run on a host that goes on when the channel is lost, and can be found again by its
 * attempt. Everything here is one attempt over one `RemoteShell`; connections and retries are the engine's, the record is the ledger's.
 */
import type { AttemptEnd, ScriptOrder } from '../../../ledger/engine.ts';
import type { ValuesFile } from '../../../ledger/told-values.ts';
import type { SshBecome } from '../../../protocol/link/ssh-access.ts';

export interface RemoteOrder {
  readonly attempt: string;
  readonly spec: ScriptOrder;
  readonly hostName: string;
  readonly hostId: string;
  readonly become: SshBecome;
}

/** How an attempt ended, by this side's clock. `started…` is absent when nothing ran. */
export type RemoteEnd = AttemptEnd & { readonly finishedAtMs: number };

export interface RemoteFollower {
  started(pid: number, atMs: number): void;
  /** In order and without gaps per stream, from the offset that was asked for. The channel is not read on until the promise settles. */
  output(stream: 1 | 2, offset: number, bytes: Uint8Array): void | Promise<void>;
  /** The file of its output values, before `ended`; not told where nothing was written there. */
  values(file: ValuesFile): void;
  /** Once, after all output that there was; the host keeps all of it until `forget`. */
  ended(end: RemoteEnd): void;
}

export interface RemoteRun {
  /** Ends the whole tree; `ended` comes when nothing of it is left. A second call changes nothing. */
  stop(why: 'cancelled' | 'timed_out'): void;
  /** A range of the whole output on the host, also while it runs. */
  readWhole(stream: 1 | 2, offset: number, length: number): Promise<{ bytes: Uint8Array; size: number; eof: boolean }>;
  /** Nothing of the attempt is left on the host; only after `ended` is on disk here. Safe to repeat. */
  forget(): Promise<void>;
  /** Gives up the channel: `lost` settles, and the host goes on. Only before `ended`. */
  leave(): void;
  /** Settles, with the reason, when the channel went before `ended`; the host goes on: `attachRemote` finds it. Never settles otherwise. */
  readonly lost: Promise<string>;
}
