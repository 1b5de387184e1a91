/** Says a message that this server has claimed, and what comes of the answer: taken, to be tried again and when, or failed. */
import { exponentialMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { noticeLimits } from '../base/notice-limits.ts';
import type { Random } from '../base/random.ts';
import type { Told } from '../channels/channel-kind.ts';
import { endpointTell } from '../channels/kinds.ts';
import type { Message } from '../domain/notice/message.ts';
import type { NoticeQuestion } from '../domain/notice/notice-facts.ts';
import { noticeText } from '../domain/notice/notice-text.ts';
import type { Outbound } from '../outbound/outbound.ts';
import type { ClaimedMessage, TryEnd } from '../store/contract/notice.ts';
import { endpointOpened } from './channel.ts';
import type { AppContext } from './context.ts';

export interface NoticeSending {
  readonly sealer: AppContext['sealer'];
  readonly outbound: Outbound;
  readonly clock: Clock;
  readonly random: Random;
  /** Of a run, for people who may see it. */
  readonly linkOf: (runId: string) => string;
}

/** Tries it once; how that ended is still to be written. Throws nothing that a far end can bring about. */
export async function messageTry(sending: NoticeSending, message: ClaimedMessage): Promise<TryEnd> {
  return endOf(await tell(sending, message), message.try, sending);
}

async function tell({ sealer, outbound, clock, linkOf }: NoticeSending, claimed: ClaimedMessage): Promise<Told> {
  const { channel } = claimed;
  try {
    const endpoint = endpointOpened(sealer, channel, claimed.endpoint);
    return await endpointTell(outbound, endpoint, messageOf(claimed, linkOf), { lang: channel.lang, clock });
  } catch (error) {
    // Where it leads does not open: that may be mended, and the message waits for it.
    if (!(error instanceof DroverError)) throw error;
    return { kind: 'failed', code: error.code, detail: error.detail };
  }
}

function messageOf(
  {
    id,
    createdAtMs,
    channel,
    notices,
    noticeCount,
  }: Pick<ClaimedMessage, 'id' | 'createdAtMs' | 'channel' | 'notices' | 'noticeCount'>,
  linkOf: NoticeSending['linkOf'],
): Message {
  const { lang } = channel;
  const body = notices.map(({ run, ...facts }) => ({
    ...facts,
    run: { ...run, link: linkOf(run.id) },
    begunAt: new Date(facts.begunAtMs).toISOString(),
    endedAt: new Date(facts.endedAtMs).toISOString(),
    question: facts.question && questionBody(facts.question),
    begunAtMs: undefined,
    endedAtMs: undefined,
  }));
  return {
    id,
    atMs: createdAtMs,
    ...noticeText(notices, noticeCount - notices.length, { lang, linkOf }),
    body: {
      event: noticeCount === 1 ? notices[0]!.event : 'several',
      channel: channel.name,
      noticeCount,
      notices: body,
    },
  };
}

function questionBody(question: NoticeQuestion): object {
  if (question.kind === 'rollout') return question;
  const { untilMs, ...asked } = question;
  return { ...asked, ...given({ until: untilMs === undefined ? undefined : new Date(untilMs).toISOString() }) };
}

/** A far end that asks for time gets it; all others are asked again ever later, until enough is enough. */
function endOf(told: Told, number: number, { clock, random }: NoticeSending): TryEnd {
  if (told.kind === 'taken') return told;
  const { retryAfterMs = 0, ...end } = told;
  if (number >= noticeLimits.noticeTriesMax) return end;
  const delayMs = exponentialMs(number - 1, noticeLimits.noticeRetryMs, noticeLimits.noticeRetryMsMax, random);
  return { ...end, nextTryAtMs: clock.nowMs() + Math.max(delayMs, retryAfterMs) };
}
