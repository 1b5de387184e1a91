/**
 * The calls that a worker makes itself: the ledger of them in a folder of its own. They go to public addresses, and of all others to those
 * that `--call-allow` names. `--call-capacity 0`: it makes none.
 */
import { join } from 'node:path';
import { callLimits } from '../base/call-limits.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { NameLookups, namesAtOnce } from '../base/node-names.ts';
import { createCallsLedger } from '../engines/calls/calls-ledger.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { parseAllowList } from '../outbound/allow-list.ts';
import { parseCapacity } from './own-processes.ts';

interface CallFlags {
  readonly 'call-allow'?: string | undefined;
  readonly 'call-capacity'?: string | undefined;
}

export interface OwnCalls {
  readonly ledger: Ledger;
  /** Under way at once. */
  readonly capacity: number;
}

/** Undefined where the worker makes none. Throws `bad-input`, and `spool-unwritable`. */
export function ownCalls(
  dataDir: string,
  flags: CallFlags,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): OwnCalls | undefined {
  const allowed = parseAllowList(flags['call-allow'] ?? '', '--call-allow');
  const asked = flags['call-capacity'];
  if (asked === '0') return undefined;
  const capacity = parseCapacity('--call-capacity', asked, callLimits.workerCallsDefault);
  const { lookup } = new NameLookups({ clock, atOnceMax: Math.max(1, Math.floor(namesAtOnce() / 4)) });
  const ledger = createCallsLedger({
    dir: join(dataDir, 'calls'),
    reach: { allowed, lookup, clock },
    clock,
    log,
  });
  return { ledger, capacity };
}
