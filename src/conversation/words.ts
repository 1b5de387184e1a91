/**
 * What is said about attempts, between whoever gives the orders and whoever carries them out: the same words for an agent and for a worker
 * with one of its engines. Over a network they are frames, under marks and seals; inside one process they are handed over as they are.
 */
import type { AttemptSubject } from '../ledger/engine.ts';
import type { AgentFrame, WorkerStart, WorkerToAgentFrame } from '../protocol/link/agent-v1.ts';

type Order<T extends WorkerToAgentFrame['t']> = Extract<WorkerToAgentFrame, { t: T }>;

/** A start. `mac` is there where it came over a network. `target`: the host that it is for, if any; an agent has one, its own. */
export type StartOrder = Omit<WorkerStart, 'mac' | 'hostName'> & {
  readonly hostName?: string;
  readonly mac?: Uint8Array;
  readonly target: Omit<AttemptSubject, 'hostName'>;
};
/** What may be ordered of an attempt that was given out before. */
export type LaterOrder = Order<'cancel' | 'query' | 'watch' | 'ack' | 'chunk-ack' | 'fetch'>;
export type AttemptOrder = StartOrder | LaterOrder;

/** What an executor says of its attempts. */
export type AttemptWord = Extract<
  AgentFrame,
  { t: 'accepted' | 'started' | 'output' | 'chunk' | 'report' | 'unknown' | 'busy' | 'data' }
>;
