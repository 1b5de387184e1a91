/** What the store does with runs; those that are created at once share a transaction. */
import type { RunRecord, RunStore } from '../../contract/run.ts';
import type { StoreParts } from '../store-parts.ts';
import { Together } from '../together.ts';
import { runCreateMany, type Creation } from './run-create.ts';
import { runCancelRequest, runFetch, runList, runRetry, runSealedSecrets, runSeqs } from './run.ts';

/** Of new runs that share a transaction: so many, with so many hosts. */
const [RUNS_TOGETHER_MAX, HOSTS_TOGETHER_MAX] = [100, 2_000];

export function runStore({ pool, ownPool, hints, now }: StoreParts): RunStore {
  const creations = new Together<Creation, RunRecord>({
    write: (batch) => runCreateMany(pool, batch, now()),
    weigh: ({ run: { targets } }) => targets.length,
    weightMax: HOSTS_TOGETHER_MAX,
    itemsMax: RUNS_TOGETHER_MAX,
  });
  return {
    async runCreate(newRun, entry) {
      const record = await creations.call({ run: newRun, audit: entry });
      hints.notify('run', newRun.id);
      return record;
    },
    runSealedSecrets: (id) => runSealedSecrets(pool, id),
    runFetch: (id, whose) => runFetch(whose === 'own' ? ownPool : pool, id),
    runList: (scope, filter, page) => runList(pool, scope, filter, page),
    async runCancelRequest(id, actor, entry) {
      const answer = await runCancelRequest(pool, id, actor, entry, now());
      if (answer === 'requested' || answer === 'already-requested') hints.notify('run', id);
      return answer;
    },
    async runRetry(id, states, entry) {
      const answer = await runRetry(pool, id, states, entry, now());
      if (answer.kind === 'opened') hints.notify('run', id);
      return answer;
    },
    runSeqs: (ids) => runSeqs(pool, ids),
  };
}
