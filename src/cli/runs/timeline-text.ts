/** What happened to a run, an entry in words. A kind that this program does not know is told by its fields. */
import type { Schemas } from '@drover/sdk';
import { countsLine, createPaint, timeText } from '../render.ts';
import { foldNames } from '../../domain/target/fold-names.ts';
import { plainText } from '../text-width.ts';

type Entry = Pick<Schemas['TimelineEntry'], 'kind' | 'detail'>;
type Detail = Entry['detail'];
/** Names of workers by id; one that is not in it is told by its id. */
type Names = ReadonlyMap<string, string>;
/** How it is told to whoever reads it. */
interface Told {
  readonly workers: Names;
  readonly utc: boolean;
}

/** `utc`: times in it, which are else those of this place. */
export function timelineText({ kind, detail }: Entry, workers: Names, utc = false): string {
  const words = Object.hasOwn(WORDS, kind) ? WORDS[kind]!(detail, { workers, utc }) : undefined;
  return plainText(words ?? fieldsText(detail));
}

/** Undefined where the fields are not those that the words are made for. */
const WORDS: Readonly<Record<string, (detail: Detail, told: Told) => string | undefined>> = {
  created: ({ by, hosts, targets }) =>
    isText(by) && isNumber(hosts)
      ? hosts === 0 && isText(targets)
        ? `by ${by}, ${targets}`
        : `by ${by}, for ${hostsText(hosts)}${isText(targets) ? ` (${targets})` : ''}`
      : undefined,
  dispatched: ({ hosts, hostless, workers: by, chosen }, { workers: names }) => {
    if (!isNumber(hosts) || !isCounts(by)) return undefined;
    const tasks = isNumber(hostless) ? [`${hostless} without ${hostless === 1 ? 'a host' : 'hosts'}`] : [];
    return `${[...(hosts > 0 ? [hostsText(hosts)] : []), ...tasks].join(' and ')}, by ${workersText(by, names)}${chosenText(chosen)}`;
  },
  'steps-opened': ({ steps, count }) =>
    isTexts(steps) ? `${steps.join(', ')}${moreText(count, steps.length)}` : undefined,
  'steps-ended': ({ steps, count }) => {
    const all = typeof steps === 'object' && steps !== null ? Object.entries(steps) : undefined;
    return all?.every((one): one is [string, string] => isText(one[1]))
      ? `${all.map(([step, state]) => `${step} ${word(state)}`).join(', ')}${moreText(count, all.length)}`
      : undefined;
  },
  'steps-skipping': ({ steps, count }) => reasonsText(steps, count),
  'steps-passed-over': ({ steps, count }) => reasonsText(steps, count),
  'outputs-missing': ({ steps, count }) => reasonsText(steps, count),
  'came-back': (detail) => namedText(detail, 'given out and back again'),
  lost: (detail) => namedText(detail, isText(detail.reason) ? detail.reason : ''),
  'settled-late': (detail) => namedText(detail, isCounts(detail.states) ? statesText(detail.states) : ''),
  'late-report': (detail) => namedText(detail, 'told of an attempt that another has taken the place of'),
  'batch-began': ({ step, batch, of, hosts }) =>
    isNumber(batch) && isNumber(of) && isNumber(hosts)
      ? `${stepText(step)}batch ${batch} of ${of}: ${hostsText(hosts)}`
      : undefined,
  'batch-waits': ({ step, batch, of, untilMs }, { utc }) =>
    isNumber(batch) && isNumber(of) && isNumber(untilMs)
      ? `${stepText(step)}after batch ${batch} of ${of}, until ${instantText(untilMs, utc)}`
      : undefined,
  'batch-asks': ({ step, batch, of, why }) =>
    isNumber(batch) && isNumber(of)
      ? `${stepText(step)}${why === 'max-failed' ? 'more failed than may' : `after batch ${batch} of ${of}`}: go on?`
      : undefined,
  answered: ({ by, goesOn, step, reason }) =>
    isText(by) ? `${stepText(step)}${goesOn === true ? 'yes' : 'no'}, by ${by}${reasonText(reason)}` : undefined,
  'approval-asked': ({ asks, count }, { utc }) =>
    itemsText(asks, count, ({ step, message, count: people, untilMs }) =>
      isText(step) && isText(message)
        ? `${step}: ${message.trimEnd()}${isNumber(people) && people > 1 ? ` (${people} have to say yes)` : ''}` +
          (isNumber(untilMs) ? `, until ${instantText(untilMs, utc)}` : '')
        : undefined,
    ),
  'approval-answered': ({ answers, count }) =>
    itemsText(answers, count, ({ step, yes, by, reason }) =>
      isText(step) && isText(by) ? `${step}: ${yes === true ? 'yes' : 'no'}, by ${by}${reasonText(reason)}` : undefined,
    ),
  'approval-over': ({ ends, count }) =>
    itemsText(ends, count, ({ step, end, because }) =>
      isText(step) && isText(end) && isText(because) ? `${step} ${word(end)}: ${because}` : undefined,
    ),
  'step-waits': ({ waits, count }, { utc }) =>
    itemsText(waits, count, ({ step, untilMs }) =>
      isText(step) && isNumber(untilMs) ? `${step}, until ${instantText(untilMs, utc)}` : undefined,
    ),
  paused: ({ by }) => (isText(by) ? `by ${by}: nothing more starts` : undefined),
  resumed: ({ by }) => (isText(by) ? `by ${by}` : undefined),
  stopping: ({ by, isDeclined }) =>
    isDeclined === true
      ? 'somebody has answered no'
      : isText(by)
        ? by === 'failure limit'
          ? 'more failed than may'
          : `cancelled by ${by}`
        : undefined,
  undecided: ({ faults }) =>
    isNumber(faults)
      ? `${faults} times, by a fault of the server or of what is stored: it is tried again, ever more rarely. ` +
        'The log of the server says what is wrong; drover runs cancel may end the run.'
      : undefined,
  'cancel-forced': ({ by }) => (isText(by) ? `by ${by}: what comes finally is ended too` : undefined),
  'failure-limit': ({ step, maxFailed, batchMaxFailed }) => {
    const limits = [
      isText(maxFailed) ? maxFailed : '',
      isText(batchMaxFailed) ? `${batchMaxFailed} of a batch` : '',
    ].filter(Boolean);
    return `${stepText(step)}more failed than may${limits.length > 0 ? ` (${limits.join(', ')})` : ''}`;
  },
  finished: ({ state, counts }) => {
    if (!isText(state) || !isCounts(counts)) return undefined;
    const what = statesText(counts);
    return what === '' ? word(state) : `${word(state)}: ${what}`;
  },
  retried: ({ by, round, states, executions }) =>
    isText(by) && isNumber(round) && isTexts(states) && isNumber(executions)
      ? `by ${by}: round ${round}, ${againText(executions)} ${states.map(word).join(' or ')}`
      : undefined,
  restored: ({ lost, running }) =>
    isNumber(lost) && isNumber(running)
      ? `from a backup: ${hostsText(lost)} lost, ${running} still running as far as it knows`
      : undefined,
};

/** Things that are told in one entry. */
function itemsText(items: unknown, count: unknown, textOf: (item: Detail) => string | undefined): string | undefined {
  if (!Array.isArray(items)) return undefined;
  const texts = (items as Detail[]).map(textOf);
  return texts.every(isText) ? `${texts.join('; ')}${moreText(count, texts.length)}` : undefined;
}

function reasonText(reason: unknown): string {
  return isText(reason) && reason !== '' ? ` (${reason})` : '';
}

function instantText(ms: number, utc: boolean): string {
  return timeText(new Date(ms).toISOString(), utc);
}

/** Of steps, why. */
function reasonsText(steps: unknown, count: unknown): string | undefined {
  const all = typeof steps === 'object' && steps !== null ? Object.entries(steps) : undefined;
  return all?.every((one): one is [string, string] => isText(one[1]))
    ? `${all.map(([step, why]) => `${step}: ${why}`).join(' ')}${moreText(count, all.length)}`
    : undefined;
}

/** What a new round does again. Of steps that nobody carries out, such as approvals, there are no executions. */
function againText(executions: number): string {
  if (executions === 0) return 'steps that were';
  return executions === 1 ? '1 execution that was' : `${executions} executions that were`;
}

/** A command has no names for its parts. */
function stepText(step: unknown): string {
  return isText(step) && step !== 'command' ? `${step}: ` : '';
}

function hostsText(count: number): string {
  return `${count} ${count === 1 ? 'host' : 'hosts'}`;
}

/** `hosts` are the first names, `count` says of how many. */
function namedText({ hosts, count }: Detail, what: string): string | undefined {
  if (!isTexts(hosts)) return undefined;
  return `${foldNames(hosts)}${moreText(count, hosts.length)}${what === '' ? '' : `: ${what}`}`;
}

function moreText(count: unknown, told: number): string {
  return isNumber(count) && count > told ? ` and ${count - told} more` : '';
}

function workersText(counts: Readonly<Record<string, number>>, names: Names): string {
  const all = Object.entries(counts);
  const nameOf = (id: string): string => (id === '' ? 'no worker' : `worker ${names.get(id) ?? id}`);
  return all.map(([id, count]) => `${nameOf(id)}${all.length > 1 ? ` ${count}` : ''}`).join(', ');
}

/** Of one task: by what its worker was chosen. */
function chosenText(chosen: unknown): string {
  const [one, ...others] = Array.isArray(chosen) ? (chosen as unknown[]) : [];
  if (typeof one !== 'object' || one === null || others.length > 0) return '';
  const { considered, scores } = one as { considered?: unknown; scores?: unknown };
  if (!isNumber(considered)) return '';
  const all = isCounts(scores) ? Object.entries(scores).map(([name, score]) => `${name} ${score}`) : [];
  return all.length === 0 ? ' (the only one that fits)' : ` (of ${considered} that fit: ${all.join(', ')})`;
}

function statesText(counts: Readonly<Record<string, number>>): string {
  return countsLine(counts, createPaint(false));
}

function word(state: string): string {
  return state.replaceAll('_', ' ');
}

/** `name value`, of whatever there is: lists by commas, maps as `name value` in parentheses. */
function fieldsText(detail: Detail): string {
  return Object.entries(detail)
    .map(([name, value]) => `${name} ${valueText(value)}`)
    .join(', ');
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.map(valueText).join(' ');
  if (typeof value === 'object' && value !== null) return `(${fieldsText(value as Detail)})`;
  return String(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isText);
}

function isCounts(value: unknown): value is Record<string, number> {
  return typeof value === 'object' && value !== null && Object.values(value).every(isNumber);
}
