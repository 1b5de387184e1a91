/** What somebody wants of a run that is under way: it is written, and the run's owner carries it out. */
import { dataOf, type Run } from '@drover/sdk';
import { given } from '../../base/given.ts';
import { answer, type AnswerFlags } from '../command.ts';
import { UsageError } from '../exit.ts';
import { Faults, number } from '../input.ts';
import { openSession } from '../servers/session.ts';
import { runIdOf } from './run-id.ts';

export type Wish = 'pause' | 'resume' | 'cancel';
export type WishFlags = AnswerFlags & { readonly reason?: string; readonly force?: boolean };
export type SaidFlags = WishFlags & { readonly step?: string; readonly batch?: string };

const SAID: Readonly<Record<Wish, (run: Run) => string>> = {
  pause: ({ id }) => `paused ${id}; let it go on with: drover runs resume ${id}`,
  resume: ({ id }) => `${id} goes on; follow it with: drover runs watch ${id}`,
  cancel: ({ id, job, cancelForcedAt }) =>
    `cancelling ${id}; see it end with: drover runs watch ${id}${
      job && cancelForcedAt === undefined
        ? `\nwhat comes finally is done still; end that too: drover runs cancel ${id} --force`
        : ''
    }`,
};

export async function wish(verb: Wish, id: string, flags: WishFlags): Promise<void> {
  const session = openSession();
  const params = { path: { runId: await runIdOf(session, id) } };
  const asked =
    verb === 'cancel'
      ? session.client.POST('/api/v1/runs/{runId}/cancel', {
          params: { ...params, query: given({ force: flags.force ? 'true' : undefined } as const) },
        })
      : session.client.POST(`/api/v1/runs/{runId}/${verb}`, { params, body: { reason: flags.reason ?? '' } });
  const run = dataOf(await asked);
  await answer(flags, { run }, () => SAID[verb](run));
}

/** To what a rollout of the run asks. */
export async function answerRun(id: string, said: string, flags: SaidFlags): Promise<void> {
  if (said !== 'yes' && said !== 'no') throw new UsageError(`Answer yes or no, not ${JSON.stringify(said)}.`);
  const faults = new Faults();
  const batch = number(faults, '--batch', flags.batch, { least: 1, most: 1_000_000 });
  faults.end();
  const session = openSession();
  const runId = await runIdOf(session, id);
  const body = { goesOn: said === 'yes', reason: flags.reason ?? '', ...given({ step: flags.step, batch }) };
  const run = dataOf(await session.client.POST('/api/v1/runs/{runId}/answer', { params: { path: { runId } }, body }));
  await answer(flags, { run }, () => {
    if (said === 'no') return `nothing more of it starts; see it end with: drover runs watch ${run.id}`;
    return run.pausedBy === undefined
      ? `${run.id} goes on; follow it with: drover runs watch ${run.id}`
      : `answered; it is paused by ${run.pausedBy}, and goes on with: drover runs resume ${run.id}`;
  });
}
