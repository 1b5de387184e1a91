/** Workers: which there are, what they have to do, and taking them out of service. */
import { z } from 'zod';
import { workerJoin } from '../../../app/enrolment.ts';
import { workerDrain, workerList, workerRevoke, workerShow } from '../../../app/worker.ts';
import * as r from '../../../protocol/rest/resources.ts';
import { operation } from '../../operation.ts';
import { workerResource } from './worker-resource.ts';
import { idOrFleetName } from '../../../protocol/rest/name-fields.ts';
import { Worker } from '../../../protocol/rest/worker-resources.ts';

const workerParams = z.strictObject({ worker: idOrFleetName });

export const workerRoutes = [
  operation({
    id: 'listWorkers',
    method: 'GET',
    path: '/workers',
    summary: 'List workers',
    permission: 'fleet.worker.view',
    status: 200,
    response: r.pageOf(Worker),
    errors: [],
    handle: async ({ ctx, caller }) => ({ items: (await workerList(ctx, caller)).map(workerResource) }),
  }),
  operation({
    id: 'getWorker',
    method: 'GET',
    path: '/workers/{worker}',
    summary: 'Show a worker, its queues and what it has under way',
    permission: 'fleet.worker.view',
    params: workerParams,
    status: 200,
    response: Worker,
    errors: ['not-found', 'bad-input'],
    handle: async ({ ctx, caller, params }) => workerResource(await workerShow(ctx, caller, params.worker)),
  }),
  operation({
    id: 'drainWorker',
    method: 'POST',
    path: '/workers/{worker}/drain',
    needsNoRoom: true,
    summary: 'Give a worker no new work; what is under way ends, and its agents go to the others of the zone',
    permission: 'fleet.worker.drain',
    params: workerParams,
    status: 200,
    response: Worker,
    errors: ['not-found', 'bad-input'],
    handle: async ({ ctx, caller, params }) => workerResource(await workerDrain(ctx, caller, params.worker, 'drain')),
  }),
  operation({
    id: 'resumeWorker',
    method: 'POST',
    path: '/workers/{worker}/resume',
    needsNoRoom: true,
    summary: 'Give a drained worker work again',
    permission: 'fleet.worker.drain',
    params: workerParams,
    status: 200,
    response: Worker,
    errors: ['not-found', 'bad-input'],
    handle: async ({ ctx, caller, params }) => workerResource(await workerDrain(ctx, caller, params.worker, 'resume')),
  }),
  operation({
    id: 'revokeWorker',
    method: 'POST',
    path: '/workers/{worker}/revoke',
    needsNoRoom: true,
    summary: 'Cut a worker off for good, on every server; its agents go to the others of the zone',
    permission: 'fleet.worker.revoke',
    params: workerParams,
    status: 200,
    response: Worker,
    errors: ['not-found', 'bad-input'],
    handle: async ({ ctx, caller, params }) => workerResource(await workerRevoke(ctx, caller, params.worker)),
  }),
  operation({
    id: 'joinWorker',
    method: 'POST',
    path: '/workers/join',
    summary: 'Enrol a worker with a join token',
    permission: 'public',
    body: r.WorkerJoin,
    status: 201,
    response: r.WorkerJoined,
    errors: ['join-token-invalid', 'join-token-expired', 'bad-input'],
    handle: ({ ctx, caller, body }) => workerJoin(ctx.enrolment, body, caller.requestId),
  }),
];
