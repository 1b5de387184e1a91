/** What the store does with runs; those that are created at once share a transaction. */
import { given } from '../../../base/given.ts';
import { tooManyRuns } from '../../contract/run-refusals.ts';
import type { RunRecord, RunStore } from '../../contract/run.ts';
import type { StoreParts } from '../store-parts.ts';
import { Together } from '../together.ts';
import { runApprove, runRoundStarter } from './run-approve.ts';
import { runSkip } from './run-skip.ts';
import { runCreateMany, type Creation } from './run-create.ts';
import {
  runAnswer,
  runCancelRequest,
  runFetch,
  runHead,
  runList,
  runPauseRequest,
  runResumeRequest,
  runRetry,
  runSeqs,
  taskSealedSecrets,
} from './run.ts';

/** Of new runs that share a transaction: so many, with so many hosts. */
const [RUNS_TOGETHER_MAX, HOSTS_TOGETHER_MAX] = [100, 2_000];

export function runStore({ pool, ownPool, hints, now }: StoreParts): RunStore {
  const creations = new Together<Creation, RunRecord | undefined>({
    write: (batch) => runCreateMany(pool, batch, now()),
    weigh: ({ run: { subjects } }) => subjects.reduce((sum, list) => sum + list.length, 0),
    weightMax: HOSTS_TOGETHER_MAX,
    itemsMax: RUNS_TOGETHER_MAX,
  });
  return {
    async runCreate(newRun, entry) {
      const record = await creations.call({ run: newRun, audit: entry });
      if (!record) throw tooManyRuns();
      hints.notify('run', newRun.id);
      return record;
    },
    taskSealedSecrets: (id, task) => taskSealedSecrets(pool, id, task),
    runHead: (id) => runHead(pool, id),
    runFetch: (id, whose) => runFetch(whose === 'own' ? ownPool : pool, id),
    runList: (scope, filter, page) => runList(pool, scope, filter, page),
    async runCancelRequest(id, actor, entry, isForced = false) {
      const answer = await runCancelRequest(pool, id, { actor, isForced }, entry, now());
      if (answer === 'requested' || answer === 'already-requested') hints.notify('run', id);
      return answer;
    },
    async runPauseRequest(id, actor, entry) {
      const answer = await runPauseRequest(pool, id, actor, entry, now());
      if (answer === 'requested' || answer === 'already-requested') hints.notify('run', id);
      return answer;
    },
    async runResumeRequest(id, actor, entry) {
      const answer = await runResumeRequest(pool, id, actor, entry, now());
      if (answer === 'requested' || answer === 'not-paused') hints.notify('run', id);
      return answer;
    },
    async runAnswer(id, task, said, entry) {
      const answer = await runAnswer(pool, id, task, said, entry, now());
      if (answer === 'answered' || answer === 'already-answered') hints.notify('run', id);
      return answer;
    },
    runRoundStarter: (id) => runRoundStarter(pool, id),
    async runApprove(id, task, answer, seen, entry) {
      const written = await runApprove(pool, id, { task, answer, seen }, entry, now());
      if (written === 'answered') hints.notify('run', id);
      return written;
    },
    async runSkip(id, task, skip, entry) {
      const answer = await runSkip(pool, id, { task, skip }, entry, now());
      if (answer === 'requested' || answer === 'already-requested') hints.notify('run', id);
      return answer;
    },
    async runRetry(id, states, entry, seen) {
      const answer = await runRetry(pool, id, { states, ...given({ seen }) }, entry, now());
      if (answer.kind === 'opened') hints.notify('run', id);
      return answer;
    },
    runSeqs: (ids) => runSeqs(pool, ids),
  };
}
