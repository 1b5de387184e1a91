/**
 * Runs hash to a fixed number of partitions; a partition is the unit of ownership. Servers know the number, and tell it to workers, which
 * count on none of their own. Changing it needs a migration.
 */
import { partitionAmong, type RunId } from '../../base/ids.ts';

export const PARTITION_COUNT = 256;

export function partitionOf(runId: RunId): number {
  return partitionAmong(PARTITION_COUNT, runId);
}
