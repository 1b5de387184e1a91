/**
 * When a run stops starting more hosts because too many failed. `max-failed` is what is tolerated: a run stops when
 * MORE hosts than that have failed. A share is of all hosts of the run, rounded down (10 % of 15 tolerates 1). What
 * counts: failed, timed out and lost; what was not started did no harm. It is checked before each start; what is in
 * flight is drained, not killed.
 */
export type FailureLimit =
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'share'; readonly percent: number };

/** `3`, `25%`, `0`. Undefined when it is neither a whole number nor a share of 0–100 %. */
export function parseFailureLimit(text: string): FailureLimit | undefined {
  const match = /^(\d{1,9})(%?)$/.exec(text.trim());
  if (!match) return undefined;
  const value = Number(match[1]);
  if (match[2] === '') return { kind: 'count', count: value };
  return value <= 100 ? { kind: 'share', percent: value } : undefined;
}

export function failuresTolerated(limit: FailureLimit, hostCount: number): number {
  return limit.kind === 'count' ? limit.count : Math.floor((limit.percent * hostCount) / 100);
}

export function isFailureLimitExceeded(limit: FailureLimit | undefined, failures: number, hostCount: number): boolean {
  return limit !== undefined && failures > failuresTolerated(limit, hostCount);
}

/** As it is written. */
export function failureLimitText(limit: FailureLimit): string {
  return limit.kind === 'count' ? String(limit.count) : `${limit.percent}%`;
}
