/**
 * JSON lines on standard error: what agents and workers log with. Errors are told by message and code, not by stack, unless debugging.
 * Standard error is often a file, and its disk may be full: lines are lost then, which the next one that can be written says.
 */
import { writeSync } from 'node:fs';
import type { Log } from './log.ts';

const STDERR = 2;
const LEVELS = { debug: 20, info: 30, warn: 40, error: 50 } as const;
type Level = keyof typeof LEVELS;

/** `lost`: the lines that could not be written yet, which a log shares with its children. */
export function createJsonLog(
  fields: object = {},
  least: Level = (process.env.DROVER_LOG as Level | undefined) ?? 'info',
  lost = { lines: 0 },
): Log {
  const write = (level: Level, more: object, message: string): void => {
    if (LEVELS[level] < (LEVELS[least] ?? LEVELS.info)) return;
    const line = (words: object, text: string): string =>
      `${JSON.stringify({ time: new Date().toISOString(), level, ...fields, ...words, msg: text }, replaceError)}\n`;
    if (lost.lines > 0 && writeLine(line({ linesLost: lost.lines }, 'lines of this log could not be written')))
      lost.lines = 0;
    if (!writeLine(line(more, message))) lost.lines++;
  };
  return {
    debug: (more, message) => write('debug', more, message),
    info: (more, message) => write('info', more, message),
    warn: (more, message) => write('warn', more, message),
    error: (more, message) => write('error', more, message),
    child: (more) => createJsonLog({ ...fields, ...more }, least, lost),
  };
}

/** By descriptor: a stream that failed once would stay closed, and its failure would end the process. */
function writeLine(line: string): boolean {
  const bytes = Buffer.from(line);
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(STDERR, bytes, at);
    return true;
  } catch (error) {
    // Whoever reads the pipe is behind: the stream waits for it.
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return false;
    return process.stderr.write(line) || true;
  }
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
