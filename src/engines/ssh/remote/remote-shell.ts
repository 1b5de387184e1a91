/**
 * One command on a host: what a channel of an SSH connection gives, and what a local shell gives in tests. No more is
 * known of the way there.
 */
import type { Readable, Writable } from 'node:stream';

export type RemoteEnd =
  | { readonly kind: 'exited'; readonly code: number }
  /** Without `SIG`, as SSH says it. */
  | { readonly kind: 'signalled'; readonly signal: string }
  /** The connection went first; what runs over there may go on. */
  | { readonly kind: 'lost'; readonly reason: string };

export interface RemoteChannel {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Settles, never rejects, after both outputs have ended. */
  readonly ended: Promise<RemoteEnd>;
  /**
   * Nothing runs on it for now: it counts for nothing, and is had back by `wake`. `finish` is called where its place is
   * needed. False when it must not be kept.
   */
  rest(finish: () => void): boolean;
  /** False when it is gone. */
  wake(): boolean;
  /** Gives the channel up. Nothing is waited for, and nothing over there is ended by it. */
  close(): void;
}

export interface RemoteShell {
  /** Has the login shell of the far side run `command`. Rejects with a DroverError when no channel could be had: then nothing ran. */
  exec(command: string): Promise<RemoteChannel>;
}
