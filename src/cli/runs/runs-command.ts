/** `drover runs list|show|watch|cancel|retry`: what ran, what it did, again. */
import { dataOf, type Execution, type Run } from '@drover/sdk';
import type { Command } from 'commander';
import { systemClock } from '../../base/clock.ts';
import { TERMINAL_EXECUTION_STATES } from '../../domain/crew/execution-machine.ts';
import { RUN_STATES } from '../../domain/flow/run-machine.ts';
import { executorName } from '../../domain/run/executor.ts';
import { answer, command, group, listText, withDisconnect, withUtc, type AnswerFlags } from '../command.ts';
import { EXIT } from '../../base/exit-codes.ts';
import { given } from '../../base/given.ts';
import { limits } from '../../base/limits.ts';
import { UsageError } from '../exit.ts';
import { HeldSignals, type OnDisconnect } from './interrupt.ts';
import { choicesOf, choicesOption, Faults, instant, number } from '../input.ts';
import { paintOf } from '../out.ts';
import { addOutputCommand } from './output-command.ts';
import { countsLine, createPaint, table, timeText, verdictLine } from '../render.ts';
import { endingText } from './folded-text.ts';
import { executionsOf } from './executions.ts';
import { runIdOf } from './run-id.ts';
import { runTookText, settingRows, tookText, whatText } from './run-text.ts';
import { openSession, type Session } from '../servers/session.ts';
import { cutText, plainText } from '../text-width.ts';

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
const NAME_COLUMNS = 40;
/** A larger run shows those that did not succeed only, and not more than so many. */
const SHOWN_ALL = 50;
const SHOWN_MAX = 200;

export function addRunsCommands(program: Command): void {
  const runs = group(program, 'runs', 'list, show, watch, cancel and retry runs');
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
  command(runs, 'cancel', { summary: 'start nothing more and end what runs', examples: ['drover runs cancel ID'] })
    .argument('<id>', RUN_ID)
    .action(async (id: string, flags: AnswerFlags) => {
      const session = openSession();
      const runId = await runIdOf(session, id);
      const run = dataOf(await session.client.POST('/api/v1/runs/{runId}/cancel', { params: { path: { runId } } }));
      await answer(flags, { run }, () => `cancelling ${run.id}; see it end with: drover runs watch ${run.id}`);
    });
  withDisconnect(
    command(runs, 'retry', {
      summary: 'new attempts on the same hosts',
      description:
        'Open a new round of attempts on the chosen hosts of a finished run: same script, same hosts, by their ids.',
      examples: ['drover runs retry ID --failed', 'drover runs retry ID --lost --not-started --detach'],
    }),
  )
    .argument('<id>', RUN_ID)
    .option('--failed', 'hosts where it failed')
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
        ['STATE', (run) => run.state],
        ['CREATED', (run) => timeText(run.createdAt, utc)],
        ['TOOK', runTookText],
        ['BY', (run) => run.createdBy],
        ['HOSTS', (run) => String(run.hostCount)],
        ['TARGETS', (run) => cutText(plainText(run.targets), NAME_COLUMNS), 'wide'],
        ['REASON', (run) => cutText(plainText(run.reason), NAME_COLUMNS), 'wide'],
        ['NAME', (run) => cutText(plainText(run.name), NAME_COLUMNS)],
        ['COUNTS', (run) => countsLine(run.counts, createPaint(false))],
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
  const executions: Execution[] = [];
  for await (const execution of executionsOf(session, run.id)) {
    if (every || execution.state !== 'succeeded') executions.push(execution);
    if (!every && executions.length >= SHOWN_MAX) break;
  }
  const { timelineText } = await import('./timeline-text.ts');
  await answer(flags, { run, timeline, executions }, () => {
    const [paint, utc] = [paintOf('stdout'), flags.utc === true];
    const facts: [string, string | undefined][] = [
      ['name', run.name],
      ['by', `${run.createdBy} at ${timeText(run.createdAt, utc)}`],
      ['reason', run.reason || undefined],
      ['targets', run.targets],
      ['as', run.user],
      ...settingRows(run),
      ['round', String(run.round)],
      ['cancelled', run.cancelRequestedBy && `by ${run.cancelRequestedBy} at ${timeText(run.cancelRequestedAt, utc)}`],
    ];
    const head = facts
      .flatMap(([name, value]) => (value === undefined ? [] : [`${name.padEnd(9)} ${plainText(value)}`]))
      .join('\n');
    const events = timeline
      .map((entry) => `${timeText(entry.at, utc)}  ${entry.kind.padEnd(14)} ${paint.dim(timelineText(entry, workers))}`)
      .join('\n');
    const rows = executions.map((e) => [
      e.host,
      endingText(e),
      e.executor ? executorName(e.executor) : '',
      String(e.attempt),
      tookText(e.startedAt, e.finishedAt),
      String(e.stdout.size),
      String(e.stderr.size),
      `${e.detail ?? ''}${e.settledLate ? ' (settled late)' : ''}`,
    ]);
    const hosts =
      rows.length === 0
        ? 'every host succeeded (--all lists them)'
        : table(['HOST', 'STATE', 'VIA', 'ATTEMPT', 'TOOK', 'STDOUT', 'STDERR', 'DETAIL'], rows);
    return (
      `${verdictLine(run, paint)}\n${head}\n${whatText(run).join('\n')}\n\n${events}\n\n${hosts}` +
      `${!every && rows.length >= SHOWN_MAX ? `\n${paint.dim('… and more: --all')}` : ''}`
    );
  });
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
  if (!flags.detach)
    return void (process.exitCode = await (await import('./follow.ts')).followToEnd(session, run, { ...flags, held }));
  await answer(flags, { run }, () => `${run.id} round ${run.round}`);
  process.exitCode = EXIT.succeeded;
}
