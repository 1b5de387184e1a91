/** Workers: which there are, what they have to do, and taking them out of service. */
import { z } from 'zod';
import { DroverError } from '../base/errors.ts';
import type { Permission } from '../domain/access/permission.ts';
import * as r from '../protocol/rest/resources.ts';
import type { WorkerRecord } from '../store/contract/worker.ts';
import { workerResource } from './convert.ts';
import { operation, type ApiContext } from './operation.ts';

const params = z.strictObject({ worker: z.string().max(200).describe('Id or name') });

async function fetchWorker(ctx: ApiContext, idOrName: string): Promise<WorkerRecord> {
  const workers = await ctx.store.workerList();
  const found = workers.filter(({ id, name }) => id === idOrName || name === idOrName);
  if (found.length > 1)
    throw new DroverError('bad-input', {
      detail: `${found.length} workers are named ${idOrName}. Give the id: ${found.map(({ id }) => id).join(', ')}.`,
    });
  if (!found[0])
    throw new DroverError('not-found', { detail: `There is no worker ${idOrName}. See: drover workers list.` });
  return found[0];
}

function resource(ctx: ApiContext, worker: WorkerRecord): z.infer<typeof r.Worker> {
  return workerResource(
    worker,
    ctx.fleet.workers().find(({ id }) => id === worker.id),
  );
}

function drainOperation<Id extends string>(id: Id, verb: 'drain' | 'resume', summary: string) {
  const permission: Permission = 'fleet.worker.drain';
  return operation({
    id,
    method: 'POST',
    path: `/workers/{worker}/${verb}`,
    needsNoRoom: true,
    summary,
    permission,
    params,
    status: 200,
    response: r.Worker,
    errors: ['not-found', 'bad-input'],
    async handle({ ctx, caller, params: { worker } }) {
      const { id: workerId, name } = await fetchWorker(ctx, worker);
      const changed = await ctx.store.workerDrain(workerId, verb === 'drain', {
        actor: caller.actor,
        // Whoever may drain may resume; what was done is told by its own name.
        action: `fleet.worker.${verb}`,
        target: `worker/${name}`,
        detail: {},
        requestId: caller.requestId,
      });
      if (!changed) throw new DroverError('not-found', { detail: `There is no worker ${worker}.` });
      return resource(ctx, changed);
    },
  });
}

const revokeOperation = operation({
  id: 'revokeWorker',
  method: 'POST',
  path: '/workers/{worker}/revoke',
  needsNoRoom: true,
  summary: 'Cut a worker off for good, on every server; its agents go to the others of the zone',
  permission: 'fleet.worker.revoke',
  params,
  status: 200,
  response: r.Worker,
  errors: ['not-found', 'bad-input'],
  async handle({ ctx, caller, params: { worker } }) {
    const { id, name } = await fetchWorker(ctx, worker);
    const revoked = await ctx.store.workerRevoke(id, {
      actor: caller.actor,
      action: 'fleet.worker.revoke',
      target: `worker/${name}`,
      detail: { id },
      requestId: caller.requestId,
    });
    if (!revoked) throw new DroverError('not-found', { detail: `There is no worker ${worker}.` });
    ctx.fleet.revokeWorker(id);
    return resource(ctx, revoked);
  },
});

export const workerOperations = [
  operation({
    id: 'listWorkers',
    method: 'GET',
    path: '/workers',
    summary: 'List workers',
    permission: 'fleet.worker.view',
    status: 200,
    response: r.pageOf(r.Worker),
    errors: [],
    async handle({ ctx }) {
      const live = new Map(ctx.fleet.workers().map((worker) => [worker.id, worker]));
      return { items: (await ctx.store.workerList()).map((worker) => workerResource(worker, live.get(worker.id))) };
    },
  }),
  operation({
    id: 'getWorker',
    method: 'GET',
    path: '/workers/{worker}',
    summary: 'Show a worker, its queues and what it has under way',
    permission: 'fleet.worker.view',
    params,
    status: 200,
    response: r.Worker,
    errors: ['not-found', 'bad-input'],
    handle: async ({ ctx, params: { worker } }) => resource(ctx, await fetchWorker(ctx, worker)),
  }),
  drainOperation(
    'drainWorker',
    'drain',
    'Give a worker no new work; what is under way ends, and its agents go to the others of the zone',
  ),
  drainOperation('resumeWorker', 'resume', 'Give a drained worker work again'),
  revokeOperation,
];
