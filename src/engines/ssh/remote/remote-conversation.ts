/**
 * One channel with a program at its far end: opened as the right user, its messages in order, its input safe to write to.
 * Messages are pulled: the channel is read no faster than they are taken, so what is held here is one block.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../../base/clock.ts';
import { DroverError } from '../../../base/errors.ts';
import { limits } from '../../../base/limits.ts';
import {
  becomeCommand,
  becomeFault,
  becomeStuck,
  passwordMissing,
  question,
  readiness,
  saidBefore,
  type BecomeFault,
  type RemoteProgram,
  type RemoteUser,
} from './remote-become.ts';
import { RemoteParser, type RemoteMessage } from './remote-parser.ts';
import type { RemoteChannel, RemoteEnd, RemoteShell } from './remote-shell.ts';
import { isNonsense } from './remote-words.ts';

/** Enough for what sudo, a login shell or a full disk have to say. */
const STDERR_KEPT = 4_096;

export class RemoteConversation {
  readonly nonce = randomBytes(8).toString('hex');
  /** Name of the folder that its shell works in, once it has an order. */
  folder = randomBytes(8).toString('hex');
  /** Not the nonce: other users of the host see this one, in the arguments of processes. */
  readonly #mark: string;
  readonly #channel: RemoteChannel;
  readonly #user: RemoteUser;
  #stderr = '';
  /** The tools that become somebody were reached: what is on standard error since is theirs. */
  #hasBegun = false;
  #onToolsSay: (text: string) => void = () => undefined;
  #told: readonly string[] = [];
  #messages: AsyncGenerator<RemoteMessage, void> | undefined;
  #cancelTidy: () => void = () => undefined;
  #isClosed = false;
  /** Listens while it has no order; there is nothing to be said then. */
  #onSpokeAtRest: (() => void) | undefined;

  private constructor(channel: RemoteChannel, user: RemoteUser, mark: string) {
    this.#mark = mark;
    this.#channel = channel;
    this.#user = user;
    // A far end that went away shows in `ended`, not here.
    channel.stdin.on('error', () => undefined);
    channel.stdout.on('error', () => undefined);
    channel.stderr.on('error', () => undefined);
    channel.stderr.on('data', (bytes: Buffer) => {
      this.#hear(bytes.toString('latin1'));
    });
  }

  /** Rejects when there is no channel or the user cannot be become: then nothing ran. */
  static async open(
    shell: RemoteShell,
    program: RemoteProgram,
    user: RemoteUser,
    clock: Clock,
    plain = false,
  ): Promise<RemoteConversation> {
    const mark = randomBytes(8).toString('hex');
    const { command, first, ask } = becomeCommand(program, user, mark, plain);
    const conversation = new RemoteConversation(await shell.exec(command), user, mark);
    if (ask) await conversation.#answer(ask.prompt, ask.password, clock);
    if (first !== '') conversation.send(first);
    return conversation;
  }

  get ended(): Promise<RemoteEnd> {
    return this.#channel.ended;
  }

  /** Why a program that never spoke did not run. */
  async fault(): Promise<DroverError> {
    const end = await this.#channel.ended;
    if (end.kind === 'lost') return new DroverError('link-lost', { detail: `The connection was lost: ${end.reason}` });
    const known = this.#hasBegun ? becomeFault(this.#toolsSaid(), this.#user) : undefined;
    if (known) return faultOf(known);
    const how = end.kind === 'exited' ? `code ${end.code}` : `signal ${end.signal}`;
    const said = this.#toolsSaid().trim().slice(0, 500);
    return new DroverError('spawn-failed', {
      detail:
        `The login shell of the host ended with ${how} and ran nothing${said ? `; it said: ${said}` : ''}. Drover ` +
        'needs an account with a shell that can run /bin/sh.',
    });
  }

  /** Why a program that still has not spoken does not run. */
  stuck(): DroverError {
    return faultOf(becomeStuck(this.#toolsSaid(), this.#user));
  }

  #hear(heard: string): void {
    this.#onSpokeAtRest?.();
    this.#stderr += heard;
    let text = heard;
    if (!this.#hasBegun) {
      const begins = saidBefore(this.#mark);
      const at = this.#stderr.indexOf(begins);
      this.#hasBegun = at >= 0;
      if (at >= 0) this.#stderr = text = this.#stderr.slice(at + begins.length);
    }
    this.#stderr = this.#stderr.slice(-STDERR_KEPT);
    if (this.#hasBegun) this.#onToolsSay(text);
  }

  /** Without our own question: the answer to it is not shown, so that what they say next stands in the same line. */
  #toolsSaid(): string {
    return this.#stderr.replaceAll(question(this.#mark), '\n');
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

  /** What it still says is dropped as it comes. */
  close(): void {
    this.#isClosed = true;
    this.#wakeUp();
    this.#channel.close();
    void this.#messages?.return();
  }

  /**
   * Its shell takes another order: false when it must not be kept. What it still has to remove, it removes unless the
   * next order comes at once. One that speaks without an order is no shell of ours, and nobody reads it: it is closed.
   */
  rest(clock: Clock): boolean {
    const { stdin, stdout } = this.#channel;
    if (stdout.readableLength > 0 || !stdin.writable) return false;
    if (!this.#channel.rest(() => void this.finish(clock).catch(() => this.close()))) return false;
    this.#stderr = '';
    this.#onSpokeAtRest = () => this.close();
    stdout.on('readable', this.#onSpokeAtRest);
    this.#cancelTidy = clock.after(limits.sshTidyMs, () => this.send('tidy\n'), { unref: true });
    return true;
  }

  /** False when it is gone meanwhile. */
  wake(): boolean {
    this.#wakeUp();
    return this.#channel.wake() && !this.#isClosed;
  }

  #wakeUp(): void {
    this.#cancelTidy();
    if (this.#onSpokeAtRest) this.#channel.stdout.off('readable', this.#onSpokeAtRest);
    this.#onSpokeAtRest = undefined;
  }

  /** No more orders: the shell removes what it has to, and ends, or is closed when it takes too long for that. */
  async finish(clock: Clock): Promise<void> {
    this.#wakeUp();
    this.#channel.stdin.end();
    const cancel = clock.after(limits.sshBeginMs, () => this.close(), { unref: true });
    try {
      // To the end, or it is never told as closed.
      while (!(await this.messages().next()).done);
      await this.#channel.ended;
    } finally {
      cancel();
    }
  }

  /** One and the same for all who ask. Ends with the channel. Throws `nonsense` when the far end says what no program of ours says. */
  messages(): AsyncGenerator<RemoteMessage, void> {
    return (this.#messages ??= this.#read());
  }

  async *#read(): AsyncGenerator<RemoteMessage, void> {
    const parser = new RemoteParser(this.nonce);
    const { stdout } = this.#channel;
    try {
      for await (const bytes of stdout.iterator({ destroyOnReturn: false })) yield* parser.push(bytes as Buffer);
    } catch (error) {
      if (isNonsense(error)) throw error;
      // A stream cut off: `ended` says so too.
    } finally {
      // Nobody reads any more: what still comes is dropped, or the channel would never be told as closed.
      stdout.on('data', () => undefined).resume();
    }
  }

  /** Tells the password if it is asked for; whoever needs none goes straight on. A question that has no answer is not waited at. */
  #answer(prompt: RegExp, password: string | undefined, clock: Clock): Promise<void> {
    const { stdin, stdout, ended } = this.#channel;
    return new Promise((resolve, reject) => {
      let out = '';
      let asked = 0;
      const giveUp = (fault: DroverError): void => {
        settle(() => reject(fault));
        this.close();
      };
      const cancelTimer = clock.after(limits.sshBecomeMs, () => giveUp(this.stuck()));
      const settle = (then: () => void): void => {
        cancelTimer();
        stdout.off('data', onOut);
        this.#onToolsSay = () => undefined;
        stdout.pause();
        then();
      };
      const onOut = (bytes: Buffer): void => {
        out = (out + bytes.toString('latin1')).slice(-STDERR_KEPT);
        if (out.includes(readiness(this.#mark))) settle(resolve);
      };
      let err = '';
      const onErr = (text: string): void => {
        err = (err + text).slice(-STDERR_KEPT);
        if (!prompt.test(err)) return;
        err = '';
        asked++;
        // An empty answer would count as a wrong one over there.
        if (password === undefined) giveUp(faultOf(passwordMissing(this.#user)));
        else if (asked === 1) stdin.write(`${password}\n`);
        else stdin.end();
      };
      stdout.on('data', onOut);
      this.#onToolsSay = onErr;
      void ended.then(async () => {
        const fault = await this.fault();
        settle(() => reject(fault));
      });
    });
  }
}

function faultOf({ code, detail }: BecomeFault): DroverError {
  return new DroverError(code, { detail });
}
