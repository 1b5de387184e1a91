/** One run whole, as the API shows it: what it does, or the stages and steps of a job with how far each has come. */
import { z } from 'zod';
import { JOIN_RULES } from '../../domain/flow/join.ts';
import { STRATEGY_NAMES } from '../../domain/placement/plugins.ts';
import { VIAS } from '../../domain/placement/placement.ts';
import { PRIORITIES } from '../../domain/placement/queue-pick.ts';
import { ROLLOUT_PHASES } from '../../domain/rollout/position.ts';
import { FAILED_STATES } from '../../domain/rollout/rollout.ts';
import { ON_TIMEOUT } from '../../domain/work/approval.ts';
import { HTTP_METHODS } from '../../domain/work/http.ts';
import { SQL_MODES } from '../../domain/work/sql.ts';
import { instant } from './fields.ts';
import { Counts, Run, RunState, strings } from './resources.ts';

export const HttpCall = z
  .object({
    method: z.enum(HTTP_METHODS),
    url: z.string().describe('Secrets and outputs as the job has them: ${{ secrets.NAME }}'),
    headers: strings,
    body: z.string().optional(),
    redirects: z.int(),
    tls: z
      .object({ ca: z.string().optional(), serverName: z.string().optional(), insecure: z.boolean().optional() })
      .optional(),
    extract: strings.describe('JSON pointers into the answer, by the names of the values'),
  })
  .meta({ id: 'HttpCall' });

export const SqlCall = z
  .object({
    url: z.string(),
    password: z.string().optional().describe('As the job has it: ${{ secrets.NAME }}'),
    statement: z.string(),
    values: z.array(z.string().nullable()).describe('Secrets and outputs as the job has them'),
    mode: z.enum(SQL_MODES),
    rowsMax: z.int(),
    tls: z
      .object({
        ca: z.string().optional(),
        serverName: z.string().optional(),
        insecure: z.boolean().optional(),
        inClear: z.boolean().optional(),
      })
      .optional(),
    extract: strings.describe('Columns of the first row, by the names of the values'),
    extractAll: strings.describe('Columns of all rows, by the names of the lists'),
  })
  .meta({ id: 'SqlCall' });

/** What is done on each host, and how. */
const TaskSettings = z.object({
  script: z.string().optional(),
  command: z.array(z.string()).optional(),
  http: HttpCall.optional().describe('A request that a worker makes itself'),
  sql: SqlCall.optional().describe('A statement that a worker gives a database'),
  lang: z.string().optional(),
  args: z.array(z.string()),
  env: strings,
  params: strings,
  secretNames: z.array(z.string()),
  user: z.string().optional(),
  cwd: z.string().optional(),
  timeoutMs: z.int(),
  killAfterMs: z.int(),
  startDeadlineMs: z.int(),
  lostAfterMs: z.int(),
  concurrency: z.int().optional(),
  maxFailed: z.string().optional(),
  batches: z.string().optional(),
  between: z.string().optional(),
  batchMaxFailed: z.string().optional(),
  onMaxFailed: z.enum(['drain', 'abort', 'pause']).optional(),
  countsAsFailed: z.array(z.enum(FAILED_STATES)).optional(),
  order: z.string().optional(),
  retries: z.int(),
  successExitCodes: z.array(z.int()),
  successStatuses: z.string().optional().describe('Of a call, such as 200-299; absent: these'),
  successRows: z.string().optional().describe('Of a statement of a database, such as 1-; absent: any number'),
  via: z.enum(VIAS),
  worker: z.string().optional().describe('Which worker may carry it out; present where it goes to no hosts'),
  prefer: z.string().optional(),
  resources: z.string().optional().describe('What it wants of its worker'),
  strategy: z.enum(STRATEGY_NAMES).optional(),
  priority: z.enum(PRIORITIES),
  accountId: z.string().optional(),
});
export const RunRollout = z
  .object({
    batch: z.int().describe('Which batch goes out, or is over; from 1'),
    batches: z.int(),
    hosts: z.int().describe('Of this batch'),
    hostsSoFar: z.int().describe('Of this batch and those before it'),
    phase: z.enum(ROLLOUT_PHASES),
    since: instant,
    until: instant.optional().describe('Waits until then'),
    asks: z.enum(['between', 'max-failed']).optional().describe('Why it waits for an answer'),
  })
  .meta({ id: 'RunRollout' });
const Verdict = z.object({
  met: z.boolean(),
  values: z
    .record(z.string(), z.string().nullable())
    .describe('What it went by, cut where it is long; null: there was no value'),
});
const RunApproval = z
  .object({
    message: z.string(),
    count: z.int().describe('So many different people have to say yes'),
    by: z.array(z.string()).optional().describe('Names of those who may answer; absent: whoever may answer runs'),
    notByStarter: z.boolean().describe('Whoever has begun the run may not say yes'),
    timeoutMs: z.int().optional(),
    onTimeout: z.enum(ON_TIMEOUT),
    asks: z.boolean().describe('It waits for answers'),
    since: instant.optional().describe('Since when it asks, or asked'),
    until: instant.optional().describe('When its time is up'),
    approvals: z.int().describe('Different people who have said yes'),
    answers: z.array(z.object({ yes: z.boolean(), by: z.string(), reason: z.string(), at: instant })),
    because: z.string().optional().describe('Why it came to its end, where that is not for enough people'),
  })
  .meta({ id: 'RunApproval' });
const RunWait = z
  .object({
    forMs: z.int(),
    since: instant.optional(),
    until: instant.optional(),
    because: z.string().optional(),
  })
  .meta({ id: 'RunWait' });
export const RunStep = TaskSettings.partial()
  .extend({
    task: z.int().describe('Its number, by which executions name it'),
    step: z.string(),
    needs: z.array(z.string()).describe('Steps of the same stage'),
    onFailure: z.enum(['stop', 'continue']),
    state: RunState,
    hostCount: z.int(),
    counts: Counts,
    outputs: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]))
      .optional()
      .describe('Of a step that declares some and is over: what its hosts told, drawn together'),
    outputsFault: z.string().optional().describe('Why it has failed by them'),
    openedAt: instant.optional().describe('Since when it has its turn, in the present round'),
    condition: z.string().optional().describe('It has its turn only where this is met'),
    chooses: z
      .string()
      .optional()
      .describe('Which hosts of a step before it it goes to: chosen when its turn has come'),
    each: z
      .string()
      .optional()
      .describe('STEP.OUTPUT of a step before it: it is done once for each item that this tells'),
    decision: z
      .object({
        stage: Verdict.optional(),
        step: Verdict.optional(),
        hosts: z
          .object({ of: z.int(), chosen: z.int() })
          .optional()
          .describe('How many were chosen of those that it might have gone to'),
        items: z
          .object({ count: z.int(), fault: z.string().optional() })
          .optional()
          .describe('How many items a step before it has told'),
      })
      .optional()
      .describe('What the condition of its stage and its own have come to, once its turn had come'),
    skippedBecause: z.string().optional().describe('Why it was passed over, so that what needs it goes on'),
    skip: z
      .object({ by: z.string(), reason: z.string(), at: instant })
      .optional()
      .describe('Somebody wants it skipped, or has had it skipped'),
    approval: RunApproval.optional().describe('Of a step that asks people; it has no settings of what is carried out'),
    wait: RunWait.optional().describe('Of a step that lets time pass; it has none either'),
    rollout: RunRollout.optional().describe('How far it has come, where it goes in batches or may ask'),
  })
  .meta({ id: 'RunStep' });
export const RunStage = z
  .object({
    stage: z.string(),
    needs: z.array(z.string()),
    when: z.enum(JOIN_RULES),
    condition: z.string().optional().describe('Its steps have their turn only where this is met'),
    finally: z.boolean(),
    steps: z.array(RunStep),
  })
  .meta({ id: 'RunStage' });
export const RunDetail = Run.extend({
  ...TaskSettings.partial().shape,
  stages: z
    .array(RunStage)
    .optional()
    .describe(
      'Of a run of a job, whose settings are those of its steps then; of a command that goes out in batches too',
    ),
}).meta({ id: 'RunDetail' });
