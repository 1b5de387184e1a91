/** Which worker a task without hosts may go to, from the fields of a request, and in words. */
import { given } from '../../base/given.ts';
import { parseNeeds } from './needs.ts';
import type { PlacedEngine, WorkerChoice } from './placement.ts';
import type { Strategy } from './plugins.ts';

/** Of a request that says one, whose resources were checked; undefined where it goes to hosts. */
export function workerChoice({
  worker: select,
  prefer,
  resources: text,
  strategy,
  engine,
}: {
  readonly worker?: string | undefined;
  readonly prefer?: string | undefined;
  readonly resources?: string | undefined;
  readonly strategy?: Strategy | undefined;
  readonly engine?: PlacedEngine | undefined;
}): WorkerChoice | undefined {
  if (select === undefined) return undefined;
  const read = text === undefined ? undefined : parseNeeds(text);
  return { select, ...given({ prefer, needs: read?.ok ? read.needs : undefined, strategy, engine }) };
}

/** Where a task goes that goes to no hosts, in the words that stand in the place of its targets. */
export function workerText({ select }: WorkerChoice): string {
  return `on worker: ${select}`;
}
