/** Shapes of the API, in and out. Durations go in as text with a unit, instants come out as RFC 3339; nothing here is a domain type. */
import { z } from 'zod';
import { formatDurationMs, parseDurationMs } from '../../base/duration.ts';
import { limits } from '../../base/limits.ts';
import { HOST_KEY_POLICIES } from '../../domain/inventory/host-key-policy.ts';
import { parseFailureLimit } from '../../domain/rollout/failure-limit.ts';
import { lineFault, ownNameFault } from '../../domain/access/name-rule.ts';
import { checked } from './checked.ts';
import { instant, text } from './fields.ts';
import { hostName, idOrFleetName, labelKeys, labels, workerName, zoneName } from './name-fields.ts';
import { PRIORITIES } from '../../domain/placement/queue-pick.ts';
import { ENGINES } from '../../domain/run/executor.ts';
import { VIAS } from '../../domain/placement/placement.ts';
import { EXIT_ZERO } from '../../domain/crew/outcome.ts';
import { EXECUTION_STATES, TERMINAL_EXECUTION_STATES } from '../../domain/crew/execution-machine.ts';
import { RUN_STATES } from '../../domain/flow/run-machine.ts';

const name = checked(limits.nameLengthMax, lineFault, { min: 0 });
const strings = z.record(z.string(), z.string());
const variables = (max: number) =>
  strings.refine((value) => Object.keys(value).length <= max, `at most ${max} are allowed`).default({});

function duration(maxMs: number): z.ZodString {
  return z
    .string()
    .refine((value) => (parseDurationMs(value) ?? 0) > 0 && parseDurationMs(value)! <= maxMs, {
      message: `bad-duration: write it with a unit, such as 30s, 5m or 1h30m; at most ${maxMs / 1_000} s`,
    })
    .describe('A duration with its unit: 500ms, 30s, 5m, 2h, 7d, 1h30m') as unknown as z.ZodString;
}

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
    targets: text(limits.targetExpressionLengthMax).describe(
      'all, names, globs, sets such as web-[01-20,25], label=value, joined by and, or, not and brackets',
    ),
    script: z.string().optional().describe('Script as text'),
    scriptBase64: z.base64().optional().describe('Script as bytes'),
    command: z.array(z.string()).max(limits.argumentsMax).optional().describe('Argument vector, run without a shell'),
    lang: text(200)
      .optional()
      .describe('sh, bash, python, perl, node, powershell, or any program; default: #!, else sh'),
    args: z.array(z.string()).max(limits.argumentsMax).default([]),
    env: variables(limits.environmentEntriesMax),
    params: variables(limits.environmentEntriesMax),
    secrets: variables(limits.secretsMax).describe(
      'Reach the script as environment variables; write-only, masked in output',
    ),
    account: name.optional().describe('Name or id of the account to run as: it must cover every host'),
    user: text(256).optional().describe('A user of the hosts, where no account is given'),
    cwd: text(4_096).optional(),
    stdin: z.string().optional().describe('Standard input as text'),
    stdinBase64: z.base64().optional().describe('Standard input as bytes'),
    timeout: duration(limits.timeoutMsMax).default(formatDurationMs(limits.timeoutMsDefault)),
    killAfter: duration(limits.killAfterMsMax).default('10s'),
    startDeadline: duration(limits.startDeadlineMsMax)
      .default('2m')
      .describe('A host that is off until then is not_started'),
    lostAfter: duration(limits.startDeadlineMsMax).default('2m').describe('Link gone longer than this: lost'),
    concurrency: z.int().min(1).max(limits.concurrencyMax).optional(),
    maxFailed: z
      .string()
      .refine((value) => parseFailureLimit(value) !== undefined, {
        message: 'a number of hosts, or a share such as 10%',
      })
      .optional(),
    retries: z.int().min(0).max(limits.retriesMax).default(0),
    successExitCodes: z
      .array(z.int().min(0).max(limits.exitCodeMax))
      .min(1)
      .max(limits.successExitCodesMax)
      .default([...EXIT_ZERO.exitCodes])
      .describe('Exit codes that are success'),
    via: z.enum(VIAS).default('auto').describe('The way to the hosts: the live agent, else SSH; or one of them only'),
    priority: z.enum(PRIORITIES).default('normal').describe("Which of a worker's queues it waits in"),
    outputKeptBytes: z.int().min(0).max(limits.outputKeptBytesMax).default(limits.outputKeptBytesDefault),
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
  })
  .meta({ id: 'Run' });
export const RunDetail = Run.extend({
  script: z.string().optional(),
  command: z.array(z.string()).optional(),
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
  retries: z.int(),
  successExitCodes: z.array(z.int()),
  via: z.enum(VIAS),
  priority: z.enum(PRIORITIES),
  accountId: z.string().optional(),
}).meta({ id: 'RunDetail' });

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
    host: z.string(),
    hostId: z.uuid(),
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
export const TimelineEntry = z
  .object({ seq: z.int(), at: instant, kind: z.string(), detail: z.record(z.string(), z.unknown()) })
  .meta({ id: 'TimelineEntry' });
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
const Queue = z
  .object({ length: z.int(), oldestMs: z.int().describe('How long the oldest has waited') })
  .meta({ id: 'WorkerQueue' });
const Lane = z
  .object({ underWay: z.int(), capacity: z.int(), high: Queue, normal: Queue, low: Queue })
  .meta({ id: 'WorkerLane' });
export const Worker = z
  .object({
    id: z.uuid(),
    name: z.string(),
    zone: z.string(),
    agentAddress: z.string(),
    linked: z.boolean(),
    drained: z.boolean().describe('It takes no new work'),
    revokedAt: instant.optional().describe('It is cut off for good since then'),
    version: z.string().optional(),
    joinedAt: instant,
    agents: z.int().optional(),
    queued: z.int().optional(),
    figuresAt: instant
      .optional()
      .describe('When the worker gave these figures: soon after a change, and when it is told to drain'),
    rssBytes: z.int().optional(),
    lagMs: z.number().optional(),
    lanes: z
      .object({ agent: Lane, ssh: Lane })
      .optional()
      .describe('What is under way and what waits, by the way it goes'),
  })
  .meta({ id: 'Worker' });
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
