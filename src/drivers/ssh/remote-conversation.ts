/**
 * One channel with a program at its far end: opened as the right user, its messages in order, its input safe to write to.
 * Messages are pulled: the channel is read no faster than they are taken, so what is held here is one block.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { DroverError } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import {
  becomeCommand,
  becomeFault,
  becomeStuck,
  passwordMissing,
  READY,
  toolsSaid,
  type BecomeFault,
  type RemoteUser,
} from './remote-become.ts';
import { RemoteParser, type RemoteMessage } from './remote-parser.ts';
import type { RemoteChannel, RemoteEnd, RemoteShell } from './remote-shell.ts';

/** Enough for what sudo, a login shell or a full disk have to say. */
const STDERR_KEPT = 4_096;

export class RemoteConversation {
  readonly nonce = randomBytes(8).toString('hex');
  readonly #channel: RemoteChannel;
  readonly #user: RemoteUser;
  #stderr = '';
  #told: readonly string[] = [];
  #messages: AsyncGenerator<RemoteMessage, void> | undefined;
  #cancelTidy: () => void = () => undefined;

  private constructor(channel: RemoteChannel, user: RemoteUser) {
    this.#channel = channel;
    this.#user = user;
    // A far end that went away shows in `ended`, not here.
    channel.stdin.on('error', () => undefined);
    channel.stdout.on('error', () => undefined);
    channel.stderr.on('error', () => undefined);
    channel.stderr.on('data', (bytes: Buffer) => {
      if (this.#stderr.length < STDERR_KEPT) this.#stderr += bytes.toString('latin1', 0, STDERR_KEPT);
    });
  }

  /** Rejects when there is no channel or the user cannot be become: then nothing ran. */
  static async open(
    shell: RemoteShell,
    program: string,
    user: RemoteUser,
    clock: Clock,
    plain = false,
  ): Promise<RemoteConversation> {
    const { command, first, ask } = becomeCommand(program, user, plain);
    const conversation = new RemoteConversation(await shell.exec(command), user);
    if (ask) await conversation.#answer(ask.prompt, ask.password, clock);
    if (first !== undefined) conversation.send(first);
    return conversation;
  }

  get ended(): Promise<RemoteEnd> {
    return this.#channel.ended;
  }

  /** Why a program that never spoke did not run. */
  async fault(): Promise<DroverError> {
    const end = await this.#channel.ended;
    if (end.kind === 'lost') return new DroverError('link-lost', { detail: `The connection was lost: ${end.reason}` });
    const known = becomeFault(this.#stderr, this.#user);
    if (known) return new DroverError(known.code, { detail: known.detail });
    const how = end.kind === 'exited' ? `code ${end.code}` : `signal ${end.signal}`;
    const said = toolsSaid(this.#stderr).trim().slice(0, 500);
    return new DroverError('spawn-failed', {
      detail: `The login shell of the host ended with ${how} and ran nothing${said ? `; it said: ${said}` : ''}. Drover needs an account with a shell that can run /bin/sh.`,
    });
  }

  /** One line: what is not known over there, then the call. */
  order(parts: readonly string[], call: string): void {
    const told = this.#told;
    this.#told = parts;
    this.send(`${[...parts.filter((part, i) => part !== told[i]), call].join(' ')}\n`);
  }

  send(text: string | Uint8Array): void {
    if (this.#channel.stdin.writable) this.#channel.stdin.write(text);
  }

  close(): void {
    this.#channel.close();
  }

  /** Its shell takes another order: false when it must not be kept. What it still has to remove, it removes unless the next order comes at once. */
  rest(clock: Clock): boolean {
    if (!this.#channel.stdin.writable || !this.#channel.rest(() => void this.finish().catch(() => this.close())))
      return false;
    this.#stderr = '';
    this.#cancelTidy = clock.after(limits.sshTidyMs, () => this.send('tidy\n'), { unref: true });
    return true;
  }

  /** False when it is gone meanwhile. */
  wake(): boolean {
    this.#cancelTidy();
    return this.#channel.wake();
  }

  /** No more orders: the shell removes what it has to, and ends. */
  async finish(): Promise<void> {
    this.#cancelTidy();
    this.#channel.stdin.end();
    // To the end, or it is never told as closed.
    while (!(await this.messages().next()).done);
    await this.#channel.ended;
  }

  /** One and the same for all who ask. Ends with the channel. Throws a RangeError when the far end speaks nonsense without end. */
  messages(): AsyncGenerator<RemoteMessage, void> {
    return (this.#messages ??= this.#read());
  }

  async *#read(): AsyncGenerator<RemoteMessage, void> {
    const parser = new RemoteParser(this.nonce);
    try {
      for await (const bytes of this.#channel.stdout) yield* parser.push(bytes as Buffer);
    } catch (error) {
      if (error instanceof RangeError) throw error;
      // A stream cut off: `ended` says so too.
    }
  }

  /** Tells the password if it is asked for; whoever needs none goes straight on. A question that has no answer is not waited at. */
  #answer(prompt: RegExp, password: string | undefined, clock: Clock): Promise<void> {
    const { stdin, stdout, stderr, ended } = this.#channel;
    return new Promise((resolve, reject) => {
      let out = '';
      let asked = 0;
      const giveUp = ({ code, detail }: BecomeFault): void => {
        settle(() => reject(new DroverError(code, { detail })));
        this.close();
      };
      const cancelTimer = clock.after(limits.sshBecomeMs, () => giveUp(becomeStuck(this.#stderr, this.#user)));
      const settle = (then: () => void): void => {
        cancelTimer();
        stdout.off('data', onOut);
        stderr.off('data', onErr);
        stdout.pause();
        then();
      };
      const onOut = (bytes: Buffer): void => {
        out = (out + bytes.toString('latin1')).slice(-STDERR_KEPT);
        if (out.includes(READY)) settle(resolve);
      };
      let err = '';
      const onErr = (bytes: Buffer): void => {
        err = (err + bytes.toString('latin1')).slice(-STDERR_KEPT);
        if (!prompt.test(err)) return;
        err = '';
        asked++;
        // An empty answer would count as a wrong one over there.
        if (password === undefined) giveUp(passwordMissing(this.#user));
        else if (asked === 1) stdin.write(`${password}\n`);
        else stdin.end();
      };
      stdout.on('data', onOut);
      stderr.on('data', onErr);
      void ended.then(async () => {
        const fault = await this.fault();
        settle(() => reject(fault));
      });
    });
  }
}
