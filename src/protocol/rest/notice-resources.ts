/** Shapes of notices in the API, and of the rules that say who is told of what. */
import { z } from 'zod';
import { limits } from '../../base/limits.ts';
import { lineFault, plainNameFault } from '../../domain/access/name-rule.ts';
import { NOTICE_EVENTS } from '../../domain/notice/subscription.ts';
import { checked } from '../../shape/checked.ts';
import { duration } from '../../shape/run-fields.ts';
import { instant } from './fields.ts';

export const noticeEvent = z.enum(NOTICE_EVENTS);
export const noticeState = z.enum(['waiting', 'delivered', 'failed']);
const NoticeEvent = noticeEvent.meta({ id: 'NoticeEvent' });

const on = z
  .array(NoticeEvent)
  .min(1)
  .max(NOTICE_EVENTS.length)
  .describe(
    'Of what: lost is that hosts were lost; recovered, that it succeeded where it had failed before; late, that it is under way still; ' +
      'asks, that it waits for an answer',
  );
const lostShare = z.int().min(0).max(99).describe('Of the hosts, in percent: lost is more than that; default: any');
const line = checked(limits.nameLengthMax, lineFault);

export const NoticeRuleAdd = z
  .strictObject({
    channel: checked(limits.nameLengthMax, plainNameFault).describe('Its name'),
    on,
    lostShare: lostShare.optional(),
    lateAfter: duration(limits.timeoutMsMax)
      .optional()
      .describe('late: under way for longer than this; default: than runs of its job usually take'),
    job: line.optional().describe('Only of runs of this job'),
    owner: line.optional().describe('Only of runs of jobs of this owner'),
    team: line.optional().describe('Only of runs of jobs of this team'),
  })
  .meta({ id: 'NoticeRuleAdd' });

export const NoticeRule = z
  .object({
    id: z.uuid(),
    channel: z.string(),
    on: z.array(NoticeEvent),
    lostShare: z.int().optional(),
    lateAfterMs: z.int().optional(),
    job: z.string().optional(),
    owner: z.string().optional(),
    team: z.string().optional(),
    createdAt: instant,
    createdBy: z.string(),
  })
  .meta({ id: 'NoticeRule' });

const fields = {
  id: z.uuid(),
  channel: z.string(),
  event: NoticeEvent,
  run: z.object({ id: z.uuid(), name: z.string(), round: z.int(), state: z.string() }),
  job: z.string().optional(),
  state: noticeState.describe('delivered: the far end has taken it; failed: nobody tries any more'),
  message: z.uuid().describe('The message that it goes with, by the id that the receiver is told'),
  tries: z.int(),
  createdAt: instant,
  nextTryAt: instant.optional(),
  finishedAt: instant.optional(),
  code: z.string().optional().describe('Error code of the last try that failed'),
  detail: z.string().optional(),
};
export const Notice = z.object(fields).meta({ id: 'Notice' });

export const NoticeDetail = z
  .object({
    ...fields,
    title: z.string(),
    text: z.string().describe('As it is by itself, in English'),
    attempts: z.array(
      z.object({
        number: z.int(),
        beganAt: instant,
        endedAt: instant
          .optional()
          .describe('Absent while it is under way, and where its server ended before it heard'),
        taken: z.boolean().optional(),
        code: z.string().optional(),
        detail: z.string().optional(),
        answer: z.string().optional().describe('What the far end said'),
      }),
    ),
  })
  .meta({ id: 'NoticeDetail' });
