/**
 * Starts a run on a host and finds it again. The first channel starts it, follows it, reports its end and takes it away; when it
 * is lost, `attachRemote` goes on at the offsets reached. A start that was there already is attached to, never run again.
 *
 * Whatever is cut: before the guard is on the host nothing ran; after it, the host knows how it goes on and how it ended until
 * `forget`. So whoever calls writes down what came, and then forgets.
 */
import { given } from '../../../base/given.ts';
import type { Clock } from '../../../base/clock.ts';
import { DroverError, type ErrorCode } from '../../../base/errors.ts';
import { limits } from '../../../base/limits.ts';
import { isRefusal } from '../../process/plan.ts';
import { isPlainUser } from './remote-become.ts';
import { RemoteConversation } from './remote-conversation.ts';
import { basics, orderText, type OrderText } from './remote-order.ts';
import { attachProgram, startProgram } from './remote-program.ts';
import { isRefusalCode, remoteFault, silence } from './remote-faults.ts';
import { remoteEndOf } from './remote-end.ts';
import type { RemoteMessage } from './remote-parser.ts';
import { erase, readWhole, type RemotePlace, type RemoteTarget } from './remote-questions.ts';
import type { RemoteEnd, RemoteFollower, RemoteOrder, RemoteRun } from './remote-run.ts';
import { learnSession, RemoteSessions, type Session } from './remote-sessions.ts';
import type { RemoteShell } from './remote-shell.ts';
import { begunIn, isNonsense, nonsense, ticksIn } from './remote-words.ts';
import { RemoteValues } from './remote-values.ts';
import { spokenSoon } from './spoken-soon.ts';

/**
 * A script that lives longer gets a watch on its host, and tells its output as it comes. Measured on this side: no
 * timer over there is that cheap.
 */
const LIVE_AFTER_MS = 40;

export interface RemoteOptions {
  readonly clock: Clock;
  /** What attempts before this one have learned of the shell's sessions. */
  readonly sessions?: RemoteSessions;
  /** Where the host has its process files; another place for tests of hosts without. */
  readonly procRoot?: string;
  /** How old a script must be before its host is asked for a watch and live output; longer where nobody looks on. */
  readonly liveAfterMs?: number;
  /** How long a host may say nothing at all; shorter for tests. */
  readonly beginMs?: number;
  /** How long the order may be on its way; shorter for tests. */
  readonly orderValidMs?: number;
  /** Where an earlier try of the same order was sent to. */
  readonly folder?: string;
  /**
   * Asked right before the order leaves, with the name of the folder that a repetition must give, and until when it may
   * begin there; false when it must not any more: then nothing ran, and nothing is told.
   */
  onLeaving?(folder: string, validUntil: number): boolean;
  /**
   * The host does not know the attempt, and what time it was there before it looked: orders that were valid until then,
   * or less long, never begin.
   */
  onAbsent?(hostTime: number): void;
}

/** Rejects when no channel could be had: then nothing ran. Everything else comes through the follower. */
export async function startRemote(
  shell: RemoteShell,
  order: RemoteOrder,
  follower: RemoteFollower,
  options: RemoteOptions,
): Promise<RemoteRun> {
  const { become, spec, attempt } = order;
  const run = new Run(
    shell,
    { attempt, become, ...given({ user: become.kind === 'direct' ? spec.user : undefined }) },
    follower,
    options,
  );
  const wanted = become.kind === 'direct' ? spec.user : become.user;
  if (wanted !== undefined && !isPlainUser(wanted))
    run.refuse('user-unknown', `No host has a user ${JSON.stringify(wanted)}.`);
  else if (become.kind !== 'direct' && spec.user !== undefined && spec.user !== become.user)
    run.refuse('user-not-permitted', `The account becomes ${become.user} on the host, not ${spec.user}.`);
  else await run.start(order);
  return run;
}

/** `absent` when the host knows nothing of the attempt: it never began there, or was forgotten. Rejects when that could not be learned. */
export async function attachRemote(
  shell: RemoteShell,
  target: RemoteTarget,
  from: { readonly stdout: number; readonly stderr: number },
  follower: RemoteFollower,
  options: RemoteOptions,
): Promise<RemoteRun | 'absent'> {
  const run = new Run(shell, target, follower, options);
  return (await run.attach(from)) ? run : 'absent';
}

class Run implements RemoteRun {
  readonly lost: Promise<string>;
  readonly #shell: RemoteShell;
  readonly #sessions: Map<string, Session>;
  readonly #target: RemoteTarget;
  readonly #follower: RemoteFollower;
  readonly #clock: Clock;
  /** Where it is carried out, for questions of its own. */
  readonly #place: RemotePlace;
  readonly #liveAfterMs: number;
  readonly #options: RemoteOptions;
  #folder: string | undefined;
  #hasLostFiles = false;
  readonly #values = new RemoteValues();
  /** Pid and start of the script, as the host told them: it is reminded of them, should its files be gone. */
  #identity = '';
  #conversation: RemoteConversation | undefined;
  #tellLost: (reason: string) => void = () => undefined;
  #startedAtMs: number | undefined;
  #hasEnded = false;
  #isLive = false;
  /** The shell of the first channel can take another order when this one is over. */
  #isKeepable = false;
  #isReused = false;
  /** The host may have taken an order: what it says since is of the attempt. */
  #isOut = false;
  /** The host took the order up too late. */
  #isLate = false;
  #stopping: 'cancelled' | 'timed_out' | undefined;
  #forgetting: Promise<void> | undefined;
  #cancelLive: () => void = () => undefined;
  #tellForgotten: (word: 'forgotten') => void = () => undefined;
  readonly #farewell: Promise<'forgotten'>;

  constructor(shell: RemoteShell, target: RemoteTarget, follower: RemoteFollower, options: RemoteOptions) {
    this.#shell = shell;
    this.#sessions = (options.sessions ?? new RemoteSessions()).of(shell);
    this.#target = target;
    this.#follower = follower;
    this.#clock = options.clock;
    this.#liveAfterMs = options.liveAfterMs ?? LIVE_AFTER_MS;
    this.#place = {
      shell,
      target,
      clock: options.clock,
      procRoot: options.procRoot ?? '/proc',
      beginMs: options.beginMs ?? limits.sshBeginMs,
    };
    this.#folder = options.folder;
    this.#options = options;
    this.#farewell = new Promise((resolve) => {
      this.#tellForgotten = resolve;
    });
    this.lost = new Promise((resolve) => {
      this.#tellLost = resolve;
    });
  }

  // — beginning —

  refuse(code: ErrorCode, detail: string): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#cancelLive();
    const end: RemoteEnd = { outcome: { kind: 'refused', reason: code }, detail, finishedAtMs: this.#clock.nowMs() };
    // Later, so that whoever started it holds the run by then.
    this.#clock.after(0, () => this.#follower.ended(end));
  }

  async start(order: RemoteOrder): Promise<void> {
    // Who becomes somebody else is asked every time, and a shell that held a secret is not handed on.
    this.#isKeepable =
      order.become.kind === 'direct' && order.spec.user === undefined && Object.keys(order.spec.secrets).length === 0;
    let conversation: RemoteConversation | undefined = this.#takeKept();
    this.#isReused = conversation !== undefined;
    try {
      conversation ??= await RemoteConversation.open(
        this.#shell,
        startProgram,
        this.#target,
        this.#clock,
        this.#knownSession()?.isPlain,
      );
    } catch (error) {
      // The program did not come to run, for a reason that another try would meet again.
      if (error instanceof DroverError && isRefusalCode(error.code)) return this.refuse(error.code, error.detail);
      throw error;
    }
    this.#conversation = conversation;
    void this.#carryOut(order, conversation).catch((error: unknown) => this.#failed(error, conversation));
  }

  /** The channel is of no use any more. Of a host that speaks nonsense nothing can be learned at another time either. */
  #failed(error: unknown, conversation: RemoteConversation): void {
    conversation.close();
    if (!isNonsense(error)) return this.#tellLost(String(error));
    if (!this.#isOut) return this.refuse('ssh-no-shell', `${error.detail} Nothing ran.`);
    this.#end({
      outcome: { kind: 'unknown', reason: 'ssh-lost' },
      detail: `${error.detail} Nobody knows what became of it.`,
      ...given({ startedAtMs: this.#startedAtMs }),
      finishedAtMs: Math.max(this.#startedAtMs ?? 0, this.#clock.nowMs()),
    });
  }

  async #carryOut(order: RemoteOrder, conversation: RemoteConversation): Promise<void> {
    const messages = conversation.messages();
    const session = await this.#session(conversation, messages);
    conversation.folder = this.#folder ??= conversation.folder;
    const { nonce, folder } = conversation;
    const validUntil = session?.time.validUntil(this.#options.orderValidMs ?? limits.sshOrderValidMs) ?? 0;
    const text =
      session &&
      orderText(order, { nonce, folder, procRoot: this.#place.procRoot, validUntil, inherited: session.inherited });
    if (text && isRefusal(text)) {
      this.refuse(text.refused, text.detail);
      return conversation.close();
    }
    if (text && this.#options.onLeaving?.(folder, validUntil) === false) return conversation.close();
    this.#isOut ||= text !== undefined;
    if (text) conversation.order(text.parts, text.call);
    const heard = text !== undefined && (await this.#follow(conversation, messages, text));
    if (heard === 'late') return this.#again(order);
    if (this.#hasEnded || heard) return;
    // It never spoke. Only the host can say whether something began.
    await this.#afterSilence(conversation, order);
  }

  /** It did not begin it and never will, so it is asked once more, after it has told its time. */
  async #again(order: RemoteOrder): Promise<void> {
    if (this.#isLate)
      return this.refuse('ssh-timeout', 'The host took the order up only after its time, twice. Nothing ran.');
    this.#isLate = true;
    await this.start(order);
  }

  #takeKept(): RemoteConversation | undefined {
    if (!this.#isKeepable || this.#folder !== undefined) return undefined;
    const kept = this.#knownSession()?.kept ?? [];
    for (let last = kept.pop(); last; last = kept.pop()) if (last.wake()) return last;
    return undefined;
  }

  async #afterSilence(silent: RemoteConversation, order: RemoteOrder): Promise<void> {
    const end = await silent.ended;
    if (end.kind === 'lost') return this.#tellLost(end.reason);
    try {
      if (await this.attach({ stdout: 0, stderr: 0 })) return;
      // Somebody ended the kept shell before it took the order.
      if (this.#isReused) return await this.start(order);
      const fault = await silent.fault();
      this.refuse(fault.code, fault.detail);
    } catch (error) {
      if (error instanceof DroverError && isRefusalCode(error.code)) this.refuse(error.code, error.detail);
      else this.#tellLost(String(error));
    }
  }

  #knownSession(): Session | undefined {
    return this.#sessions.get(this.#sessionKey());
  }

  #sessionKey(): string {
    const { become, user } = this.#target;
    return `${become.kind} ${become.kind === 'direct' ? (user ?? '') : become.user}`;
  }

  /** Undefined when the program did not answer. */
  async #session(
    conversation: RemoteConversation,
    messages: AsyncGenerator<RemoteMessage, void>,
  ): Promise<Session | undefined> {
    const known = this.#knownSession();
    if (known && !this.#isLate) return known;
    const learned = await learnSession(conversation, messages, { ...this.#place, time: known?.time });
    if (learned === 'silent') {
      this.refuse('ssh-timeout', `${silence(this.#place.beginMs).detail} Nothing ran.`);
      conversation.close();
      return undefined;
    }
    const meanwhile = this.#knownSession();
    if (!learned || meanwhile) return learned && meanwhile;
    this.#sessions.set(this.#sessionKey(), learned);
    return learned;
  }

  /** True when the host knows it. */
  async attach(from: { readonly stdout: number; readonly stderr: number }): Promise<boolean> {
    const conversation = await RemoteConversation.open(this.#shell, attachProgram, this.#target, this.#clock);
    this.#conversation = conversation;
    const { procRoot } = this.#place;
    const known = basics(this.#target.attempt, { nonce: conversation.nonce, procRoot });
    conversation.send(`${known} attach ${from.stdout} ${from.stderr}\n`);
    this.#isOut = true;
    try {
      return await this.#attached(conversation);
    } catch (error) {
      if (!isNonsense(error)) throw error;
      this.#failed(error, conversation);
      return true;
    }
  }

  async #attached(conversation: RemoteConversation): Promise<boolean> {
    const messages = conversation.messages();
    const first = await spokenSoon(messages.next(), this.#place);
    if (first === 'silent') {
      conversation.close();
      throw silence(this.#place.beginMs);
    }
    if (first.done || first.value.kind !== 'line') throw await conversation.fault();
    const { words } = first.value;
    if (words[0] === 'S') {
      this.#isLive = true;
      this.#begun(words);
      void this.#follow(conversation, messages).catch((error: unknown) => this.#failed(error, conversation));
      return true;
    }
    conversation.close();
    if (words[0] === 'R') throw remoteFault(words);
    if (words[0] !== 'A')
      throw new DroverError('link-lost', { detail: 'The start of the attempt is still under way on the host.' });
    this.#options.onAbsent?.(ticksIn(words[1], 'its time', 0));
    return false;
  }

  // — following —

  /** Until the channel ends. True when anything was heard, `late` when that is that the order is valid no more. */
  async #follow(
    conversation: RemoteConversation,
    messages: AsyncGenerator<RemoteMessage, void>,
    text?: OrderText,
  ): Promise<boolean | 'late'> {
    const blobs = [...(text?.blobs ?? [])];
    let heard = text === undefined;
    const first = await (heard ? messages.next() : spokenSoon(messages.next(), this.#place));
    if (first === 'silent') {
      // It may begin yet: only the host can say, when it speaks again.
      conversation.close();
      this.#tellLost(silence(this.#place.beginMs).detail);
      return true;
    }
    // By hand: leaving a loop over them would end them, and a kept shell has more to say.
    for (let next = first; !next.done; next = await messages.next()) {
      const message = next.value;
      heard = true;
      // After its end nothing is output of it.
      if (message.kind === 'output' && !this.#hasEnded)
        await this.#follower.output(message.stream, message.offset, message.bytes);
      if (message.kind === 'values' && !this.#hasEnded) this.#values.take(message.offset, message.bytes);
      if (message.kind !== 'line') continue;
      const { words } = message;
      if (words[0] === 'B') conversation.send(blobs.shift() ?? '');
      else if (words[0] === 'S') this.#begun(words);
      else if (words[0] === 'D') this.#hasLostFiles = true;
      else if (words[0] === 'G') this.#values.gone();
      else if (words[0] === 'F') this.#tellForgotten('forgotten');
      else if (text === undefined && ['R', 'V', 'H'].includes(words[0]!))
        throw nonsense('it answers to an order that it was not given');
      else if (words[0] === 'E') {
        // Where all files are gone that is said once.
        const { file } = this.#values;
        if (file && !this.#hasEnded && !(file === 'gone' && this.#hasLostFiles)) this.#follower.values(file);
        this.#end(remoteEndOf(words, this.#startedAtMs, this.#clock.nowMs(), this.#hasLostFiles));
        if (this.#isKeepable && !this.#isLive) return true;
      } else if (words[0] === 'R') {
        const fault = remoteFault(words);
        this.refuse(fault.code, fault.detail);
        conversation.close();
      } else if (words[0] === 'V') {
        conversation.close();
        return 'late';
      } else if (words[0] === 'H') {
        conversation.close();
        if (!(await this.attach({ stdout: 0, stderr: 0 })))
          this.#tellLost('The attempt was forgotten while it was started again.');
        return true;
      }
    }
    this.#cancelLive();
    if (heard && !this.#hasEnded && conversation === this.#conversation) {
      const end = await conversation.ended;
      this.#tellLost(end.kind === 'lost' ? end.reason : 'The session on the host ended before the script did.');
    }
    return heard;
  }

  #begun(words: readonly string[]): void {
    const { pid, start, now } = begunIn(words);
    this.#startedAtMs = Math.max(0, this.#clock.nowMs() - Math.max(0, now - start) * 10);
    this.#identity = `${pid} ${start}`;
    this.#knownSession()?.time.hear(now);
    this.#follower.started(pid, this.#startedAtMs);
    this.#cancelLive();
    if (this.#stopping) this.#sendStop();
    else if (!this.#isLive)
      this.#cancelLive = this.#clock.after(this.#liveAfterMs, () => this.#goLive(), { unref: true });
  }

  #goLive(): void {
    if (this.#isLive || this.#hasEnded) return;
    this.#isLive = true;
    this.#conversation?.send(`live_on ${this.#identity}\n`);
  }

  #end(end: RemoteEnd): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#cancelLive();
    this.#follower.ended(end);
  }

  // — what a caller wants —

  stop(why: 'cancelled' | 'timed_out'): void {
    if (this.#stopping || this.#hasEnded) return;
    this.#stopping = why;
    if (this.#startedAtMs !== undefined) this.#sendStop();
  }

  leave(): void {
    // The far side may be stopped, and confirm no close.
    this.#tellLost('The host did not tell the end.');
    this.#conversation?.close();
  }

  #sendStop(): void {
    this.#conversation?.send(`end ${this.#stopping!} ${this.#identity}\n`);
    this.#goLive();
  }

  readWhole(stream: 1 | 2, offset: number, length: number): Promise<{ bytes: Uint8Array; size: number; eof: boolean }> {
    return readWhole(this.#place, { stream, offset, length });
  }

  forget(): Promise<void> {
    this.#forgetting ??= this.#forget().catch((error: unknown) => {
      this.#forgetting = undefined;
      throw error;
    });
    return this.#forgetting;
  }

  /** From its answer on the shell takes the files away by itself, whatever becomes of the connection, and can take another order. */
  async #handOn(conversation: RemoteConversation): Promise<boolean> {
    conversation.send('next\n');
    const answer = await spokenSoon(conversation.messages().next(), this.#place);
    if (answer === 'silent' || answer.done || answer.value.kind !== 'line' || answer.value.words[0] !== 'F')
      return false;
    const session = this.#knownSession();
    if (session && conversation.rest(this.#clock)) session.kept.push(conversation);
    else await conversation.finish(this.#clock);
    return true;
  }

  async #forget(): Promise<void> {
    const conversation = this.#conversation;
    // Refused: the host holds nothing.
    if (this.#hasEnded && this.#startedAtMs === undefined) return conversation?.close();
    const isFree = this.#isKeepable && !this.#isLive;
    if (conversation && isFree) {
      if (await this.#handOn(conversation)) return;
      conversation.close();
    } else if (conversation) {
      // The answer is the end of the channel by the program: one process less. What a script left behind may hold a channel
      // that was live, so there it is a word.
      conversation.send(this.#isLive ? 'farewell\n' : 'bye\n');
      const { ended } = conversation;
      const end = await spokenSoon(this.#isLive ? Promise.race([this.#farewell, ended]) : ended, this.#place);
      conversation.close();
      if (end === 'forgotten' || (end !== 'silent' && !this.#isLive && end.kind !== 'lost')) return;
    }
    await erase(this.#place);
  }
}
