/** A host of the miniature: its journal, what ran on it, and what is on its way to it. */
import type { AgentId, HostId } from '../../src/base/ids.ts';
import type { ToldEnd } from '../../src/domain/crew/execution.ts';

type Result = ToldEnd<unknown>;
interface Order {
  readonly kind: 'start' | 'cancel' | 'query';
  readonly attempt: number;
  /** Counted over all owners. */
  readonly order: number;
  readonly handedOn: boolean;
}
type Entry = { state: 'running' } | { state: 'finished'; result: Result } | { state: 'settled' };

/** A host: what its journal knows decides what runs, and its word is the truth. */
export class Host {
  readonly hostId: HostId;
  readonly agentId: AgentId;
  linked = true;
  readonly journal = new Map<number, Entry>();
  /** What ran, in order. */
  readonly starts: number[] = [];
  /** How each attempt really ended. */
  readonly ends = new Map<number, Result>();
  /** Orders on their way to it. */
  orders: Order[] = [];
  /** By attempt: it has said that it does not know it in answer to this order, so none up to it counts. */
  readonly unknown = new Map<number, number>();

  constructor(ordinal: number) {
    this.hostId = `host-${ordinal}` as HostId;
    this.agentId = `agent-${ordinal}` as AgentId;
  }
}
