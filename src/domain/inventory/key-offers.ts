/**
 * Which of the keys that a host is said to show, and that nobody believes, the audit tells of. The first few of an hour each; then the
 * tenth, the twentieth, the fortieth and so on, with how many it has not told of before. So it grows by a few entries an hour however
 * many are shown, the first are never lost among them, and whoever reads it knows how many there were. Pure.
 */

export interface KeyOffers {
  /** When the first of this hour was shown. */
  readonly sinceMs: number;
  readonly offers: number;
  /** Since the last entry. */
  readonly untold: number;
}

const HOUR_MS = 3_600_000;

/** `told`: this one has an entry, and that so many before it had none. */
export function offerCounted(
  before: KeyOffers | undefined,
  nowMs: number,
  toldMax: number,
): { readonly now: KeyOffers; readonly told?: { readonly untold: number } } {
  const isSameHour = before !== undefined && nowMs >= before.sinceMs && nowMs - before.sinceMs < HOUR_MS;
  const offers = isSameHour ? before.offers + 1 : 1;
  const sinceMs = isSameHour ? before.sinceMs : nowMs;
  const untold = before?.untold ?? 0;
  const isTold = offers <= toldMax || Number.isInteger(Math.log2(offers / toldMax));
  return isTold
    ? { now: { sinceMs, offers, untold: 0 }, told: { untold } }
    : { now: { sinceMs, offers, untold: untold + 1 } };
}
