import { expect, it } from 'vitest';
import { calmLog } from './calm-log.ts';
import type { Clock } from './clock.ts';
import { limits } from './limits.ts';
import type { Log } from './log.ts';

it('a log writes so many lines of a kind a second, tells how many more there were, and keeps the others as they are', () => {
  const lines: unknown[] = [];
  const write = (fields: object, message: string): void => void lines.push([fields, message]);
  const plain: Log = { debug: write, info: write, warn: write, error: write, child: () => plain };
  const due: (() => void)[] = [];
  const log = calmLog(plain, { after: (_ms: number, act: () => void) => (due.push(act), () => undefined) } as Clock);
  for (let n = 0; n < limits.logLinesAlikePerSecond + 5; n++) (n % 2 ? log : log.child({})).warn({ n }, 'again');
  log.error({}, 'another');
  for (let n = 0; n < limits.logLinesAlikePerSecond + 5; n++) log.info({}, 'calm');
  const of = (message: string): unknown[] => lines.filter((line) => (line as unknown[])[1] === message);
  expect(of('again')).toHaveLength(limits.logLinesAlikePerSecond);
  expect(of('another')).toHaveLength(1);
  expect(of('calm')).toHaveLength(limits.logLinesAlikePerSecond + 5);
  for (const act of due) act();
  expect(of('again').at(-1)).toEqual([{ alike: 5 }, 'again']);
  expect(of('another')).toHaveLength(1);
  log.warn({ n: 'anew' }, 'again');
  expect(of('again').at(-1)).toEqual([{ n: 'anew' }, 'again']);
});
