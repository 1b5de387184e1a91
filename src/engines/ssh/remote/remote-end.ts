/** The last line of a run as its end: raw wait status and cause into what a report says. Pure. */
import { given } from '../../../base/given.ts';
import { FILES_DELETED } from '../../../ledger/ledger.ts';
import type { ProcessEnd } from '../../../protocol/link/agent-v1.ts';
import { decodeWaitStatus } from '../../process/platform-linux.ts';
import type { RemoteEnd } from './remote-run.ts';
import { survivorsIn, ticksIn } from './remote-words.ts';

/**
 * `E now status start end cause survivors…`, times in 1/100 s since the host's boot: only how long ago counts, so that the
 * host's wall clock may be wrong. The status is raw, `e` + code or `s` + signal where there is no /proc, `?` when nobody saw it.
 * Throws `nonsense` where its numbers are none.
 */
export function remoteEndOf(
  words: readonly string[],
  startedAtMs: number | undefined,
  nowMs: number,
  hasLostFiles = false,
): RemoteEnd {
  const [, time, status = '?', , over, cause = '-', ...survivors] = words;
  const now = ticksIn(time, 'the time of an end', 0);
  const end = endOf(status);
  const left = survivorsIn(survivors);
  const rest = {
    finishedAtMs: Math.max(startedAtMs ?? 0, nowMs - Math.max(0, now - ticksIn(over, 'an end', now)) * 10),
    ...given({
      startedAtMs,
      detail: hasLostFiles ? FILES_DELETED : undefined,
      survivors: left.length > 0 ? left : undefined,
    }),
  };
  switch (cause) {
    case 'timed_out':
    case 'cancelled':
      return { outcome: { kind: cause, ...given({ end }) }, ...rest };
    case 'output-limit':
      return {
        outcome: {
          kind: 'signalled',
          ...given({ signal: end?.kind === 'signalled' ? end.signal : undefined }),
          reason: 'output-limit',
        },
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
