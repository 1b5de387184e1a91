/** JSON lines on standard error: what agents and workers log with. Errors are told by message and code, not by stack, unless debugging. */
import type { Log } from './log.ts';

const LEVELS = { debug: 20, info: 30, warn: 40, error: 50 } as const;
type Level = keyof typeof LEVELS;

export function createJsonLog(
  fields: object = {},
  least: Level = (process.env.DROVER_LOG as Level | undefined) ?? 'info',
): Log {
  const write = (level: Level, more: object, message: string): void => {
    if (LEVELS[level] < (LEVELS[least] ?? LEVELS.info)) return;
    process.stderr.write(
      `${JSON.stringify({ time: new Date().toISOString(), level, ...fields, ...more, msg: message }, replaceError)}\n`,
    );
  };
  return {
    debug: (more, message) => write('debug', more, message),
    info: (more, message) => write('info', more, message),
    warn: (more, message) => write('warn', more, message),
    error: (more, message) => write('error', more, message),
    child: (more) => createJsonLog({ ...fields, ...more }, least),
  };
}

function replaceError(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (!(value instanceof Error)) return value;
  return {
    message: value.message,
    code: (value as { code?: unknown }).code,
    stack: value.stack
      ?.split('\n')
      .slice(1, 6)
      .map((line) => line.trim()),
  };
}
