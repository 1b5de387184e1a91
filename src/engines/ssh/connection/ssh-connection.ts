/**
 * One authenticated connection and the sessions on it. How many a server lets in at once (MaxSessions) is learned from its
 * refusals: who is refused waits, and the number is remembered and cautiously tried to be raised.
 */
import type { Duplex } from 'node:stream';
import type { Client, ClientChannel } from 'ssh2';
import { fullJitterMs } from '../../../base/backoff.ts';
import { pause, type Clock } from '../../../base/clock.ts';
import type { DroverError } from '../../../base/errors.ts';
import { limits } from '../../../base/limits.ts';
import type { Random } from '../../../base/random.ts';
import type { SshHop } from '../../../protocol/link/ssh-access.ts';
import { ForwardedLine } from './forwarded-line.ts';
import type { RemoteChannel, RemoteEnd } from '../remote/remote-shell.ts';
import { quoted, sshError } from './ssh-faults.ts';

/** Successes at the limit after which one more is tried. */
const RAISE_AFTER = 64;
/** So often a connection that has never had a session is refused one before the server is believed. */
const EMPTY_REFUSALS_MAX = 4;
const REASON_PROHIBITED = 1;

type Request = (done: (error: Error | undefined, stream: ClientChannel) => void) => void;

export interface SshConnectionOptions {
  readonly clock: Clock;
  readonly random: Random;
  onIdle(): void;
  onBusy(): void;
  onClosed(): void;
}

export class SshConnection {
  readonly hop: SshHop;
  readonly #client: Client;
  readonly #line: Duplex;
  readonly #options: SshConnectionOptions;
  readonly #waiting: (() => void)[] = [];
  readonly #onLost = new Set<(error: DroverError) => void>();
  #active = 0;
  /** Channels that nobody uses and somebody may use again; not among the active. */
  readonly #resting = new Map<ClientChannel, () => void>();
  #sessionsMax: number = limits.sshSessionsPerConnectionMax;
  #successes = 0;
  #hasServed = false;
  #lostBecause: string | undefined;

  /** `line` is what the client speaks over: only when it is closed do all channels end. */
  constructor(hop: SshHop, client: Client, line: Duplex, options: SshConnectionOptions) {
    // What it needs for its errors; the credentials are let go.
    this.hop = { ...hop, credentials: [] };
    this.#client = client;
    this.#line = line;
    this.#options = options;
    let reason = 'the host closed the connection';
    client.on('error', (error) => {
      reason = error.message === 'Keepalive timeout' ? 'the host did not answer any more' : quoted(error.message);
      // None of them can be gone on after, and a far side that is silent would never close it.
      line.destroy();
    });
    client.on('close', () => this.#lose(reason));
  }

  get isOpen(): boolean {
    return this.#lostBecause === undefined;
  }

  get isIdle(): boolean {
    return this.#active === 0 && this.#waiting.length === 0;
  }

  get sessionsMax(): number {
    return this.#sessionsMax;
  }

  /** Ends it in order; what runs on it is told as lost. */
  close(): void {
    this.#client.end();
    this.#lose('the connection was closed on this side');
  }

  /** When this rejects, the command may have been begun, but has been given no input, and nothing of ours begins without. */
  async exec(command: string): Promise<RemoteChannel> {
    return this.#open(
      (done) => this.#client.exec(command, done),
      (stream) => this.#adopt(stream),
    );
  }

  #adopt(stream: ClientChannel): RemoteChannel {
    return remoteChannel(stream, {
      whyLost: () => this.#lostBecause ?? 'the channel was closed',
      onClosed: () => this.#resting.delete(stream) || this.#leave(),
      rest: (finish) => {
        if (!this.isOpen || this.#waiting.length > 0 || this.#resting.size >= limits.sshShellsKeptMax) return false;
        this.#resting.set(stream, finish);
        this.#leave();
        return true;
      },
      wake: () => {
        if (!this.isOpen || !this.#resting.delete(stream)) return false;
        if (this.#active++ === 0) this.#options.onBusy();
        return true;
      },
    });
  }

  /** A connection from the far side to `address`, for the next hop. */
  async forward(next: SshHop): Promise<Duplex> {
    return this.#open(
      (done) => this.#client.forwardOut('127.0.0.1', 0, next.address, next.port, done),
      (stream) => {
        const line = new ForwardedLine(stream);
        const onLost = (): void => void line.destroy();
        this.#onLost.add(onLost);
        line.once('close', () => this.#onLost.delete(onLost));
        stream.once('close', () => this.#leave());
        return line;
      },
      next,
    );
  }

  async #open<T>(request: Request, adopt: (stream: ClientChannel) => T, next?: SshHop): Promise<T> {
    let emptySince: number | undefined;
    for (let emptyRefusals = 0; ; ) {
      await this.#enter();
      try {
        const stream = await this.#ask(request, adopt);
        this.#hasServed = true;
        if (
          this.#active >= this.#sessionsMax &&
          ++this.#successes >= RAISE_AFTER &&
          this.#sessionsMax < limits.sshSessionsPerConnectionMax
        ) {
          this.#successes = 0;
          this.#sessionsMax++;
        }
        return stream;
      } catch (error) {
        this.#leave();
        const { message, reason } = error as Error & { reason?: number };
        if ((error as { name?: string }).name === 'DroverError') throw error;
        if (!message.startsWith('(SSH) Channel open failure')) throw this.#refusedCommand(message, error);
        if (next) throw this.#refusedForward(next, message, reason, error);
        const others = this.#active + this.#resting.size;
        if (others > 0) {
          this.#sessionsMax = Math.min(this.#sessionsMax, others);
          this.#successes = 0;
          continue;
        }
        const now = this.#options.clock.monotonicMs();
        emptySince ??= now;
        emptyRefusals++;
        if (this.#hasServed) {
          // What ran in the last session has not ended over there, or the host has had no time to notice. A connection
          // of its own frees who asks.
          if (now - emptySince >= limits.sshSessionFreeMs) {
            this.#loseLine('the host did not free the last session on it');
            throw this.#lostError();
          }
        } else if (emptyRefusals > EMPTY_REFUSALS_MAX)
          throw sshError(
            'ssh-session-refused',
            this.hop,
            `it lets the account log in and open no session (${quoted(message)}). Check MaxSessions in its ` +
              'sshd_config, and its limits of processes.',
            error,
          );
        await pause(this.#options.clock, fullJitterMs(emptyRefusals, 50, 1_000, this.#options.random));
      }
    }
  }

  /** `adopt` listens in the very turn in which the channel opens: its end may be in the same packet. */
  #ask<T>(request: Request, adopt: (stream: ClientChannel) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#onLost.add(reject);
      try {
        request((error, stream) => {
          this.#onLost.delete(reject);
          if (error) reject(this.isOpen ? error : this.#lostError());
          else resolve(adopt(stream));
        });
      } catch {
        this.#onLost.delete(reject);
        reject(this.#lostError());
      }
    });
  }

  #refusedCommand(message: string, error: unknown): DroverError {
    if (/No response from server|Not connected/.test(message)) {
      this.#loseLine('it was gone when a command was to be run');
    }
    if (!this.isOpen) return this.#lostError();
    return sshError(
      'ssh-no-shell',
      this.hop,
      `it refused to run a command (${quoted(message)}). The account may be for file transfer or forwarding ` +
        'only; look for ForceCommand and restrict in sshd_config and authorized_keys.',
      error,
    );
  }

  #refusedForward(next: SshHop, message: string, reason: number | undefined, error: unknown): DroverError {
    if (reason === REASON_PROHIBITED)
      return sshError(
        'ssh-forward-refused',
        this.hop,
        `it may not be used as a jump host (${quoted(message)}). Set AllowTcpForwarding in its sshd_config.`,
        error,
      );
    return sshError(
      'ssh-refused',
      next,
      `the jump host ${this.hop.address} cannot reach it ` +
        `(${quoted(message.replace('(SSH) Channel open failure: ', ''))}). Check address and port as seen from ` +
        'there.',
      error,
    );
  }

  #lostError(): DroverError {
    return sshError('ssh-lost', this.hop, `the connection was lost: ${this.#lostBecause ?? 'no answer'}.`);
  }

  async #enter(): Promise<void> {
    while (this.isOpen && this.#active + this.#resting.size >= this.#sessionsMax) {
      this.#dismiss();
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (!this.isOpen) throw this.#lostError();
    if (this.#active++ === 0) this.#options.onBusy();
  }

  /** Its place is free when it is closed, not before. */
  #dismiss(): void {
    const [oldest] = this.#resting;
    if (!oldest) return;
    const [stream, finish] = oldest;
    this.#resting.delete(stream);
    this.#active++;
    finish();
  }

  #leave(): void {
    this.#active--;
    const next = this.#waiting.shift();
    if (next) next();
    else if (this.#active === 0 && this.isOpen) this.#options.onIdle();
  }

  /** Nobody may be handed it again, whether or not its end will ever be told. */
  #loseLine(reason: string): void {
    this.#lose(reason);
    this.#line.destroy();
  }

  #lose(reason: string): void {
    if (this.#lostBecause !== undefined) return;
    this.#lostBecause = reason;
    for (const tell of [...this.#onLost]) tell(this.#lostError());
    this.#onLost.clear();
    for (const wake of this.#waiting.splice(0)) wake();
    this.#options.onClosed();
  }
}

interface ChannelPlace extends Pick<RemoteChannel, 'rest' | 'wake'> {
  whyLost(): string;
  onClosed(): void;
}

function remoteChannel(stream: ClientChannel, { whyLost, onClosed, rest, wake }: ChannelPlace): RemoteChannel {
  let end: RemoteEnd | undefined;
  stream.once('exit', (code: number | null, signal?: string) => {
    end = code === null ? { kind: 'signalled', signal: (signal ?? '').replace(/^SIG/, '') } : { kind: 'exited', code };
  });
  // A channel that is cut reports through its end; a late write to it must not end the worker.
  stream.on('error', () => undefined);
  stream.stderr.on('error', () => undefined);
  const ended = new Promise<RemoteEnd>((resolve) => {
    stream.once('close', () => {
      onClosed();
      resolve(end ?? { kind: 'lost', reason: whyLost() });
    });
  });
  return {
    stdin: stream,
    stdout: stream,
    stderr: stream.stderr,
    ended,
    rest,
    wake,
    close() {
      stream.resume();
      stream.stderr.resume();
      stream.close();
    },
  };
}
