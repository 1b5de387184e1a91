/**
 * A log that nobody fills: a peer that was taken over can give cause for the same warning thousands of times a second,
 * and the disk is everybody's. Of each warning or error so many a second are written, the others are counted, and the
 * count is told a second later. What is not a warning passes as it is.
 */
import type { Clock } from './clock.ts';
import { limits } from './limits.ts';
import type { Log } from './log.ts';

type Level = 'warn' | 'error';

export function calmLog(log: Log, clock: Clock): Log {
  return calm(log, clock, new Map());
}

function calm(log: Log, clock: Clock, alike: Map<string, number>): Log {
  const write = (level: Level, fields: object, message: string): void => {
    const count = (alike.get(message) ?? 0) + 1;
    alike.set(message, count);
    if (count <= limits.logLinesAlikePerSecond) log[level](fields, message);
    if (count > 1) return;
    clock.after(
      1_000,
      () => {
        const more = alike.get(message)! - limits.logLinesAlikePerSecond;
        alike.delete(message);
        if (more > 0) log[level]({ alike: more }, message);
      },
      { unref: true },
    );
  };
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => write('warn', fields, message),
    error: (fields, message) => write('error', fields, message),
    child: (fields) => calm(log.child(fields), clock, alike),
  };
}
