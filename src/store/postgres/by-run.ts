/** What is told of several runs at once, run by run. */
import type { RunId } from '../../base/ids.ts';

export function groupByRun(changes: readonly { readonly runId: RunId }[]): Map<RunId, number[]> {
  const groups = new Map<RunId, number[]>();
  changes.forEach((change, i) => {
    const group = groups.get(change.runId);
    if (group) group.push(i);
    else groups.set(change.runId, [i]);
  });
  return groups;
}
