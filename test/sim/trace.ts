/** A seed once more, told: what was seen, and of what happened before it that which has to do with it. */
import { World, type Outcome, type WorldOptions } from './world.ts';

const LINES_MAX = 60;
const RUN_ID = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}(\.\d+\.\d+)?/;

/** Nothing where the seed holds. Otherwise what does not hold, the end of the way to it, and how to go it again. */
export async function failureOf(
  outcome: Outcome,
  options: Omit<WorldOptions, 'seed' | 'onLine'> = {},
): Promise<string> {
  if (outcome.violations.length === 0) return '';
  const about = RUN_ID.exec(outcome.violations[0]!)?.[0];
  const lines: string[] = [];
  const onLine = (line: string): void => {
    if (about === undefined || line.includes(about) || line.includes('VIOLATION')) lines.push(line);
  };
  await new World({ ...options, seed: outcome.seed, onLine }).run();
  const left = Math.max(0, lines.length - LINES_MAX);
  return [
    `seed ${outcome.seed}: ${outcome.violations.join('\n')}`,
    ...(left > 0 ? [`… ${left} lines before`] : []),
    ...lines.slice(-LINES_MAX),
    `again: npm run sim -- --seed ${outcome.seed}${options.faultyMs === undefined ? '' : ` --for ${options.faultyMs}`}`,
  ].join('\n');
}
