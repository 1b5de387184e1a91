/**
 * The life of an agent: one link to a worker, kept up; what it tells of its host, how it is, its certificate, its
 * upgrade. What is said about attempts over that link is the conversation's: it is sealed on its way out, and believed
 * only under the servers' marks.
 */
import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Service } from '../base/service.ts';
import { Conversation } from '../conversation/conversation.ts';
import type { AttemptWord } from '../conversation/words.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Link, LinkDialer, LinkHandlers } from '../link/link.ts';
import {
  AGENT_PROTOCOL,
  type AgentFrame,
  type AgentLoad,
  type HostFacts,
  type WorkerToAgentFrame,
} from '../protocol/link/agent-v1.ts';
import { isSpoken } from '../protocol/link/protocol-range.ts';
import type { AgentSession } from './session.ts';
import { isOfSystem } from './system-error.ts';
import { TimeQuestions } from './time-questions.ts';

export interface AgentOptions {
  readonly agentId: string;
  readonly hostId: string;
  readonly version: string;
  readonly bootId: string;
  /** Whom it believes, and by what it is believed. */
  readonly session: AgentSession;
  readonly ledger: Ledger;
  readonly dialer: LinkDialer<WorkerToAgentFrame, AgentFrame>;
  readonly facts: () => HostFacts;
  /** Undefined, or rejected, where there is nothing to tell. */
  readonly load: () => Promise<Omit<AgentLoad, 't' | 'lagMs' | 'nowMs'> | undefined>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Workers of the zone, as last told; dialed in turn when this one is gone. */
  readonly onWorkers: (workers: readonly string[]) => void;
  readonly onCertificate: (certificate: string, ca: string) => void;
  readonly onUnlinked: () => void;
  readonly onUpgrade: (frame: Extract<WorkerToAgentFrame, { t: 'upgrade' }>) => void;
}

/** Between two looks at how late the event loop is. */
const LAG_LOOK_MS = 5_000;
const FIRST_LOAD_MS = 5_000;
const FACTS_EVERY_MS = 10 * 60_000;

export class AgentService implements Service {
  readonly name = 'agent';
  readonly #options: AgentOptions;
  readonly #conversation: Conversation;
  readonly #times: TimeQuestions;
  #link: Link<AgentFrame> | undefined;
  /** By the monotonic clock: when a server was last heard, or the link was made. */
  #heardAt = 0;
  #stops: (() => void)[] = [];
  #cancelFirstLoad = (): void => undefined;
  /** The worst since it was last told. */
  #lagMs = 0;

  constructor(options: AgentOptions) {
    const { session, ledger, clock, random, log } = options;
    this.#options = options;
    this.#times = new TimeQuestions({ clock, send: () => this.#sendTimeQuestion() });
    this.#conversation = new Conversation({
      ledger,
      trust: { of: 'servers', marks: session, timeAnew: () => this.#times.anew() },
      say: (word) => this.#sayOf(word),
      isHeard: () => this.#link !== undefined,
      clock,
      random,
      log,
    });
  }

  get isLinked(): boolean {
    return this.#link !== undefined;
  }

  async start(): Promise<void> {
    const { dialer, random } = this.#options;
    await this.#conversation.start();
    await dialer.start((link) => this.#onLink(link));
    this.#every(
      () => limits.agentLoadEveryMs * (0.8 + 0.4 * random.next()),
      () => void this.#sendLoad(),
    );
    this.#watchLag();
    this.#every(
      () => FACTS_EVERY_MS,
      () => this.#sendFacts(),
    );
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops) stop();
    this.#cancelFirstLoad();
    await this.#options.dialer.stop();
    await this.#conversation.stop();
  }

  /** Asks for a new certificate; the request is signed with the present key by the caller. */
  renew(csr: string, signature: Uint8Array): void {
    this.#sendPlain({ t: 'renew', csr, signature });
  }

  tellUpgrade(frame: Extract<AgentFrame, { t: 'upgrade-state' }>): void {
    this.#send(frame);
  }

  #every(intervalMs: () => number, action: () => void): void {
    let cancel = (): void => undefined;
    const tick = (): void => {
      action();
      cancel = this.#options.clock.after(intervalMs(), tick, { unref: true });
    };
    cancel = this.#options.clock.after(intervalMs(), tick, { unref: true });
    this.#stops.push(() => cancel());
  }

  /** To the worker itself. */
  #sendPlain(frame: AgentFrame): boolean {
    return this.#link?.send(frame) ?? false;
  }

  /** To the servers, whoever passes it on. */
  #send(frame: AgentFrame): boolean {
    return this.#sendPlain({ t: 'said', ...this.#options.session.seal(frame) });
  }

  #sayOf(word: AttemptWord): boolean {
    // Best effort: what the network does not take now is not kept for it.
    if (word.t === 'output' && (this.#link?.bufferedBytes ?? 0) >= limits.liveOutputBytesPerSecondMax) return false;
    return this.#send(word);
  }

  #sendFacts(): void {
    const { version, bootId, clock, facts } = this.#options;
    this.#send({ t: 'facts', version, bootId, nowMs: clock.nowMs(), facts: facts() });
  }

  // — the link —

  #onLink(link: Link<AgentFrame>): LinkHandlers<WorkerToAgentFrame> {
    const { agentId, hostId, version, bootId, clock, session } = this.#options;
    this.#link = link;
    this.#heardAt = clock.monotonicMs();
    link.send({
      t: 'hello',
      protocol: AGENT_PROTOCOL,
      agentId,
      hostId,
      version,
      bootId,
      proof: session.proof(link.peer.id),
      attempts: this.#conversation.attempts(),
    });
    // Soon, but not all agents of a worker at the same instant.
    this.#cancelFirstLoad();
    this.#cancelFirstLoad = clock.after(this.#options.random.next() * FIRST_LOAD_MS, () => void this.#sendLoad(), {
      unref: true,
    });
    return {
      onFrame: (frame) =>
        this.#onFrame(frame).catch((error: unknown) => {
          // A full disk fails what a frame asks for, and that comes again: no reason to part from the worker, as a bug is.
          if (!isOfSystem(error)) throw error;
          this.#options.log.error({ frame: frame.t, err: error }, 'a frame could not be carried out');
        }),
      onClose: () => {
        if (this.#link !== link) return;
        this.#link = undefined;
        this.#cancelFirstLoad();
        this.#options.onUnlinked();
      },
    };
  }

  /** A server hears nothing of ours before it has taken note of the link, and says so with its time. */
  #onTime(frame: Extract<WorkerToAgentFrame, { t: 'time' }>): void {
    const { session, clock } = this.#options;
    if (!session.hearTime(frame)) return this.#times.ask();
    this.#heardAt = clock.monotonicMs();
    if (!this.#times.heard(frame.nonce)) return;
    this.#sendFacts();
    this.#conversation.tellAgain();
  }

  #sendTimeQuestion(): Uint8Array {
    const nonce = this.#options.session.askTime();
    this.#sendPlain({ t: 'ask-time', nonce });
    return nonce;
  }

  async #onFrame(frame: WorkerToAgentFrame): Promise<void> {
    const { log } = this.#options;
    switch (frame.t) {
      case 'welcome':
        if (!isSpoken(AGENT_PROTOCOL, frame.protocol)) {
          log.error(
            { protocol: frame.protocol, code: 'protocol-unsupported' },
            'the worker speaks a protocol that this agent does not know',
          );
          return this.#link?.close(
            'protocol-unsupported',
            `This agent speaks agent protocol ${AGENT_PROTOCOL.min} to ${AGENT_PROTOCOL.max}.`,
          );
        }
        return this.#options.onWorkers(frame.workers);
      case 'time':
        return this.#onTime(frame);
      case 'certificate':
        return this.#options.onCertificate(frame.certificate, frame.ca);
      case 'upgrade':
        return this.#options.onUpgrade(frame);
      case 'bye':
        return log.info({ code: frame.code, detail: frame.detail }, 'the worker ended the link');
      case 'start':
        return this.#conversation.hear({ ...frame, target: { hostId: this.#options.hostId } });
      default:
        return this.#conversation.hear(frame);
    }
  }

  async #sendLoad(): Promise<void> {
    this.#leaveIfUnheard();
    this.#times.ask(true);
    const load = await this.#options.load().catch(() => undefined);
    if (!load) return;
    this.#sendPlain({ t: 'load', ...load, lagMs: Math.round(this.#lagMs), nowMs: this.#options.clock.nowMs() });
    this.#lagMs = 0;
  }

  /** A worker through which no server has been heard for long may be one that no server deals with any more: another is tried. */
  #leaveIfUnheard(): void {
    if (this.#options.clock.monotonicMs() - this.#heardAt < limits.serverUnheardMsMax) return;
    this.#link?.close('server-unreachable', 'No server was heard over this link.');
  }

  #watchLag(): void {
    const { clock } = this.#options;
    let expected = clock.monotonicMs() + LAG_LOOK_MS;
    this.#every(
      () => LAG_LOOK_MS,
      () => {
        this.#lagMs = Math.max(this.#lagMs, clock.monotonicMs() - expected);
        expected = clock.monotonicMs() + LAG_LOOK_MS;
      },
    );
  }
}
