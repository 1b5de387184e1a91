/** How runs and executions are named in a path, and values that several of their routes take. */
import { z } from 'zod';
import { RunId } from '../../../protocol/rest/resources.ts';

export const runParams = z.strictObject({ runId: RunId });
const index = z.coerce.number().int().min(0).max(1_000_000_000);
export const executionParams = z.strictObject({ runId: RunId, task: index, ordinal: index });
export const isTrue = z.enum(['true', 'false']).default('false');
/** Values with commas between them. */
export const list = <T extends string>(item: z.ZodType<T>) =>
  z
    .string()
    .transform((value) => value.split(','))
    .pipe(z.array(item as z.ZodType<T, string>))
    .optional();

export const taskNumber = z.coerce
  .number()
  .int()
  .min(0)
  .max(100_000)
  .optional()
  .describe('Number of the step, in a run of a job');
