/** `drover notices list|show|rules`: what was told to whom, and by which rules. */
import { dataOf, type Schemas } from '@drover/sdk';
import type { Command } from 'commander';
import { formatDurationMs } from '../../base/duration.ts';
import { given } from '../../base/given.ts';
import { limits } from '../../base/limits.ts';
import { answer, command, group, listText, withUtc, type AnswerFlags } from '../command.ts';
import { choice, Faults, number } from '../input.ts';
import { timeText } from '../render.ts';
import { openSession } from '../servers/session.ts';
import { plainText } from '../text-width.ts';

type Notice = Schemas['Notice'];
type NoticeDetail = Schemas['NoticeDetail'];
type Rule = Schemas['NoticeRule'];
const EVENTS = [
  'failed',
  'timed_out',
  'lost',
  'cancelled',
  'recovered',
  'succeeded',
  'late',
  'asks',
] as const satisfies readonly Schemas['NoticeEvent'][];
const STATES = ['waiting', 'delivered', 'failed'] as const;

interface ListFlags extends AnswerFlags {
  readonly channel?: string;
  readonly state?: string;
  readonly event?: string;
  readonly run?: string;
  readonly job?: string;
  readonly limit: string;
  readonly cursor?: string;
}
interface RuleFlags extends AnswerFlags {
  readonly on: string;
  readonly job?: string;
  readonly owner?: string;
  readonly team?: string;
  readonly lostShare?: string;
  readonly lateAfter?: string;
}

export function addNoticesCommands(program: Command): void {
  const notices = group(program, 'notices', 'what was told to whom, and the rules by which it is');
  withUtc(
    command(notices, 'list', {
      summary: 'list notices, newest first',
      examples: ['drover notices list', 'drover notices list --state failed', 'drover notices list --job nightly'],
    }),
  )
    .option('--channel <channel>', 'only those of this channel')
    .option('--state <state>', `only those that are ${STATES.join(', ')}`)
    .option('--event <event>', `only those of ${EVENTS.join(', ')}`)
    .option('--run <id>', 'only those of this run, by its whole id')
    .option('--job <job>', 'only those of runs of this job')
    .option('-n, --limit <n>', 'how many', '100')
    .option('--cursor <cursor>', 'go on where an earlier list ended')
    .action(list);
  withUtc(
    command(notices, 'show', {
      summary: 'show a notice, what it says, and every try to tell it',
      examples: ['drover notices show 0c5e0a4e-5e0b-4d0e-9f0a-1b2c3d4e5f60'],
    }),
  )
    .argument('<notice>', 'id')
    .action(show);
  addRules(group(notices, 'rules', 'who is told of what'));
}

function addRules(rules: Command): void {
  withUtc(
    command(rules, 'list', { summary: 'list rules, oldest first', examples: ['drover notices rules list'] }),
  ).action(listRules);
  command(rules, 'add', {
    summary: 'have a channel told of ends of runs, or of what they ask',
    description:
      'Have a channel told of ends of runs, that they take too long, or of what they ask: of all, commands too, or of those of a job, or ' +
      'of jobs of an owner or a team.',
    examples: [
      'drover notices rules add ops --on failed,timed_out',
      'drover notices rules add web-team --on failed,recovered --team web',
      'drover notices rules add ops --on lost --lost-share 10',
      'drover notices rules add ops --on late --job nightly-backup --late-after 2h',
      'drover notices rules add release-team --on asks --team release',
    ],
  })
    .argument('<channel>', 'its name')
    .requiredOption('--on <events>', `of what: ${EVENTS.join(', ')}`)
    .option('--job <job>', 'only of runs of this job')
    .option('--owner <owner>', 'only of runs of jobs of this owner')
    .option('--team <team>', 'only of runs of jobs of this team')
    .option('--lost-share <percent>', 'lost: when more than this share of the hosts was (default: any)')
    .option('--late-after <duration>', 'late: under way for longer than this (default: than its job usually takes)')
    .action(addRule);
  command(rules, 'remove', {
    summary: 'remove a rule',
    examples: ['drover notices rules remove 0c5e0a4e-5e0b-4d0e-9f0a-1b2c3d4e5f60'],
  })
    .argument('<rule>', 'id')
    .action(async (id: string, flags: AnswerFlags) => {
      await openSession().client.DELETE('/api/v1/notice-rules/{id}', { params: { path: { id } } });
      await answer(flags, { removed: id }, () => `removed ${plainText(id)}`);
    });
}

async function list(flags: ListFlags & { readonly utc?: boolean }): Promise<void> {
  const faults = new Faults();
  const query = given({
    channel: flags.channel,
    state: choice(faults, '--state', STATES, flags.state),
    event: choice(faults, '--event', EVENTS, flags.event),
    run: flags.run,
    job: flags.job,
    limit: number(faults, '--limit', flags.limit, { least: 1, most: limits.pageSizeMax }),
    cursor: flags.cursor,
  });
  faults.end();
  const page = dataOf(await openSession().client.GET('/api/v1/notices', { params: { query } }));
  await answer(
    flags,
    page,
    () =>
      listText(flags, page.items, [
        ['AT', (notice) => timeText(notice.createdAt, flags.utc === true)],
        ['EVENT', (notice) => notice.event],
        ['RUN', (notice) => notice.run.name],
        ['CHANNEL', (notice) => notice.channel],
        ['STATE', stateText],
        ['TRIES', (notice) => String(notice.tries), 'wide'],
        ['WHY', (notice) => notice.code ?? '', 'wide'],
        ['RUN ID', (notice) => notice.run.id, 'wide'],
        ['ID', (notice) => notice.id],
      ]),
    (notice) => notice.id,
  );
}

function stateText(notice: Notice): string {
  return notice.state === 'waiting' && notice.tries > 0 ? `waiting, tried ${notice.tries}` : notice.state;
}

async function show(id: string, flags: AnswerFlags): Promise<void> {
  const notice = dataOf(await openSession().client.GET('/api/v1/notices/{id}', { params: { path: { id } } }));
  await answer(
    flags,
    notice,
    () => noticeText(notice, flags.utc === true),
    (one) => one.id,
  );
}

function noticeText(notice: NoticeDetail, utc: boolean): string {
  const next = notice.nextTryAt === undefined ? '' : `, next try ${timeText(notice.nextTryAt, utc)}`;
  const tries = notice.attempts.map(({ number: n, beganAt, taken, detail, answer: said }) => {
    const how = taken === undefined ? 'not known how it ended' : taken ? 'taken' : (detail ?? 'not taken');
    return `try ${n}, ${timeText(beganAt, utc)}: ${plainText(how)}${said === undefined ? '' : ` (${plainText(said)})`}`;
  });
  return [
    `${notice.id}  ${notice.event}, to ${plainText(notice.channel)}: ${stateText(notice)}${next}`,
    `message ${notice.message}`,
    ...(notice.state === 'failed' && notice.detail !== undefined ? [plainText(notice.detail)] : []),
    ...tries,
    '',
    plainText(notice.title),
    ...notice.text.split('\n').map(plainText),
  ].join('\n');
}

async function listRules(flags: AnswerFlags): Promise<void> {
  const page = dataOf(await openSession().client.GET('/api/v1/notice-rules'));
  await answer(
    flags,
    page,
    () =>
      listText(flags, page.items, [
        ['CHANNEL', (rule) => rule.channel],
        ['ON', (rule) => rule.on.join(' ')],
        ['OF', scopeText],
        ['ADDED', (rule) => timeText(rule.createdAt, flags.utc === true), 'wide'],
        ['BY', (rule) => rule.createdBy, 'wide'],
        ['ID', (rule) => rule.id],
      ]),
    (rule) => rule.id,
  );
}

function scopeText(rule: Rule): string {
  const parts = (['job', 'owner', 'team'] as const).flatMap((key) =>
    rule[key] === undefined ? [] : [`${key} ${rule[key]}`],
  );
  const share = rule.lostShare === undefined ? [] : [`more than ${rule.lostShare} % lost`];
  const late = rule.lateAfterMs === undefined ? [] : [`late after ${formatDurationMs(rule.lateAfterMs)}`];
  return plainText([...(parts.length === 0 ? ['all'] : parts), ...share, ...late].join(', '));
}

async function addRule(channel: string, flags: RuleFlags): Promise<void> {
  const faults = new Faults();
  const on = flags.on
    .split(/[\s,]+/)
    .filter(Boolean)
    .flatMap((event) => choice(faults, '--on', EVENTS, event) ?? []);
  if (on.length === 0) faults.add(`--on wants one or several of ${EVENTS.join(', ')}.`);
  const lostShare = number(faults, '--lost-share', flags.lostShare, { least: 0, most: 99 });
  faults.end();
  const body = {
    channel,
    on,
    ...given({ lostShare, lateAfter: flags.lateAfter, job: flags.job, owner: flags.owner, team: flags.team }),
  };
  const rule = dataOf(await openSession().client.POST('/api/v1/notice-rules', { body }));
  await answer(
    flags,
    rule,
    () => `${plainText(rule.channel)} is told of ${rule.on.join(', ')}: ${scopeText(rule)}  ${rule.id}`,
    (one) => one.id,
  );
}
