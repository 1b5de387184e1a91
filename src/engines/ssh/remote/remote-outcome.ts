/** The last line of a run as an outcome: raw wait status and cause into what a report says. Pure. */
import { FILES_DELETED } from '../../../ledger/ledger.ts';
import { decodeWaitStatus } from '../../process/platform-linux.ts';
import type { RemoteOutcome } from './remote-run.ts';

/**
 * `E now status start end cause survivors…`, times in 1/100 s since the host's boot: only how long ago counts, so that the
 * host's wall clock may be wrong. The status is raw, `e` + code or `s` + signal where there is no /proc, `?` when nobody saw it.
 */
export function outcomeOf(
  words: readonly string[],
  startedAtMs: number | undefined,
  nowMs: number,
  hasLostFiles = false,
): RemoteOutcome {
  const [, now = '0', status = '?', , end = now, cause = '-', ...survivors] = words;
  const ending = endingOf(status);
  const times = {
    finishedAtMs: Math.max(startedAtMs ?? 0, nowMs - Math.max(0, Number(now) - Number(end)) * 10),
    ...(startedAtMs === undefined ? {} : { startedAtMs }),
  };
  const left = survivors.filter((pid) => pid !== '').map(Number);
  const rest = {
    ...(hasLostFiles ? { detail: FILES_DELETED } : {}),
    ...ending,
    ...times,
    ...(left.length > 0 ? { survivors: left } : {}),
  };
  switch (cause) {
    case 'timed_out':
      return { outcome: 'timed_out', ...rest };
    case 'cancelled':
      return { outcome: 'cancelled', reason: 'cancelled-by-user', ...rest };
    case 'output-limit':
      return {
        outcome: 'signaled',
        reason: 'output-limit',
        detail: 'It wrote more than an execution may, and was ended before it filled the disk.',
        ...rest,
      };
    default:
      if (ending.exitCode === undefined && ending.signal === undefined)
        return {
          outcome: 'unknown',
          reason: 'status-unknown',
          detail: 'The process is gone, and nobody saw how it ended.',
          ...rest,
        };
      return { outcome: ending.signal === undefined ? 'exited' : 'signaled', ...rest };
  }
}

function endingOf(status: string): { exitCode?: number; signal?: string } {
  const number = Number(status.replace(/^[es]/, ''));
  if (status === '' || !Number.isInteger(number)) return {};
  const { exitCode, signal } = decodeWaitStatus(status.startsWith('e') ? (number & 0xff) << 8 : number);
  return { ...(exitCode === null ? {} : { exitCode }), ...(signal === null ? {} : { signal }) };
}
