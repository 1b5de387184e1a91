/**
 * Which server owns which partition, as far as servers have told: an order under an earlier term counts no more, and
 * events go to the owner.
 */
import { parseAttemptId, partitionAmong } from '../base/ids.ts';

export class PartitionOwners {
  readonly #owners = new Map<number, { serverId: string; term: number }>();
  /** As servers say when they welcome this worker; before, nobody owns anything. */
  #partitionCount = 1;

  setPartitionCount(count: number): void {
    this.#partitionCount = count;
  }

  owns(serverId: string, partitions: readonly { id: number; term: number }[]): void {
    for (const { id, term } of partitions)
      if (term >= (this.#owners.get(id)?.term ?? 0)) this.#owners.set(id, { serverId, term });
  }

  /** Whether the order's term is still the highest known. */
  isCurrent(order: { partition: number; term: number }): boolean {
    return order.term >= (this.#owners.get(order.partition)?.term ?? 0);
  }

  /** The id of the server that owns the run of an attempt. */
  ownerOf(a: string): string | undefined {
    const key = parseAttemptId(a);
    return key && this.#owners.get(partitionAmong(this.#partitionCount, key.runId))?.serverId;
  }
}
