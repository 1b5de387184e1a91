/** Names of variables that a step is given by Drover itself, and so gives to nothing else. */
import { entriesOf, itemsOf, type TreeEntry } from './document-tree.ts';
import type { JobFaults } from './job-fault.ts';

/** What a script reads its item as. */
const ITEM = 'DROVER_ITEM';

/** Of a step with `for_each`: what it gave under that name would not reach its script. */
export function checkItemName(entries: ReadonlyMap<string, TreeEntry>, faults: JobFaults): void {
  const own = entriesOf(entries.get('env')?.node).get(ITEM);
  const secret = itemsOf(entries.get('secrets')?.node).find(({ value }) => value === ITEM);
  for (const at of [own?.at, secret?.at])
    if (at !== undefined)
      faults.add(at, 'bad-input', `${ITEM} is the item that the step is done for: give this another name.`);
}
