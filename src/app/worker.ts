/** Workers: listed, shown, drained, and cut off. */
import { EVERYTHING } from '../domain/access/access-node.ts';
import { DroverError } from '../base/errors.ts';
import type { WorkerId } from '../base/ids.ts';
import type { Fleet, LiveWorker } from '../fleet/fleet.ts';
import type { WorkerRecord } from '../store/contract/worker.ts';
import { assertCan, auditOf, scopeOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';

type FleetContext = AppContext & { readonly fleet: Pick<Fleet, 'workers' | 'revokeWorker'> };

/** With what it says of itself while it is linked here. */
export interface SeenWorker {
  readonly worker: WorkerRecord;
  readonly live: LiveWorker | undefined;
}

export async function workerList(ctx: FleetContext, caller: Caller): Promise<readonly SeenWorker[]> {
  const scope = scopeOf(caller, 'fleet.worker.view');
  const live = new Map(ctx.fleet.workers().map((worker) => [worker.id, worker]));
  return (await ctx.store.workerList(scope)).map((worker) => ({ worker, live: live.get(worker.id) }));
}

export async function workerShow(ctx: FleetContext, caller: Caller, idOrName: string): Promise<SeenWorker> {
  assertCan(caller, 'fleet.worker.view');
  return seen(ctx, await workerFetch(ctx, idOrName));
}

/** Whoever may drain may resume; what was done is told by its own name. */
export async function workerDrain(
  ctx: FleetContext,
  caller: Caller,
  idOrName: string,
  verb: 'drain' | 'resume',
): Promise<SeenWorker> {
  assertCan(caller, 'fleet.worker.drain');
  const { id, name } = await workerFetch(ctx, idOrName);
  const changed = await ctx.store.workerDrain(
    id,
    verb === 'drain',
    auditOf(caller, `fleet.worker.${verb}`, `worker/${name}`),
  );
  if (!changed) throw notFound(idOrName);
  return seen(ctx, changed);
}

/** For good, on every server. */
export async function workerRevoke(ctx: FleetContext, caller: Caller, idOrName: string): Promise<SeenWorker> {
  assertCan(caller, 'fleet.worker.revoke');
  const { id, name } = await workerFetch(ctx, idOrName);
  const revoked = await ctx.store.workerRevoke(id, auditOf(caller, 'fleet.worker.revoke', `worker/${name}`, { id }));
  if (!revoked) throw notFound(idOrName);
  ctx.fleet.revokeWorker(id);
  return seen(ctx, revoked);
}

/** Names of workers are not unique: one that fits several is refused. An id is the id, whatever anybody is named. */
async function workerFetch(ctx: AppContext, idOrName: string): Promise<WorkerRecord> {
  const workers = await ctx.store.workerList(EVERYTHING);
  const itself = workers.find(({ id }) => id === idOrName);
  if (itself) return itself;
  const found = workers.filter(({ name }) => name === idOrName);
  if (found.length > 1)
    throw new DroverError('bad-input', {
      detail: `${found.length} workers are named ${idOrName}. Give the id: ${found.map(({ id }) => id).join(', ')}.`,
    });
  if (!found[0]) throw notFound(idOrName);
  return found[0];
}

function seen(ctx: FleetContext, worker: WorkerRecord): SeenWorker {
  return { worker, live: ctx.fleet.workers().find(({ id }: { id: WorkerId }) => id === worker.id) };
}

function notFound(idOrName: string): DroverError {
  return new DroverError('not-found', { detail: `There is no worker ${idOrName}. See: drover workers list.` });
}
