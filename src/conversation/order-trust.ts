/**
 * Whose orders count. It is a value that everybody has to give who holds a conversation: without one there is none, and
 * a mark that is missing is a wrong one. Only where orders come from the very process that carries them out is there
 * nobody between who could have made them up.
 */
import type { LaterOrder, StartOrder } from './words.ts';

export type StartVerdict = 'good' | 'unsigned' | 'expired' | 'time-unknown';

/** The marks of servers under the key of this executor. */
export interface OrderMarks {
  judgeStart(order: StartOrder): StartVerdict;
  isMeant(order: Extract<LaterOrder, { t: 'cancel' | 'query' }>): boolean;
  isAck(a: string, mac: Uint8Array | undefined): boolean;
  isChunkAck(order: Extract<LaterOrder, { t: 'chunk-ack' }>): boolean;
  /** By our monotonic clock, never later than it was; undefined where this server's time is not told. */
  signedAt(order: StartOrder): number | undefined;
}

export type OrderTrust =
  | {
      readonly of: 'servers';
      readonly marks: OrderMarks;
      /** Asks the servers for their time, and resolves when one has told it, or none has for a while. */
      timeAnew(): Promise<void>;
    }
  | { readonly of: 'same-process' };

export function judgeStart(trust: OrderTrust, order: StartOrder): StartVerdict {
  return trust.of === 'same-process' ? 'good' : trust.marks.judgeStart(order);
}

export function isMeant(trust: OrderTrust, order: Extract<LaterOrder, { t: 'cancel' | 'query' }>): boolean {
  return trust.of === 'same-process' || trust.marks.isMeant(order);
}

export function isAck(trust: OrderTrust, { a, mac }: { readonly a: string; readonly mac?: Uint8Array }): boolean {
  return trust.of === 'same-process' || trust.marks.isAck(a, mac);
}

export function isChunkAck(trust: OrderTrust, order: Extract<LaterOrder, { t: 'chunk-ack' }>): boolean {
  return trust.of === 'same-process' || trust.marks.isChunkAck(order);
}

export function signedAt(trust: OrderTrust, order: StartOrder): number | undefined {
  return trust.of === 'same-process' ? undefined : trust.marks.signedAt(order);
}
