/** Who is told of a job's runs: what would be kept and never mean anything. */
import { subscriptionFaults, type NoticeEvent } from '../notice/subscription.ts';
import { entriesOf, itemsOf, type TreeNode } from './document-tree.ts';
import type { JobFaults } from './job-fault.ts';

const KEYS = { lostShare: 'lost_share', lateAfter: 'late_after' } as const;

/** `isWhole`: whether what stands there has the shape that it is to have. */
export function checkNotify(tree: TreeNode, isWhole: (path: string) => boolean, faults: JobFaults): void {
  for (const [i, node] of itemsOf(entriesOf(tree).get('notify')?.node).entries()) {
    if (!isWhole(`notify/${i}`)) continue;
    const entries = entriesOf(node);
    const on = itemsOf(entries.get('on')?.node).map(({ value }) => value as NoticeEvent);
    const said = { lostShare: entries.get('lost_share'), lateAfter: entries.get('late_after') };
    for (const { key, event } of subscriptionFaults({ on, ...said }))
      faults.add(
        said[key]!.at,
        'bad-input',
        `${KEYS[key]} belongs to the event ${event}, which is not in on: add it there, or leave ${KEYS[key]} out.`,
      );
  }
}
