/** What a run does, in words: as it was asked for, before and after. */
import type { Schemas } from '@drover/sdk';
import { formatDurationMs } from '../../base/duration.ts';
import { timeText } from '../render.ts';
import { plainText } from '../text-width.ts';

type RunDetail = Schemas['RunDetail'];
type Step = Schemas['RunStep'];
/** With what is said of all that is carried out. */
type Said =
  | 'args'
  | 'env'
  | 'params'
  | 'secretNames'
  | 'timeoutMs'
  | 'killAfterMs'
  | 'startDeadlineMs'
  | 'lostAfterMs'
  | 'retries'
  | 'successExitCodes'
  | 'via'
  | 'priority';
type CarriedStep = Step & Required<Pick<Step, Said>>;

const SCRIPT_LINES_SHOWN = 40;

export function whatText(run: {
  readonly command?: readonly string[];
  readonly script?: string;
  readonly lang?: string;
  readonly args: readonly string[];
}): string[] {
  const args = run.args.map(shellWord).join(' ');
  if (run.command !== undefined)
    return [`command: ${[...run.command.map(shellWord), ...(args === '' ? [] : [args])].join(' ')}`];
  const lines = (run.script ?? '').replace(/\n$/, '').split('\n').map(plainText);
  const head = `script${run.lang === undefined ? '' : ` for ${plainText(run.lang)}`}${args === '' ? '' : `, with ${args}`}:`;
  return [
    head,
    ...lines.slice(0, SCRIPT_LINES_SHOWN).map((line) => `  ${line}`),
    ...(lines.length > SCRIPT_LINES_SHOWN
      ? [`  … ${lines.length - SCRIPT_LINES_SHOWN} more lines (-o json has all)`]
      : []),
  ];
}

/** Its limits and values, each with the name of its option. */
export function settingRows(run: CarriedStep): [string, string][] {
  const pairs = (values: Readonly<Record<string, string>>): string =>
    Object.entries(values)
      .map(([name, value]) => `${name}=${shellWord(value)}`)
      .join(' ');
  const rows: [string, string | undefined][] = [
    ['params', pairs(run.params)],
    ['env', pairs(run.env)],
    ['secrets', run.secretNames.join(' ')],
    ['cwd', run.cwd],
    [
      'limits',
      [
        `timeout ${formatDurationMs(run.timeoutMs)}`,
        `kill after ${formatDurationMs(run.killAfterMs)}`,
        `start deadline ${formatDurationMs(run.startDeadlineMs)}`,
        `lost after ${formatDurationMs(run.lostAfterMs)}`,
        ...(run.concurrency === undefined ? [] : [`concurrency ${run.concurrency}`]),
        ...(run.maxFailed === undefined ? [] : [`max failed ${run.maxFailed}`]),
        ...rolloutWords(run),
        ...(run.retries === 0 ? [] : [`retries ${run.retries}`]),
        ...(run.successExitCodes.join() === '0' ? [] : [`success is exit ${run.successExitCodes.join(', ')}`]),
      ].join(', '),
    ],
    ['via', run.via === 'auto' ? undefined : run.via],
    ['prefer', run.prefer],
    ['resources', run.resources],
    ['strategy', run.strategy],
    ['priority', run.priority === 'normal' ? undefined : run.priority],
  ];
  return rows.flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, value]]));
}

function rolloutWords(run: CarriedStep): string[] {
  const { batches, between, batchMaxFailed, onMaxFailed, countsAsFailed, order } = run;
  return [
    batches && `batches ${batches}`,
    between && (between === 'ask' ? 'asks between batches' : `${between} between batches`),
    batchMaxFailed && `max failed of a batch ${batchMaxFailed}`,
    onMaxFailed && onMaxFailed !== 'drain' && `then ${onMaxFailed}`,
    countsAsFailed && `as failed count ${countsAsFailed.join(', ')}`,
    order && `order ${order}`,
  ].filter((word) => typeof word === 'string');
}

/** How far a rollout has come, and what it waits for. */
export function rolloutText({ rollout }: Pick<Step, 'rollout'>, utc: boolean): string {
  if (!rollout) return '';
  const { batch, batches, phase, until, asks } = rollout;
  const where = batches === 1 ? '' : `batch ${batch} of ${batches}`;
  const why = asks === 'max-failed' ? 'more failed than may: go on?' : 'go on?';
  const what = phase === 'waiting' ? `waits until ${timeText(until, utc)}` : phase === 'asking' ? `asks: ${why}` : '';
  return [where, what].filter(Boolean).join(', ');
}

/** What answers the question of a rollout; none where it asks nothing. `path`: STAGE/STEP; absent for a command. */
export function rolloutAnswerLines({ rollout }: Pick<Step, 'rollout'>, runId: string, path?: string): string[] {
  if (rollout?.phase !== 'asking') return [];
  const step = path === undefined ? '' : ` --step ${plainText(path)}`;
  return [`answer: drover runs answer ${runId} yes|no${step} --batch ${rollout.batch} --reason TEXT`];
}

/** Whether it is of one command or script, whose settings are its own; a run of a job has those of its steps. */
export function isOfOneTask(run: RunDetail): run is RunDetail & CarriedStep {
  return run.job === undefined;
}

/** How long a run took, without the time that it lay idle between a round and its retry; empty while it is not over. */
export function runTookText({ durationMs }: Pick<Schemas['Run'], 'durationMs'>): string {
  return durationMs === undefined ? '' : formatDurationMs(durationMs);
}

/** How long, between two instants of a record; empty while it is not known. */
export function tookText(from: string | undefined, to: string | undefined): string {
  return from === undefined || to === undefined ? '' : formatDurationMs(Math.max(0, Date.parse(to) - Date.parse(from)));
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${plainText(word).replaceAll("'", "'\\''")}'`;
}
