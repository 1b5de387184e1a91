/** What a run does, in words: as it was asked for, before and after. */
import type { Schemas } from '@drover/sdk';
import { formatDurationMs } from '../../base/duration.ts';
import { plainText } from '../text-width.ts';

type RunDetail = Schemas['RunDetail'];

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
export function settingRows(run: RunDetail): [string, string][] {
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
        ...(run.retries === 0 ? [] : [`retries ${run.retries}`]),
        ...(run.successExitCodes.join() === '0' ? [] : [`success is exit ${run.successExitCodes.join(', ')}`]),
      ].join(', '),
    ],
    ['via', run.via === 'auto' ? undefined : run.via],
    ['priority', run.priority === 'normal' ? undefined : run.priority],
  ];
  return rows.flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, value]]));
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
