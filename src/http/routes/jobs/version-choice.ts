/** Which version of a job is meant. */
import { z } from 'zod';
import type { JobVersionChoice } from '../../../store/contract/job.ts';

export const versionChoice = z
  .string()
  .regex(
    /^(?:[1-9]\d{0,8}|latest|draft|last)$/,
    'the number of a version, latest (the newest published), draft or last',
  )
  .describe('The number of a version, latest (the newest published), draft, or last');

export function versionChoiceOf(text: string): JobVersionChoice {
  return /^\d/.test(text) ? Number(text) : (text as JobVersionChoice);
}
