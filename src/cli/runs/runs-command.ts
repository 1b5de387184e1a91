/** `drover runs list|show|watch|pause|resume|answer|skip|cancel|retry`: what ran, what it did, again. */
import { dataOf, type Execution, type Run, type Schemas } from '@drover/sdk';
import type { Command } from 'commander';
import { systemClock } from '../../base/clock.ts';
import { TERMINAL_EXECUTION_STATES } from '../../domain/crew/execution-machine.ts';
import { isTerminalRun, RUN_STATES } from '../../domain/flow/run-machine.ts';
import { answer, command, group, listText, withDisconnect, withUtc, type AnswerFlags } from '../command.ts';
import { EXIT } from '../../base/exit-codes.ts';
import { given } from '../../base/given.ts';
import { limits } from '../../base/limits.ts';
import { UsageError } from '../exit.ts';
import { HeldSignals, type OnDisconnect } from './interrupt.ts';
import { choicesOf, choicesOption, Faults, instant, number } from '../input.ts';
import { note, paintOf } from '../out.ts';
import { addOutputCommand } from './output-command.ts';
import { carriedOut, createPaint, leftOutText, table, timeText, verdictLine } from '../render.ts';
import { endingText, hostText } from './folded-text.ts';
import { executionsOf } from './executions.ts';
import { runIdOf } from './run-id.ts';
import type { OutputValues, WithValues } from './values.ts';
import type { ValuesFlags } from './values-command.ts';
import {
  isOfOneTask,
  rolloutAnswerLines,
  rolloutText,
  runTookText,
  settingRows,
  tookText,
  whatText,
} from './run-text.ts';
import { openSession, type Session } from '../servers/session.ts';
import { cutText, plainText } from '../text-width.ts';
import type { SaidFlags, Wish, WishFlags } from './wish.ts';

interface ListFlags extends AnswerFlags {
  readonly state?: string;
  readonly name?: string;
  readonly by?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit: string;
  readonly cursor?: string;
}
interface ShowFlags extends AnswerFlags {
  readonly all?: boolean;
}
interface RetryFlags extends AnswerFlags {
  readonly failed?: boolean;
  readonly lost?: boolean;
  readonly timedOut?: boolean;
  readonly notStarted?: boolean;
  readonly cancelled?: boolean;
  readonly skipped?: boolean;
  readonly all?: boolean;
  readonly detach?: boolean;
  readonly live?: boolean;
  readonly onDisconnect?: OnDisconnect;
}

const RUN_ID = 'id, a beginning of it that fits one run, or last: the last that you have made';
const STEP = 'its name, STAGE/STEP or STAGE.STEP';
const NAME_COLUMNS = 40;
/** A larger run shows those that did not succeed only, and not more than so many. */
const SHOWN_ALL = 50;
const SHOWN_MAX = 200;

export function addRunsCommands(program: Command): void {
  const runs = group(program, 'runs', 'list, show, watch, pause, resume, answer, skip steps of, cancel and retry runs');
  withUtc(
    command(runs, 'list', {
      summary: 'list runs, newest first',
      examples: [
        'drover runs list',
        'drover runs list --state failed,timed_out --since 1d',
        'drover runs list -n 500 --name deploy --json',
      ],
    }),
  )
    .addOption(choicesOption('--state <states>', RUN_STATES))
    .option('--name <text>', 'whose name holds this')
    .option('--by <name>', 'made by this token')
    .option('--since <time>', 'made after this: 2h (ago), or a date and time')
    .option('--until <time>', 'made before this')
    .option('-n, --limit <n>', 'how many', '20')
    .option('--cursor <cursor>', 'go on where an earlier list ended')
    .action(list);
  withUtc(
    command(runs, 'show', {
      summary: 'show a run, its timeline and its executions',
      examples: ['drover runs show 01936f2e-0000-7000-8000-000000000000', 'drover runs show ID --json'],
    }),
  )
    .argument('<id>', RUN_ID)
    .option('--all', 'every execution, also of a large run')
    .action(show);
  command(runs, 'watch', {
    summary: 'follow a run to its end',
    description: 'Follow a run to its end and show the folded result, with the exit codes of `drover run`.',
    examples: ['drover runs watch ID', 'drover runs watch ID --live'],
  })
    .argument('<id>', RUN_ID)
    .option('--live', 'show output as it comes')
    .action(async (id: string, flags: { json?: boolean; live?: boolean }) => {
      const session = openSession();
      process.exitCode = await (await import('./follow.ts')).followToEnd(session, await fetchRun(session, id), {
        ...flags,
        watching: true,
      });
    });
  addOutputCommand(runs, fetchRun);
  command(runs, 'values', {
    summary: 'show the values that scripts told through DROVER_OUTPUT',
    examples: [
      'drover runs values last',
      'drover runs values ID --host web-7 --json',
      'drover runs values ID --step check',
    ],
  })
    .argument('<id>', RUN_ID)
    .option('--host <name>', 'one host')
    .option('--step <name>', 'one step, of a run of a job')
    .option('--attempt <n>', 'of an earlier attempt (default: the last of each)')
    .action(async (id: string, flags: ValuesFlags) => {
      const { checkedAttempt, showValues } = await import('./values-command.ts');
      const attempt = checkedAttempt(flags);
      const session = openSession();
      await showValues(session, await fetchRun(session, id), flags, attempt);
    });
  const wish =
    (verb: Wish) =>
    async (id: string, flags: WishFlags): Promise<void> =>
      (await import('./wish.ts')).wish(verb, id, flags);
  command(runs, 'pause', {
    summary: 'start nothing more until it is resumed',
    description:
      'Start nothing more of a run until it is resumed. What runs goes on to its end, and no start deadline runs out meanwhile.',
    examples: ['drover runs pause last --reason "the load balancer is red"'],
  })
    .argument('<id>', RUN_ID)
    .option('--reason <text>', 'why; kept in the audit trail')
    .action(wish('pause'));
  command(runs, 'resume', {
    summary: 'let a paused run go on',
    examples: ['drover runs resume last', 'drover runs resume ID --reason "green again"'],
  })
    .argument('<id>', RUN_ID)
    .option('--reason <text>', 'why; kept in the audit trail')
    .action(wish('resume'));
  command(runs, 'answer', {
    summary: 'answer what a run asks: an approval, or whether a rollout goes on',
    description:
      'Answer what a run asks. An approval that enough people have said yes to goes on; one no is enough to refuse it, and its step has ' +
      'failed with that reason.',
    examples: ['drover runs answer last yes --reason "looks well"', 'drover runs answer ID no --step release/approve'],
  })
    .argument('<id>', RUN_ID)
    .argument('<yes|no>', 'yes: it goes on; no: nothing more of the step starts, or the approval is refused')
    .option('--step <name>', 'where several steps ask: its name, STAGE/STEP or STAGE.STEP')
    .option('--batch <n>', 'only where it asks after this batch: so that it is to the question that you have seen')
    .option('--reason <text>', 'why; kept in the audit trail')
    .action(async (id: string, said: string, flags: SaidFlags) =>
      (await import('./wish.ts')).answerRun(id, said, flags),
    );
  command(runs, 'skip', {
    summary: 'skip a step of a job that is not over',
    description:
      'Skip a step that is not over. What has its turn is ended, and what has not is passed over when it comes; what needs it goes on as ' +
      'after a success.',
    examples: ['drover runs skip last approve --reason "agreed by phone"', 'drover runs skip ID release/smoke-test'],
  })
    .argument('<id>', RUN_ID)
    .argument('<step>', STEP)
    .option('--reason <text>', 'why; kept in the timeline and in the audit trail')
    .action(async (id: string, step: string, flags: WishFlags) =>
      (await import('./wish.ts')).skipStep(id, step, flags),
    );
  command(runs, 'why', {
    summary: 'why tasks without hosts wait, and how workers were chosen',
    examples: ['drover runs why last'],
  })
    .argument('<id>', RUN_ID)
    .action(async (id: string, flags: AnswerFlags) => (await import('./why-command.ts')).why(id, flags));
  command(runs, 'cancel', {
    summary: 'start nothing more and end what runs',
    description:
      'Start nothing more of a run and end what runs. What a job says is done finally is done after it, unless forced: then it ends ' +
      'too, or does not begin, also after a cancel that left it.',
    examples: ['drover runs cancel ID', 'drover runs cancel ID --force'],
  })
    .argument('<id>', RUN_ID)
    .option('--force', 'also what comes finally')
    .action(wish('cancel'));
  withDisconnect(
    command(runs, 'retry', {
      summary: 'new attempts on the same hosts',
      description:
        'Open a new round of attempts on the chosen hosts of a finished run: same script, same hosts, by their ids.',
      examples: ['drover runs retry ID --failed', 'drover runs retry ID --lost --not-started --detach'],
    }),
  )
    .argument('<id>', RUN_ID)
    .option('--failed', 'hosts where it failed; of a step that failed by its outputs, all')
    .option('--lost', 'hosts that went out of reach')
    .option('--timed-out', 'hosts where it took too long')
    .option('--not-started', 'hosts that were off')
    .option('--cancelled', 'hosts where it was cancelled')
    .option('--skipped', 'hosts that had no turn')
    .option('--all', 'every host of the run')
    .option('-d, --detach', 'print the id and return')
    .option('--live', 'show output as it comes')
    .action(retry);
}

async function fetchRun(session: Session, id: string) {
  return dataOf(
    await session.client.GET('/api/v1/runs/{runId}', { params: { path: { runId: await runIdOf(session, id) } } }),
  );
}

async function list(flags: ListFlags): Promise<void> {
  const faults = new Faults();
  const wanted = number(faults, '--limit', flags.limit, { least: 1 }) ?? 1;
  const states = choicesOf(faults, '--state', RUN_STATES, flags.state || undefined);
  const now = systemClock.nowMs();
  const [createdAfter, createdBefore] = [
    instant(faults, '--since', flags.since, now),
    instant(faults, '--until', flags.until, now),
  ];
  faults.end();
  const { client } = openSession();
  const filters = given({
    state: states?.join(','),
    name: flags.name || undefined,
    createdBy: flags.by || undefined,
    createdAfter: createdAfter || undefined,
    createdBefore: createdBefore || undefined,
  });
  const items: Run[] = [];
  let next = flags.cursor;
  do {
    const page = dataOf(
      await client.GET('/api/v1/runs', {
        params: {
          query: {
            limit: Math.min(limits.pageSizeMax, wanted - items.length),
            ...filters,
            ...given({ cursor: next }),
          },
        },
      }),
    );
    items.push(...page.items);
    next = page.next;
  } while (next !== undefined && items.length < wanted);
  const utc = flags.utc === true;
  await answer(
    flags,
    { items, ...given({ next }) },
    () =>
      `${listText(flags, items, [
        ['ID', (run) => run.id],
        ['STATE', (run) => (run.asks ? `${run.state}, asks` : run.state)],
        ['CREATED', (run) => timeText(run.createdAt, utc)],
        ['TOOK', runTookText],
        ['BY', (run) => run.createdBy],
        ['HOSTS', (run) => (run.hostCount === 0 ? '' : String(run.hostCount))],
        ['TARGETS', (run) => cutText(plainText(run.targets), NAME_COLUMNS), 'wide'],
        ['REASON', (run) => cutText(plainText(run.reason), NAME_COLUMNS), 'wide'],
        ['NAME', (run) => cutText(plainText(run.name), NAME_COLUMNS)],
        ['COUNTS', (run) => carriedOut(run, createPaint(false))],
      ])}${next === undefined ? '' : `\n${paintOf('stdout').dim(`… older ones: --cursor ${next}`)}`}`,
    (run) => run.id,
  );
}

async function show(id: string, flags: ShowFlags): Promise<void> {
  const session = openSession();
  const run = await fetchRun(session, id);
  const timeline = await timelineOf(session, run.id);
  const workers = flags.json ? new Map<string, string>() : await workerNames(session);
  const every = flags.json || flags.all || run.hostCount <= SHOWN_ALL;
  const { ValuesBeside, valuesOf } = await import('./values.ts');
  const values = new ValuesBeside(valuesOf(session, run.id));
  const executions: WithValues<Execution>[] = [];
  for await (const execution of executionsOf(session, run.id)) {
    if (every || execution.state !== 'succeeded') executions.push({ ...execution, ...(await values.of(execution)) });
    if (!every && executions.length >= SHOWN_MAX) break;
  }
  const { executorName } = await import('../../domain/run/executor.ts');
  const waits = flags.json ? undefined : await waitsOf(session, run.id, executions);
  const { stageLines } = await import('./stage-text.ts');
  const { timelineText } = await import('./timeline-text.ts');
  const { valuesText } = await import('./values-command.ts');
  await answer(flags, { run, timeline, executions }, () => {
    const [paint, utc] = [paintOf('stdout'), flags.utc === true];
    const facts: [string, string | undefined][] = [
      ['name', run.name],
      ['by', `${run.createdBy} at ${timeText(run.createdAt, utc)}`],
      ['reason', run.reason || undefined],
      ['job', run.job && `${run.job.name}, version ${run.job.version}`],
      ['targets', run.targets],
      ['as', run.user],
      ...(isOfOneTask(run) ? settingRows(run) : []),
      ['round', String(run.round)],
      ...commandRollout(run, utc),
      [
        'paused',
        isTerminalRun(run.state) ? undefined : run.pausedBy && `by ${run.pausedBy} at ${timeText(run.pausedAt, utc)}`,
      ],
      ['cancelled', run.cancelRequestedBy && `by ${run.cancelRequestedBy} at ${timeText(run.cancelRequestedAt, utc)}`],
      [
        'forced',
        run.cancelForcedBy &&
          `by ${run.cancelForcedBy} at ${timeText(run.cancelForcedAt, utc)}: what comes finally too`,
      ],
    ];
    const head = facts
      .flatMap(([name, value]) => (value === undefined ? [] : [`${name.padEnd(9)} ${plainText(value)}`]))
      .join('\n');
    const kindColumns = Math.max(...timeline.map(({ kind }) => kind.length));
    const events = timeline
      .map(
        (entry) =>
          `${timeText(entry.at, utc)}  ${entry.kind.padEnd(kindColumns)} ${paint.dim(timelineText(entry, workers, utc))}`,
      )
      .join('\n');
    const what = isOfOneTask(run) ? whatText(run) : ['', ...stageLines(run, utc)];
    const steps = new Map(
      (isOfOneTask(run) ? [] : run.stages)?.flatMap((stage) => stage.steps.map(({ task, step }) => [task, step])),
    );
    const rows = executions.map((e) => [
      ...(steps.size > 0 ? [steps.get(e.task) ?? ''] : []),
      e.host ?? onWorker(e, workers),
      endingText(e),
      e.executor ? executorName(e.executor) : '',
      String(e.attempt),
      tookText(e.startedAt, e.finishedAt),
      String(e.stdout.size),
      String(e.stderr.size),
      `${e.detail ?? waits?.get(waitKey(e)) ?? ''}${e.settledLate ? ' (settled late)' : ''}`,
    ]);
    const told = valuesText(flags, executions.flatMap(toldOf), steps);
    const hosts =
      rows.length === 0
        ? // Of none there is nothing to list; of a large run those are left out that succeeded.
          every
          ? ''
          : everySucceeded(run)
        : table(
            [
              ...(steps.size > 0 ? ['STEP'] : []),
              run.hostCount === 0 ? 'ON' : 'HOST',
              'STATE',
              'VIA',
              'ATTEMPT',
              'TOOK',
              'STDOUT',
              'STDERR',
              'DETAIL',
            ],
            rows,
          );
    return (
      `${[`${verdictLine(run, paint)}\n${head}\n${what.join('\n')}`, events, hosts, told].filter((part) => part !== '').join('\n\n')}` +
      `${!every && rows.length >= SHOWN_MAX ? `\n${paint.dim('… and more: --all')}` : ''}`
    );
  });
}

/** Of a large run of which everything that there is has succeeded, if there is anything. */
function everySucceeded({ state, counts, job }: Run): string {
  if (counts.succeeded === 0) return '';
  if (job === undefined) return 'every host succeeded (--all lists them)';
  const which = isTerminalRun(state) ? 'every execution' : 'every execution so far';
  return `${which} succeeded (--all lists them)`;
}

const waitKey = ({ task, host }: { readonly task: number; readonly host?: string | undefined }): string =>
  `${task} ${host ?? ''}`;

/** Why those wait that do, as hosts and workers are now; nothing where a server does not tell it. */
async function waitsOf(
  { client }: ReturnType<typeof openSession>,
  runId: string,
  executions: readonly Execution[],
): Promise<ReadonlyMap<string, string>> {
  if (!executions.some(({ state }) => state === 'waiting')) return new Map();
  const { data } = await client.GET('/api/v1/runs/{runId}/why', { params: { path: { runId } } });
  const tasks = data?.waiting.map((one) => [waitKey(one), `would take it now: ${one.why}`] as const);
  return new Map([...(tasks ?? []), ...(data?.hosts.map((one) => [waitKey(one), one.why] as const) ?? [])]);
}

/** By whom a task without hosts is carried out. */
function onWorker({ executor, item }: Execution, workers: ReadonlyMap<string, string>): string {
  if (item !== undefined) return item;
  return executor ? `worker ${workers.get(executor.id) ?? executor.id}` : hostText({});
}

/** Of a command that goes out in batches, or may ask: how far it is, and what answers it. */
function commandRollout(run: Schemas['RunDetail'], utc: boolean): [string, string | undefined][] {
  const step = isOfOneTask(run) && !isTerminalRun(run.state) ? run.stages?.[0]?.steps[0] : undefined;
  if (!step) return [];
  const [answers] = rolloutAnswerLines(step, run.id);
  return [
    ['rollout', rolloutText(step, utc) || undefined],
    ['answer', answers?.replace(/^answer: /, '')],
  ];
}

function toldOf({ values, valuesFault, ...execution }: WithValues<Execution>): OutputValues[] {
  return values ? [{ ...execution, values, ...given({ fault: valuesFault }) }] : [];
}

type Timeline = Awaited<ReturnType<typeof timelinePage>>;

async function timelinePage(session: Session, runId: string, after: number) {
  return dataOf(
    await session.client.GET('/api/v1/runs/{runId}/timeline', {
      params: { path: { runId }, query: { limit: limits.pageSizeMax, after } },
    }),
  ).items;
}

async function timelineOf(session: Session, runId: string): Promise<Timeline> {
  const entries: Timeline = [];
  for (;;) {
    const page = await timelinePage(session, runId, entries.at(-1)?.seq ?? 0);
    entries.push(...page);
    if (page.length < limits.pageSizeMax) return entries;
  }
}

/** By id. Whoever may not see workers, or asks for one that is gone, is shown the ids. */
async function workerNames(session: Session): Promise<ReadonlyMap<string, string>> {
  const page = await session.client.GET('/api/v1/workers').then(dataOf, () => ({ items: [] }));
  return new Map(page.items.map(({ id, name }) => [id, name]));
}

async function retry(id: string, flags: RetryFlags): Promise<void> {
  const chosen: Readonly<Record<string, boolean | undefined>> = {
    failed: flags.failed,
    lost: flags.lost,
    timed_out: flags.timedOut,
    not_started: flags.notStarted,
    cancelled: flags.cancelled,
    skipped: flags.skipped,
  };
  const states = TERMINAL_EXECUTION_STATES.filter((state) => flags.all || chosen[state]);
  if (states.length === 0)
    throw new UsageError('Say which: --failed, --lost, --timed-out, --not-started, --cancelled, --skipped, or --all.');
  const session = openSession();
  const runId = await runIdOf(session, id);
  const held = new HeldSignals();
  const run = dataOf(
    await session.client.POST('/api/v1/runs/{runId}/retry', {
      params: { path: { runId } },
      body: { states },
    }),
  );
  const left = leftOutText(run.counts, states);
  if (left !== undefined) note(`drover: note: ${left}`);
  if (!flags.detach)
    return void (process.exitCode = await (await import('./follow.ts')).followToEnd(session, run, { ...flags, held }));
  await answer(flags, { run }, () => `${run.id} round ${run.round}`);
  process.exitCode = EXIT.succeeded;
}
