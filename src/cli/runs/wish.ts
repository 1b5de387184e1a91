/** What somebody wants of a run that is under way: it is written, and the run's owner carries it out. */
import { dataOf, type Run, type Schemas } from '@drover/sdk';
import { given } from '../../base/given.ts';
import { answer, type AnswerFlags } from '../command.ts';
import { UsageError } from '../exit.ts';
import { Faults, number } from '../input.ts';
import { openSession } from '../servers/session.ts';
import { plainText } from '../text-width.ts';
import { runIdOf } from './run-id.ts';
import { runDetail } from './run-steps.ts';

export type Wish = 'pause' | 'resume' | 'cancel';
export type WishFlags = AnswerFlags & { readonly reason?: string; readonly force?: boolean };
export type SaidFlags = WishFlags & { readonly step?: string; readonly batch?: string };

const SAID: Readonly<Record<Wish, (run: Run, hasFinally: boolean) => string>> = {
  pause: ({ id }) => `paused ${id}; let it go on with: drover runs resume ${id}`,
  resume: ({ id }) => `${id} goes on; follow it with: drover runs watch ${id}`,
  cancel: ({ id, cancelForcedAt }, hasFinally) =>
    `cancelling ${id}; see it end with: drover runs watch ${id}${
      hasFinally && cancelForcedAt === undefined
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
  const stages = verb === 'cancel' && run.job !== undefined ? ((await runDetail(session, run.id)).stages ?? []) : [];
  const hasFinally = stages.some((stage) => stage.finally);
  await answer(flags, { run }, () => SAID[verb](run, hasFinally));
}

/** A step that is not over. */
export async function skipStep(id: string, step: string, flags: WishFlags): Promise<void> {
  const session = openSession();
  const runId = await runIdOf(session, id);
  const body = { step, reason: flags.reason ?? '' };
  const run = dataOf(await session.client.POST('/api/v1/runs/{runId}/skip', { params: { path: { runId } }, body }));
  await answer(flags, { run }, () => `skipping ${step}; see what comes of it with: drover runs watch ${run.id}`);
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
  await answer(flags, { run }, () => answeredText(run, body.goesOn));
}

/** What an answer came to, and what comes next. */
function answeredText(
  { id, pausedBy, answered = {} }: Pick<Schemas['RunAnswered'], 'id' | 'pausedBy' | 'answered'>,
  goesOn: boolean,
): string {
  const { step = '', approvals, count, repeated } = answered;
  const watch = `drover runs watch ${id}`;
  if (approvals === undefined || count === undefined) {
    if (!goesOn) return `nothing more of it starts; see it end with: ${watch}`;
  } else {
    if (!goesOn) return `${plainText(step)} is refused; see what becomes of the run with: ${watch}`;
    const missing = count - approvals;
    const said = repeated ? 'you have said yes already, which counts once; ' : '';
    if (missing > 0)
      return `${plainText(step)}: ${said}${approvals} of ${count} have said yes; ${missing} more ${missing === 1 ? 'has' : 'have'} to`;
  }
  return pausedBy === undefined
    ? `${id} goes on; follow it with: ${watch}`
    : `answered; the run is paused by ${plainText(pausedBy)}: what comes next, if anything, starts with: drover runs resume ${id}`;
}
