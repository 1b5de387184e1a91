/** What the owner of a partition asks and writes; what several partitions decide at once shares a transaction. */
import { PARTITION_COUNT } from '../../../domain/run/partition.ts';
import { limits } from '../../../base/limits.ts';
import type { CommitResult, OwnerCommit, OwnerCommitStore } from '../../contract/owner-commit.ts';
import type { StoreParts } from '../store-parts.ts';
import { Together } from '../together.ts';
import { attemptsLook } from './attempts-look.ts';
import { ownerCommitMany } from './owner-commit.ts';
import { runSeed, taskSpec } from './run-seed.ts';

export function ownerCommitStore({ ownPool }: StoreParts): OwnerCommitStore {
  const commits = new Together<OwnerCommit, CommitResult>({
    write: (batch) => ownerCommitMany(ownPool, batch),
    weigh: ({ executions }) => executions.length,
    weightMax: limits.commitBatchMax,
    itemsMax: PARTITION_COUNT,
  });
  return {
    runSeed: (id) => runSeed(ownPool, id),
    taskSpec: (id, task) => taskSpec(ownPool, id, task),
    attemptsLook: (keys) => attemptsLook(ownPool, keys),
    ownerCommit: (commit) => commits.call(commit),
  };
}
