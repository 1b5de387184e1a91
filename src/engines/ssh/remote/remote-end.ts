/** The last line of a run as its end: raw wait status and cause into what a report says. Pure. */
import { FILES_DELETED } from '../../../ledger/ledger.ts';
import type { ProcessEnd } from '../../../protocol/link/agent-v1.ts';
import { decodeWaitStatus } from '../../process/platform-linux.ts';
import type { RemoteEnd } from './remote-run.ts';

/**
 * `E now status start end cause survivors…`, times in 1/100 s since the host's boot: only how long ago counts, so that the
 * host's wall clock may be wrong. The status is raw, `e` + code or `s` + signal where there is no /proc, `?` when nobody saw it.
 */
export function remoteEndOf(
  words: readonly string[],
  startedAtMs: number | undefined,
  nowMs: number,
  hasLostFiles = false,
): RemoteEnd {
  const [, now = '0', status = '?', , over = now, cause = '-', ...survivors] = words;
  const end = endOf(status);
  const left = survivors.filter((pid) => pid !== '').map(Number);
  const rest = {
    ...(hasLostFiles ? { detail: FILES_DELETED } : {}),
    finishedAtMs: Math.max(startedAtMs ?? 0, nowMs - Math.max(0, Number(now) - Number(over)) * 10),
    ...(startedAtMs === undefined ? {} : { startedAtMs }),
    ...(left.length > 0 ? { survivors: left } : {}),
  };
  switch (cause) {
    case 'timed_out':
    case 'cancelled':
      return { outcome: { kind: cause, ...(end ? { end } : {}) }, ...rest };
    case 'output-limit':
      return {
        outcome: { kind: 'signalled', ...(end?.kind === 'signalled' ? end : {}), reason: 'output-limit' },
        detail: 'It wrote more than an execution may, and was ended before it filled the disk.',
        ...rest,
      };
    default:
      if (end) return { outcome: end, ...rest };
      return {
        outcome: { kind: 'unknown', reason: 'status-unknown' },
        detail: 'The process is gone, and nobody saw how it ended.',
        ...rest,
      };
  }
}

/** Undefined when nobody saw it. */
function endOf(status: string): ProcessEnd | undefined {
  const number = Number(status.replace(/^[es]/, ''));
  if (status === '' || !Number.isInteger(number)) return undefined;
  return decodeWaitStatus(status.startsWith('e') ? (number & 0xff) << 8 : number);
}
