/**
 * An agent's ledger of processes in a program of its own, to be killed: `process-agent.ts FOLDER`. Tells the supervisors that wait, has
 * the first of them supervise a script that runs until FOLDER/gate is there, and tells those that wait then.
 */
import { pause, systemClock } from '../../src/base/clock.ts';
import { attemptId, newRunId } from '../../src/base/ids.ts';
import { silentLog } from '../../src/base/log.ts';
import { createProcessLedger } from '../../src/engines/process/process-ledger.ts';
import { HOST, specOf } from './execution-spec.ts';
import { nobody } from './listeners.ts';
import { until } from './until.ts';

const dataDir = process.argv[2]!;
const { ledger, engine } = createProcessLedger({
  dataDir,
  hostName: 'h',
  hostId: 'id',
  clock: systemClock,
  log: silentLog,
});
const tell = (word: string): void => void process.stdout.write(`${[word, ...engine.waitingPids].join(' ')}\n`);
const twoWait = (): Promise<boolean> => until('supervisors to wait', () => engine.waitingPids.length === 2);

await ledger.start(nobody);
await twoWait();
tell('first');
const script = 'echo "$DROVER_ATTEMPT_ID" >>"$F/ran"; until [ -e "$F/gate" ]; do sleep 0.05; done; exit 7';
const attempt = attemptId({ runId: newRunId(systemClock.nowMs()), task: 0, ordinal: 0, attempt: 1 });
await ledger.startAttempt(attempt, specOf(script, { env: { F: dataDir } }), HOST);
await until('it to run', () => ledger.startOf(attempt) !== undefined);
await twoWait();
tell('then');
// Until it is killed.
await pause(systemClock, 2_147_483_647);
