/** Numbers that grow with each change of hosts, for whoever keeps a copy of them. */
import type { Executor } from './pool.ts';

/** Any edit that a target expression can see; directories cached by servers are compared by this number. */
export const DIRECTORY_CHANGED = "UPDATE setting SET value = value + 1 WHERE name = 'host-directory'";

/** Ways to hosts are changed by one transaction at a time: taken before any row of a host. */
export async function hostAccessHold(tx: Executor): Promise<void> {
  await tx.query("SELECT value FROM setting WHERE name = 'host-access' FOR UPDATE");
}

export async function hostAccessChanged(tx: Executor): Promise<void> {
  await tx.query("UPDATE setting SET value = value + 1 WHERE name = 'host-access'");
}
