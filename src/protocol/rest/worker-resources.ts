/** Workers as the API shows them, and how they are chosen for tasks without hosts. */
import { z } from 'zod';
import { instant } from './fields.ts';
import { strings } from './resources.ts';

const Queue = z
  .object({ length: z.int(), oldestMs: z.int().describe('How long the oldest has waited') })
  .meta({ id: 'WorkerQueue' });
const Lane = z
  .object({ underWay: z.int(), capacity: z.int(), high: Queue, normal: Queue, low: Queue })
  .meta({ id: 'WorkerLane' });
export const RunWhy = z
  .object({
    waiting: z
      .array(
        z.object({
          task: z.int(),
          step: z.string().optional(),
          workers: z.int().describe('That would take it now'),
          why: z
            .string()
            .describe(
              'How many of all, and by what the others would not: 0 of 12 workers: 8 are not meant, 4 have too little memory free',
            ),
        }),
      )
      .describe('Tasks without hosts that wait, the first hundred'),
    hosts: z
      .array(
        z.object({
          task: z.int(),
          step: z.string().optional(),
          host: z.string(),
          why: z.string().describe('As hosts and workers are now'),
        }),
      )
      .describe('Hosts that wait, the first hundred'),
    chosen: z
      .array(
        z.object({
          task: z.int(),
          step: z.string().optional(),
          worker: z.uuid(),
          considered: z.int().describe('Workers that were found to fit'),
          scores: z
            .record(z.string(), z.int())
            .optional()
            .describe('From 0 to 100 each, before weights; absent for the only one'),
        }),
      )
      .describe('Those that went out, the last hundred'),
  })
  .meta({ id: 'RunWhy' });
const Resources = z
  .object({ milliCpus: z.int().describe('Thousandths of a CPU'), memoryMiB: z.int(), diskMiB: z.int() })
  .meta({ id: 'Resources' });
export const Worker = z
  .object({
    id: z.uuid(),
    name: z.string(),
    zone: z.string(),
    labels: strings.describe('Of the token that it joined with'),
    agentAddress: z.string(),
    linked: z.boolean(),
    drained: z.boolean().describe('It takes no new work'),
    revokedAt: instant.optional().describe('It is cut off for good since then'),
    copy: z
      .object({ instance: z.uuid(), since: instant, seenAt: instant })
      .optional()
      .describe('Another process of it shows itself now, and is given nothing: its data folder is in use twice'),
    version: z.string().optional(),
    joinedAt: instant,
    agents: z.int().optional(),
    queued: z.int().optional(),
    figuresAt: instant
      .optional()
      .describe('When the worker gave these figures: soon after a change, and when it is told to drain'),
    rssBytes: z.int().optional(),
    lagMs: z.number().optional(),
    resources: z
      .object({ total: Resources, free: Resources, loadMilliCpus: z.int().describe('Busy on average') })
      .optional()
      .describe('Of its machine; absent where it takes no tasks without hosts'),
    lanes: z
      .object({
        agent: Lane,
        ssh: Lane,
        process: Lane.optional().describe('On its own machine; absent where it carries out nothing there'),
        calls: Lane.optional().describe('Calls that it makes itself; absent where it makes none'),
      })
      .optional()
      .describe('What is under way and what waits, by the way it goes'),
  })
  .meta({ id: 'Worker' });
