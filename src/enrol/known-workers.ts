/**
 * Where an agent may find a worker. Workers tell each other's addresses, and one that was taken over may tell of places
 * where nobody is; so what the server itself said when the agent joined is never forgotten, and is tried when nothing
 * else answers.
 */

export interface KnownWorkers {
  /** As the last worker told. */
  workers: string[];
  /** As the server told at the join; absent in identities of before. */
  joinWorkers?: string[];
}

/** Told beyond it is passed over: the others would be tried for hours before those of the join. */
const TOLD_MAX = 64;

/** False when nothing is new; else the identity is to be written. */
export function noteWorkers(known: KnownWorkers, told: readonly string[]): boolean {
  const workers = told.slice(0, TOLD_MAX);
  if (workers.length === 0 || workers.join() === known.workers.join()) return false;
  known.joinWorkers ??= known.workers;
  known.workers = workers;
  return true;
}

/**
 * In the order in which they are dialed. `place`, from 0 to 1, is where this agent begins: every agent is told the
 * same, so they spread.
 */
export function workersToDial(known: KnownWorkers, given: readonly string[], place: number): string[] {
  const first = Math.floor(place * known.workers.length);
  const told = [...known.workers.slice(first), ...known.workers.slice(0, first)];
  return [...new Set([...given, ...told, ...(known.joinWorkers ?? [])])];
}
