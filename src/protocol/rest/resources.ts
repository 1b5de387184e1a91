/** Shapes of the API, in and out. Durations go in as text with a unit, instants come out as RFC 3339; nothing here is a domain type. */
import { z } from 'zod';
import { limits } from '../../base/limits.ts';
import { HOST_KEY_POLICIES } from '../../domain/inventory/host-key-policy.ts';
import { lineFault, ownNameFault } from '../../domain/access/name-rule.ts';
import { checked } from '../../shape/checked.ts';
import { duration, runFields, variables } from '../../shape/run-fields.ts';
import { instant, text } from './fields.ts';
import { hostName, idOrFleetName, labelKeys, labels, workerName, zoneName } from './name-fields.ts';
import { ENGINES } from '../../domain/run/executor.ts';
import { POLICY_WORDS, rolloutFault } from '../../domain/policy/policy-words.ts';
import { EXECUTION_STATES, TERMINAL_EXECUTION_STATES } from '../../domain/crew/execution-machine.ts';
import { RUN_STATES } from '../../domain/flow/run-machine.ts';
import { placeFaults } from '../../domain/policy/place-words.ts';

export const strings = z.record(z.string(), z.string());
const name = checked(limits.nameLengthMax, lineFault, { min: 0 });

export const RunId = z.uuid();
export const ExecutionState = z.enum(EXECUTION_STATES).meta({ id: 'ExecutionState' });
export const RunState = z.enum(RUN_STATES).meta({ id: 'RunState' });
export const Counts = z.record(ExecutionState, z.int()).meta({ id: 'ExecutionCounts' });

export const RunCreate = z
  .strictObject({
    hostsMax: z
      .int()
      .min(1)
      .max(limits.targetsPerRunMax)
      .optional()
      .describe('At most so many of the hosts that match: the first by name'),
    targets: runFields.targets.optional(),
    worker: runFields.worker.optional(),
    prefer: runFields.prefer.optional(),
    resources: runFields.resources.optional(),
    strategy: runFields.strategy.optional(),
    script: runFields.script.optional(),
    scriptBase64: z.base64().optional().describe('Script as bytes'),
    command: runFields.command.optional(),
    lang: runFields.lang.optional(),
    args: runFields.args.default([]),
    env: runFields.env.default({}),
    params: variables(limits.environmentEntriesMax).default({}),
    secrets: variables(limits.secretsMax)
      .default({})
      .describe('Reach the script as environment variables; write-only, masked in output'),
    account: name.optional().describe('Name or id of the account to run as: it must cover every host'),
    user: runFields.user.optional(),
    cwd: runFields.cwd.optional(),
    stdin: runFields.stdin.optional(),
    stdinBase64: z.base64().optional().describe('Standard input as bytes'),
    timeout: runFields.timeout.default(POLICY_WORDS.timeout),
    killAfter: runFields.killAfter.default(POLICY_WORDS.killAfter),
    startDeadline: runFields.startDeadline
      .default(POLICY_WORDS.startDeadline)
      .describe('A host that is off until then is not_started'),
    lostAfter: runFields.lostAfter.default(POLICY_WORDS.lostAfter).describe('Link gone longer than this: lost'),
    concurrency: runFields.concurrency.optional(),
    maxFailed: runFields.maxFailed.optional(),
    batches: runFields.batches.optional(),
    between: runFields.between.optional(),
    batchMaxFailed: runFields.batchMaxFailed.optional(),
    onMaxFailed: runFields.onMaxFailed.optional(),
    countsAsFailed: runFields.countsAsFailed.optional(),
    order: runFields.order.optional(),
    retries: runFields.retries.default(POLICY_WORDS.retries),
    successExitCodes: runFields.successExitCodes
      .default([...POLICY_WORDS.successExitCodes])
      .describe('Exit codes that are success'),
    via: runFields.via.default('auto').describe('The way to the hosts: the live agent, else SSH; or one of them only'),
    priority: runFields.priority.default(POLICY_WORDS.priority).describe("Which of a worker's queues it waits in"),
    outputKeptBytes: runFields.outputKeptBytes.default(POLICY_WORDS.outputKeptBytes),
    name: name.default(''),
    reason: text(limits.reasonLengthMax).default(''),
  })
  .refine((body) => [body.script, body.scriptBase64, body.command].filter((work) => work !== undefined).length === 1, {
    message: 'give exactly one of script, scriptBase64 and command',
    path: ['script'],
  })
  .refine((body) => body.stdin === undefined || body.stdinBase64 === undefined, {
    message: 'give one of stdin and stdinBase64',
    path: ['stdin'],
  })
  .superRefine((body, context) => {
    const faults = [rolloutFault(body, (field) => field), ...placeFaults(body)];
    for (const fault of faults)
      if (fault) context.addIssue({ code: 'custom', path: [fault.field], message: fault.detail });
  })
  .meta({ id: 'RunCreate' });

export const Run = z
  .object({
    id: RunId,
    name: z.string(),
    reason: z.string(),
    state: RunState,
    round: z.int(),
    createdBy: z.string(),
    targets: z.string(),
    hostCount: z.int(),
    counts: Counts,
    seq: z.int(),
    createdAt: instant,
    startedAt: instant.optional(),
    finishedAt: instant.optional(),
    durationMs: z
      .int()
      .optional()
      .describe('Of all rounds together, without the time between them; once the run is over'),
    cancelRequestedAt: instant.optional(),
    cancelRequestedBy: z.string().optional(),
    cancelForcedAt: instant.optional().describe('Since when what comes finally is to end too'),
    cancelForcedBy: z.string().optional(),
    pausedAt: instant.optional().describe('Since when somebody wants that nothing more of it starts'),
    pausedBy: z.string().optional(),
    asks: z.boolean().optional().describe('Something of it waits for an answer: an approval, or a rollout'),
    job: z
      .object({ name: z.string(), version: z.int() })
      .optional()
      .describe('The version of a job that it is a run of; absent for a command'),
  })
  .meta({ id: 'Run' });
const Stream = z
  .object({
    size: z.int(),
    head: z.int(),
    tail: z.int(),
    gap: z.int().describe('Bytes between head and tail; a host with an agent has them for days'),
    digest: z.string().optional(),
  })
  .meta({ id: 'Stream' });
export const Executor = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('agent'), id: z.uuid() }),
    z.object({ kind: z.literal('worker'), id: z.uuid(), engine: z.enum(ENGINES) }),
  ])
  .meta({ id: 'Executor' });
const exited = z.object({ kind: z.literal('exited'), code: z.int() });
const signalled = z.object({ kind: z.literal('signalled'), signal: z.string().optional() });
const stopped = {
  end: z
    .discriminatedUnion('kind', [exited, signalled])
    .optional()
    .describe('How its process then ended, if that was seen'),
};
const Outcome = z
  .discriminatedUnion('kind', [
    exited,
    signalled,
    z.object({ kind: z.literal('timed_out'), ...stopped }),
    z.object({ kind: z.literal('cancelled'), ...stopped }),
    z.object({ kind: z.literal('answered'), status: z.int().describe('Of HTTP') }).describe('Of a call'),
    z
      .object({ kind: z.literal('rows'), rows: z.int().describe('That a statement has read or changed') })
      .describe('Of a call of a database'),
    z.object({ kind: z.literal('faulted') }).describe('Of a call that ended without its whole answer'),
    z.object({ kind: z.literal('refused') }),
    z.object({ kind: z.literal('unknown') }),
  ])
  .describe('How the attempt ended, as its executor told it; absent where nothing was told')
  .meta({ id: 'Outcome' });
export const Execution = z
  .object({
    runId: RunId,
    task: z.int(),
    ordinal: z.int(),
    attempt: z.int(),
    round: z.int(),
    host: z.string().optional().describe('Absent where it goes to no host: a worker carries it out'),
    hostId: z.uuid().optional(),
    item: z.string().optional().describe('Which of several items its step is done for'),
    state: ExecutionState,
    executor: Executor.optional().describe('Who carries the attempt out; absent while it waits'),
    workerId: z.uuid().optional().describe('The worker by whose link the order went'),
    outcome: Outcome.optional(),
    reason: z.string().optional(),
    detail: z.string().optional(),
    stdout: Stream,
    stderr: Stream,
    settledLate: z.boolean(),
    seq: z.int(),
    dispatchedAt: instant.optional(),
    startedAt: instant.optional(),
    finishedAt: instant.optional(),
  })
  .meta({ id: 'Execution' });
export const LateReport = z
  .object({
    state: ExecutionState,
    receivedAt: instant,
    startedAt: instant.optional(),
    finishedAt: instant,
    outcome: Outcome.optional(),
    reason: z.string().optional(),
    detail: z.string().optional(),
    stdout: Stream,
    stderr: Stream,
  })
  .meta({ id: 'LateReport' });
export const PastExecution = Execution.extend({
  lateReport: LateReport.optional().describe(
    'Of a lost attempt: what its agent told after a newer attempt had been opened',
  ),
}).meta({ id: 'PastExecution' });
export const OutputGroup = z
  .object({
    state: ExecutionState,
    outcome: Outcome.optional(),
    reason: z.string().optional(),
    count: z.int(),
    hosts: z.array(z.string()),
    stdout: Stream,
    stderr: Stream,
    sample: z.object({ task: z.int(), ordinal: z.int(), attempt: z.int() }),
  })
  .meta({ id: 'OutputGroup' });
export const OutputValues = z
  .object({
    task: z.int(),
    ordinal: z.int(),
    attempt: z.int(),
    host: z.string().optional().describe('Absent where it went to no host'),
    hostId: z.uuid().optional(),
    item: z.string().optional(),
    state: ExecutionState.describe('Of the execution as it stands now'),
    values: z.record(z.string(), z.string()).describe('By name, with secrets masked'),
    fault: z.string().optional().describe('What of them was left out, and why'),
  })
  .meta({ id: 'OutputValues' });
export const TimelineEntry = z
  .object({ seq: z.int(), at: instant, kind: z.string(), detail: z.record(z.string(), z.unknown()) })
  .meta({ id: 'TimelineEntry' });
export const RunPause = z.strictObject({ reason: text(limits.reasonLengthMax).default('') }).meta({ id: 'RunPause' });

export const RunAnswer = z
  .strictObject({
    goesOn: z
      .boolean()
      .describe('Whether it goes on; else nothing more of the step starts, and an approval has failed'),
    step: z
      .string()
      .max(2 * limits.nameLengthMax + 1)
      .optional()
      .describe('Where several steps ask: its name, STAGE/STEP or STAGE.STEP'),
    batch: z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe('The batch that the question names: refused when it asks after another by now'),
    reason: text(limits.reasonLengthMax).default(''),
  })
  .meta({ id: 'RunAnswer' });

export const RunAnswered = Run.extend({
  answered: z
    .object({
      step: z.string().optional().describe('STAGE/STEP; absent for a command'),
      approvals: z.int().optional().describe('Of an approval: so many different people have said yes by now'),
      count: z.int().optional().describe('Of an approval: so many have to'),
      repeated: z.boolean().optional().describe('Whoever answers had said yes before, which counts once'),
    })
    .optional()
    .describe('What the answer came to'),
}).meta({ id: 'RunAnswered' });

export const RunStepSaid = z
  .strictObject({
    step: text(2 * limits.nameLengthMax + 1)
      .min(1)
      .describe('Its name, STAGE/STEP or STAGE.STEP'),
    reason: text(limits.reasonLengthMax).default(''),
  })
  .meta({ id: 'RunStepSaid' });

export const RunRetry = z
  .strictObject({ states: z.array(z.enum(TERMINAL_EXECUTION_STATES)).min(1).max(TERMINAL_EXECUTION_STATES.length) })
  .meta({ id: 'RunRetry' });

export const Host = z
  .object({
    id: z.uuid(),
    name: z.string(),
    labels: strings,
    facts: z.record(z.string(), z.unknown()),
    agentId: z.string().optional().describe('Absent: it has no agent, or none any more'),
    agentUninstalledAt: instant.optional().describe('When a run has taken its agent off; it has not linked since'),
    linked: z.boolean(),
    workerId: z.string().optional(),
    linkChangedAt: instant.optional(),
    createdAt: instant,
    reachableBy: z.array(z.enum(['agent', 'ssh'])).describe('agent: its agent is linked now; ssh: it has an address'),
    zone: z.string(),
    address: z.string().optional(),
    port: z.int().optional(),
    accountId: z.string().optional(),
    account: z.string().optional().describe('Absent though accountId is there: the account has been removed'),
    jumpHost: z.string().optional(),
    twinOf: z
      .string()
      .optional()
      .describe('It has the machine id of this host and joined without its key: no work until somebody decides'),
    sshContact: z
      .object({ at: instant, code: z.string().optional().describe('Why it was not reached; absent: it was') })
      .optional()
      .describe('The last connection over SSH, of a run or of a test of the way that a run takes'),
    hostKeyPolicy: z.enum(HOST_KEY_POLICIES).optional(),
    algorithms: z.record(z.string(), z.array(z.string())).optional(),
  })
  .meta({ id: 'Host' });
export const HostLabel = z
  .strictObject({
    set: labels.default({}),
    remove: labelKeys.default([]),
  })
  .meta({ id: 'HostLabel' });
export const AgentKeep = z
  .strictObject({ instance: z.uuid().describe('One of the two in `copies`') })
  .meta({ id: 'AgentKeep' });
export const Agent = z
  .object({
    id: z.uuid(),
    hostId: z.uuid(),
    host: z.string(),
    state: z.string(),
    version: z.string().optional(),
    linked: z.boolean(),
    uninstalledAt: instant.optional().describe('When a run has taken it off its host; it has not linked since'),
    joinedAt: instant,
    certificateExpiresAt: instant,
    load: z
      .object({
        at: instant,
        running: z.int().describe('Executions on the host now'),
        unreported: z.int().describe('Ended, and not yet taken over by a server'),
        rssBytes: z.int(),
        loadAverage: z.number().describe('Of the host, over a minute'),
        lagMs: z.number(),
        freeMemoryBytes: z.int().optional(),
        freeSpoolBytes: z.int(),
        skewMs: z.int().optional().describe("Its clock minus the worker's"),
      })
      .optional()
      .describe('What a linked agent last said, about once a minute'),
    links: z.int().describe('How often it linked in the last ten minutes; counted up to five'),
    problems: z.array(z.string()).describe('flapping, lagging, skewed, spool-low, copied'),
    copies: z
      .array(
        z.object({ instance: z.uuid(), start: z.int(), worker: z.uuid(), seenAt: instant }).meta({ id: 'AgentCopy' }),
      )
      .optional()
      .describe('Two starts of this agent that both show themselves: copies of one data folder. Neither is given work'),
  })
  .meta({ id: 'Agent' });
export const JoinTokenCreate = z
  .strictObject({
    role: z.enum(['agent', 'worker']).default('agent'),
    labels: labels.default({}),
    zone: zoneName.default('default'),
    uses: z.int().min(1).max(limits.joinTokenUsesMax).default(1),
    lifetime: duration(limits.apiTokenMsMax).default('1h'),
    host: idOrFleetName
      .optional()
      .describe('Id or name of a host: whoever joins with the token becomes its agent, in its zone'),
  })
  .refine((body) => body.host === undefined || (body.role === 'agent' && body.uses === 1), {
    message: 'a token made for a host is for one agent',
    path: ['host'],
  })
  .meta({ id: 'JoinTokenCreate' });
export const JoinToken = z
  .object({
    id: z.uuid(),
    role: z.string(),
    labels: strings,
    zone: z.string(),
    hostId: z.uuid().optional(),
    usesLeft: z.int(),
    expiresAt: instant,
    createdAt: instant,
    createdBy: z.string(),
  })
  .meta({ id: 'JoinToken' });
export const JoinTokenCreated = JoinToken.extend({ token: z.string().describe('Shown once') }).meta({
  id: 'JoinTokenCreated',
});
export const ApiTokenCreate = z
  .strictObject({
    name: checked(limits.nameLengthMax, ownNameFault),
    role: z.enum(['viewer', 'operator', 'admin']),
    lifetime: duration(limits.apiTokenMsMax).default('90d'),
  })
  .meta({ id: 'ApiTokenCreate' });
export const ApiToken = z
  .object({
    id: z.uuid(),
    name: z.string(),
    role: z.string(),
    createdAt: instant,
    expiresAt: instant,
    revokedAt: instant.optional(),
  })
  .meta({ id: 'ApiToken' });
export const ApiTokenCreated = ApiToken.extend({ token: z.string().describe('Shown once') }).meta({
  id: 'ApiTokenCreated',
});
export const ApiTokenRevoked = z
  .object({ cancelledRuns: z.int().describe('Its runs that were under way and are cancelled with it') })
  .meta({ id: 'ApiTokenRevoked' });
export const AgentJoin = z
  .strictObject({
    secret: text(200),
    csr: text(8_192),
    name: hostName,
    machineId: text(200),
    labels: labels.default({}),
    facts: z.record(z.string(), z.unknown()).default({}),
    nowMs: z.int().optional().describe('The clock of the joining machine'),
    previous: z
      .object({ agentId: z.uuid(), signatures: z.array(text(200)).max(2) })
      .optional()
      .describe(
        'The agent that it was until now; signatures, base64, by its keys, of `drover-join-1`, the SHA-256 of ' +
          'the secret in base64url and csr, each on a line',
      ),
  })
  .meta({ id: 'AgentJoin' });
export const AgentJoined = z
  .object({
    agentId: z.uuid(),
    hostId: z.uuid(),
    certificate: z.string(),
    ca: z.string(),
    dispatchKey: z.string(),
    workers: z.array(z.string()),
    nowMs: z.number(),
    name: z.string().describe('As the host is on record'),
    labels: strings,
    replaced: z.string().optional(),
    twinOf: z.string().optional().describe('Host of the same machine id: no work until somebody decides'),
  })
  .meta({ id: 'AgentJoined' });
export const WorkerJoin = z
  .strictObject({
    secret: text(200),
    csr: text(8_192),
    name: workerName,
    version: checked(50, lineFault, { min: 0 }),
    nowMs: z.int().optional().describe('The clock of the joining machine'),
  })
  .meta({ id: 'WorkerJoin' });
export const WorkerJoined = z
  .object({ workerId: z.uuid(), zone: z.string(), certificate: z.string(), ca: z.string(), nowMs: z.number() })
  .meta({ id: 'WorkerJoined' });
export const Self = z
  .object({ id: z.string(), name: z.string(), role: z.string(), permissions: z.array(z.string()), expiresAt: instant })
  .meta({ id: 'Self' });

export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string().optional(),
    code: z.string(),
    retryable: z.boolean(),
    requestId: z.string(),
    errors: z
      .array(z.object({ pointer: z.string(), code: z.string(), detail: z.string() }))
      .optional()
      .describe('Faults of the input: the first hundred'),
    errorCount: z.int().optional().describe('How many faults were found'),
  })
  .meta({ id: 'Problem' });
export function pageOf<T extends z.ZodType>(
  item: T,
): z.ZodObject<{ items: z.ZodArray<T>; next: z.ZodOptional<z.ZodString> }> {
  return z.object({
    items: z.array(item),
    next: z.string().optional().describe('Pass it as cursor for the next page; absent on the last'),
  });
}
