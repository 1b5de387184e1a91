/** What happened to a run, an entry in words. A kind that this program does not know is told by its fields. */
import type { Schemas } from '@drover/sdk';
import { countsLine, createPaint } from '../render.ts';
import { foldNames } from '../../domain/target/fold-names.ts';
import { plainText } from '../text-width.ts';

type Entry = Pick<Schemas['TimelineEntry'], 'kind' | 'detail'>;
type Detail = Entry['detail'];
/** Names of workers by id; one that is not in it is told by its id. */
type Names = ReadonlyMap<string, string>;

export function timelineText({ kind, detail }: Entry, workers: Names): string {
  const words = Object.hasOwn(WORDS, kind) ? WORDS[kind]!(detail, workers) : undefined;
  return plainText(words ?? fieldsText(detail));
}

/** Undefined where the fields are not those that the words are made for. */
const WORDS: Readonly<Record<string, (detail: Detail, workers: Names) => string | undefined>> = {
  created: ({ by, hosts, targets }) =>
    isText(by) && isNumber(hosts)
      ? `by ${by}, for ${hostsText(hosts)}${isText(targets) ? ` (${targets})` : ''}`
      : undefined,
  dispatched: ({ hosts, workers: by }, names) =>
    isNumber(hosts) && isCounts(by) ? `${hostsText(hosts)}, by ${workersText(by, names)}` : undefined,
  'came-back': (detail) => namedText(detail, 'given out and back again'),
  lost: (detail) => namedText(detail, isText(detail.reason) ? detail.reason : ''),
  'settled-late': (detail) => namedText(detail, isCounts(detail.states) ? statesText(detail.states) : ''),
  'late-report': (detail) => namedText(detail, 'told of an attempt that another has taken the place of'),
  stopping: ({ by }) =>
    isText(by) ? (by === 'failure limit' ? 'as many failed as may' : `cancelled by ${by}`) : undefined,
  'failure-limit': ({ maxFailed }) => {
    if (maxFailed === undefined || maxFailed === null) return 'more failed than may';
    return isNumber(maxFailed) || isText(maxFailed) ? `more failed than --max-failed ${maxFailed}` : undefined;
  },
  finished: ({ state, counts }) => (isText(state) && isCounts(counts) ? `${state}: ${statesText(counts)}` : undefined),
  retried: ({ by, round, states, executions }) =>
    isText(by) && isNumber(round) && isTexts(states) && isNumber(executions)
      ? `by ${by}: round ${round}, ${hostsText(executions)} that ${executions === 1 ? 'was' : 'were'} ${states.map(word).join(' or ')}`
      : undefined,
  restored: ({ lost, running }) =>
    isNumber(lost) && isNumber(running)
      ? `from a backup: ${hostsText(lost)} lost, ${running} still running as far as it knows`
      : undefined,
};

function hostsText(count: number): string {
  return `${count} ${count === 1 ? 'host' : 'hosts'}`;
}

/** `hosts` are the first names, `count` says of how many. */
function namedText({ hosts, count }: Detail, what: string): string | undefined {
  if (!isTexts(hosts)) return undefined;
  const more = isNumber(count) && count > hosts.length ? ` and ${count - hosts.length} more` : '';
  return `${foldNames(hosts)}${more}${what === '' ? '' : `: ${what}`}`;
}

function workersText(counts: Readonly<Record<string, number>>, names: Names): string {
  const all = Object.entries(counts);
  const nameOf = (id: string): string => (id === '' ? 'no worker' : `worker ${names.get(id) ?? id}`);
  return all.map(([id, count]) => `${nameOf(id)}${all.length > 1 ? ` ${count}` : ''}`).join(', ');
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
