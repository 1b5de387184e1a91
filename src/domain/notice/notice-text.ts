/**
 * A message about one run or several: which, in what state, who began it and why, on how many hosts what failed, what it
 * said there, what it asks, and where more is. In plain words, without any markup: it goes to mail, chats and programs alike.
 */
import { formatDurationMs } from '../../base/duration.ts';
import { EXECUTION_STATES, isTerminalExecution, totalOf } from '../crew/execution-machine.ts';
import type { Lang } from './message.ts';
import type { NoticeFacts, NoticeFailure, NoticeQuestion } from './notice-facts.ts';
import { WORDS, type NoticeWords } from './notice-words.ts';

export interface NoticeText {
  readonly title: string;
  readonly text: string;
}

export interface TextOptions {
  readonly lang: Lang;
  /** Of the run, for people who may see it. */
  readonly linkOf: (runId: string) => string;
}

/** Runs told one by one in a message about several. */
const TOLD_ONE_BY_ONE_MAX = 10;

/** `more`: notices that belong to it and are not among these. */
export function noticeText(notices: readonly NoticeFacts[], more: number, { lang, linkOf }: TextOptions): NoticeText {
  const words = WORDS[lang];
  const [first] = notices as [NoticeFacts];
  if (notices.length + more === 1) return { title: titleOf(first, words), text: bodyOf(first, words, linkOf) };
  const names = [...new Set(notices.map(nameOf))];
  const told = notices.slice(0, TOLD_ONE_BY_ONE_MAX);
  const untold = notices.length + more - told.length;
  const lines = told.flatMap((facts) => [titleOf(facts, words), ...sampleOf(facts), `  ${linkOf(facts.run.id)}`]);
  return {
    title: words.several(notices.length + more, names.length === 1 && more === 0 ? names[0]! : undefined),
    text: [...lines, ...(untold > 0 ? [words.untold(untold)] : [])].join('\n'),
  };
}

function nameOf({ job, run }: NoticeFacts): string {
  return job?.name ?? run.name;
}

/** `[failed] nightly-backup: 3 of 120 hosts failed` */
function titleOf(facts: NoticeFacts, words: NoticeWords): string {
  if (facts.lateAfterMs !== undefined) {
    const what = words.late(tookText(facts), formatDurationMs(facts.lateAfterMs));
    return `[${words.events[facts.event]}] ${nameOf(facts)}: ${what}`;
  }
  if (facts.question) return `[${words.events[facts.event]}] ${nameOf(facts)}: ${askedText(facts.question, words)}`;
  const { failed, timed_out: timedOut, lost, not_started: notStarted, skipped } = facts.counts;
  const total = totalOf(facts.counts);
  const parts = [
    failed > 0 ? words.failed(failed) : '',
    timedOut > 0 ? words.timedOut(timedOut) : '',
    lost > 0 ? words.lost(lost) : '',
    notStarted > 0 ? words.notStarted(notStarted) : '',
    skipped > 0 ? words.skipped(skipped) : '',
  ].filter(Boolean);
  const hosts = parts.length === 0 ? words.all(total) : words.some(parts, total);
  const what = facts.unmet ? words.unmet(facts.unmet.length, parts.length === 0 ? '' : hosts) : hosts;
  return `[${words.events[facts.event]}] ${nameOf(facts)}: ${what}`;
}

function bodyOf(facts: NoticeFacts, words: NoticeWords, linkOf: TextOptions['linkOf']): string {
  const { run, job } = facts;
  const round = run.round > 1 ? words.round(run.round) : '';
  return [
    job ? words.ofJob(run.name, job.name, job.version, round) : words.ofRun(run.name, round),
    ...(job?.owner === undefined && job?.team === undefined ? [] : [words.owner(job.owner, job.team)]),
    words.begun(facts.by, instantText(facts.begunAtMs), facts.reason),
    ...(facts.question
      ? questionLines(facts.question, run.id, words)
      : [
          facts.lateAfterMs === undefined
            ? words.took(tookText(facts))
            : words.underWay(tookText(facts), doneOf(facts), totalOf(facts.counts)),
        ]),
    // Before what may be too long for a chat.
    words.link(linkOf(run.id), run.id),
    ...facts.failures.flatMap((failure) => failureLines(failure, words)),
    ...(facts.unmet ?? []).flatMap(({ step, why }) => ['', words.unmetStep(step, why)]),
  ].join('\n');
}

const ASKED_CHARACTERS_MAX = 120;

/** In one line. */
function askedText(question: NoticeQuestion, words: NoticeWords): string {
  const of = question.step === undefined ? '' : words.ofStep(question.step);
  if (question.kind === 'rollout')
    return words.askedBatch(question.batch, question.batches, question.why === 'max-failed') + of;
  const [first = ''] = question.message.split('\n');
  const signs = [...first];
  return (signs.length > ASKED_CHARACTERS_MAX ? `${signs.slice(0, ASKED_CHARACTERS_MAX).join('')}…` : first) + of;
}

/** What is asked, who may answer until when, and how. */
function questionLines(question: NoticeQuestion, runId: string, words: NoticeWords): string[] {
  const answer = words.answer(answerCommand(question, runId));
  if (question.kind === 'rollout') return [askedText(question, words), answer];
  const { step, message, count, by, notByStarter, untilMs, onTimeout } = question;
  return [
    words.askedApproval(step),
    ...message.split('\n').map((line) => `  ${line}`),
    ...(count > 1 ? [words.people(count)] : []),
    ...(by ? [words.mayAnswer(by.join(', '))] : []),
    ...(notByStarter ? [words.notByStarter] : []),
    ...(untilMs === undefined ? [] : [words.until(instantText(untilMs), onTimeout === 'continue')]),
    answer,
  ];
}

/** To this question: one that is asked later, or that another step asks, is not answered by it. */
function answerCommand(question: NoticeQuestion, runId: string): string {
  const step = question.step === undefined ? '' : ` --step ${question.step}`;
  const batch = question.kind === 'rollout' ? ` --batch ${question.batch}` : '';
  return `drover runs answer ${runId} yes|no${step}${batch} --reason TEXT`;
}

function tookText({ begunAtMs, endedAtMs }: NoticeFacts): string {
  return formatDurationMs(Math.max(0, endedAtMs - begunAtMs));
}

function doneOf({ counts }: NoticeFacts): number {
  return EXECUTION_STATES.reduce((sum, state) => sum + (isTerminalExecution(state) ? counts[state] : 0), 0);
}

function failureLines(failure: NoticeFailure, words: NoticeWords): string[] {
  const how =
    failure.exitCode !== undefined
      ? words.exit(failure.exitCode)
      : failure.signal !== undefined
        ? words.signal(failure.signal)
        : (failure.reason ?? words.states[failure.state] ?? failure.state);
  const more = failure.count - failure.hosts.length;
  return [
    '',
    words.onHosts(failure.count, failure.hosts.join(', ') + (more > 0 ? ` … +${more}` : ''), how, failure.step),
    ...failure.lines.map((line) => `  ${line}`),
  ];
}

/** The most common last line alone; of a question how it is answered. */
function sampleOf({ failures, unmet, question, run }: NoticeFacts): string[] {
  if (question) return [`  ${answerCommand(question, run.id)}`];
  const last = failures[0]?.lines.at(-1) ?? unmet?.[0]?.why;
  return last === undefined ? [] : [`  ${last}`];
}

/** To the second, in UTC, which is said. */
function instantText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
