/** Steps that a worker does itself, by their key in a step. To add a kind: its file beside this one, and its line here. */
import type { z } from 'zod';
import type { CallWork } from '../../work/work.ts';
import type { CallStep, FillCallText } from './call-step.ts';
import { HTTP_STEP } from './http-step.ts';
import { SQL_STEP } from './sql-step.ts';

/** The key is the name of the work. */
export const CALL_STEPS = { http: HTTP_STEP, sql: SQL_STEP } as const satisfies {
  readonly [K in CallWork['kind']]: unknown;
};
export type CallName = keyof typeof CALL_STEPS;
export const CALL_NAMES = Object.keys(CALL_STEPS) as readonly CallName[];

type CallsSaid = { readonly [K in CallName]?: z.infer<(typeof CALL_STEPS)[K]['shape']> | undefined };

/** Undefined for a step that is none. */
export function callOf(step: CallsSaid): CallName | undefined {
  return CALL_NAMES.find((name) => step[name] !== undefined);
}

export function callWork(name: CallName, step: CallsSaid, filled: FillCallText): CallWork {
  // What stands under a key is of the kind of that key.
  return (CALL_STEPS[name] as CallStep<unknown, CallWork>).work(step[name], filled);
}
