/**
 * Whom an agent believes, and how it makes itself believed. Orders count only under the agent's own key, for this very start of it, and
 * while the server that signed them holds them valid: by a time that this server has told under the key in answer to a nonce, counted on
 * by our monotonic clock from the moment that the nonce was sent. So whoever is between can make an order look older, never younger.
 */
import { createHash, randomBytes } from 'node:crypto';
import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { given } from '../base/given.ts';
import { limits } from '../base/limits.ts';
import { isSignedByKey, signUnderKey } from '../pki/dispatch.ts';
import type { OrderMarks, StartVerdict } from '../conversation/order-trust.ts';
import type { StartOrder } from '../conversation/words.ts';
import type { AgentFrame, WorkerToAgentFrame } from '../protocol/link/agent-v1.ts';
import {
  ackMessage,
  attemptMessage,
  chunkAckMessage,
  encodeBody,
  linkMessage,
  saidMessage,
  startMessage,
  timeMessage,
  type Sealed,
} from '../protocol/link/session.ts';
import { upgradeMessage } from '../protocol/link/upgrade-order.ts';
import type { AgentStart } from './start-counter.ts';

type Frame<T extends WorkerToAgentFrame['t']> = Extract<WorkerToAgentFrame, { t: T }>;

interface Told {
  readonly serverMs: number;
  /** By our monotonic clock. */
  readonly sentAt: number;
}

/** Questions for the time whose answers may still come. */
const QUESTIONS_MAX = 8;
const DISPATCH_KEY_BYTES = 32;

export class AgentSession implements OrderMarks {
  readonly instance: string;
  readonly #agentId: string;
  readonly #hostId: string;
  readonly #start: AgentStart;
  readonly #key: Uint8Array;
  readonly #clock: Clock;
  readonly #times = new Map<string, Told>();
  readonly #asked: { readonly nonce: Buffer; readonly sentAt: number }[] = [];
  #links = 0;

  constructor(options: {
    readonly agentId: string;
    readonly hostId: string;
    readonly dispatchKey: Uint8Array;
    readonly start: AgentStart;
    readonly clock: Clock;
  }) {
    // Under a key of no length anybody could have signed.
    assert(options.dispatchKey.length === DISPATCH_KEY_BYTES, 'the dispatch key of this agent is not whole');
    this.#agentId = options.agentId;
    this.#hostId = options.hostId;
    this.#start = options.start;
    this.instance = options.start.instance;
    this.#key = options.dispatchKey;
    this.#clock = options.clock;
  }

  proof(workerId: string): Sealed {
    const { instance, after, start } = this.#start;
    const body = encodeBody({
      agentId: this.#agentId,
      hostId: this.#hostId,
      workerId,
      instance,
      ...given({ after }),
      start,
      link: ++this.#links,
      nonce: this.askTime(),
    });
    return { body, mac: signUnderKey(this.#key, linkMessage(this.#agentId, body)) };
  }

  seal(frame: AgentFrame): Sealed {
    const body = encodeBody(frame);
    return { body, mac: signUnderKey(this.#key, saidMessage(this.#agentId, this.instance, body)) };
  }

  askTime(): Uint8Array {
    const nonce = randomBytes(16);
    this.#asked.push({ nonce, sentAt: this.#clock.monotonicMs() });
    if (this.#asked.length > QUESTIONS_MAX) this.#asked.shift();
    return nonce;
  }

  hearTime(frame: Frame<'time'>): boolean {
    const asked = this.#asked.find(({ nonce }) => nonce.equals(frame.nonce));
    if (!asked || this.#clock.monotonicMs() - asked.sentAt > limits.timeAnswerMsMax) return false;
    if (!isSignedByKey(this.#key, timeMessage(this.#agentId, this.instance, frame), frame.mac)) return false;
    this.#times.delete(frame.server);
    this.#times.set(frame.server, { serverMs: frame.serverMs, sentAt: asked.sentAt });
    if (this.#times.size > limits.serversKnownMax) this.#times.delete(this.#times.keys().next().value!);
    return true;
  }

  nowMs(server: string): number | undefined {
    const told = this.#times.get(server);
    return told && told.serverMs + this.#clock.monotonicMs() - told.sentAt;
  }

  judgeStart({ hostName, ...frame }: Omit<StartOrder, 'target'>): StartVerdict {
    if (hostName === undefined) return 'unsigned';
    const digest = createHash('sha256').update(frame.spec).digest();
    const message = startMessage(this.#agentId, this.instance, { a: frame.a, hostName }, frame, digest);
    if (!isSignedByKey(this.#key, message, frame.mac)) return 'unsigned';
    const nowMs = this.nowMs(frame.server);
    if (nowMs === undefined) return 'time-unknown';
    return nowMs > frame.validUntilMs ? 'expired' : 'good';
  }

  signedAt({ server, validUntilMs }: StartOrder): number | undefined {
    const nowMs = this.nowMs(server);
    return nowMs === undefined
      ? undefined
      : this.#clock.monotonicMs() - (nowMs - (validUntilMs - limits.dispatchValidMs));
  }

  isMeant(frame: Frame<'cancel'> | Frame<'query'>): boolean {
    const message = attemptMessage(frame.t, this.#agentId, this.instance, frame.a, frame);
    return isSignedByKey(this.#key, message, frame.mac);
  }

  isAck(a: string, mac: Uint8Array | undefined): boolean {
    return isSignedByKey(this.#key, ackMessage(this.#agentId, this.instance, a), mac);
  }

  isChunkAck(frame: Frame<'chunk-ack'>): boolean {
    return isSignedByKey(this.#key, chunkAckMessage(this.#agentId, this.instance, frame), frame.mac);
  }

  isUpgrade(frame: Frame<'upgrade'>): boolean {
    const digest = createHash('sha256').update(frame.order).digest();
    const message = upgradeMessage(frame.id, this.#agentId, this.instance, frame.server, digest);
    return isSignedByKey(this.#key, message, frame.mac);
  }
}
