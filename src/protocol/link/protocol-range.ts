/** Which version two ends of a link speak: each tells the range it knows in its hello, the listening end answers with what it chose. */
export interface ProtocolRange {
  readonly min: number;
  readonly max: number;
}

/** The highest that both know; undefined when there is none, or the other's range is none at all. */
export function commonProtocol(ours: ProtocolRange, theirs: ProtocolRange): number | undefined {
  const highest = Math.min(ours.max, theirs.max);
  return Number.isSafeInteger(theirs.min) &&
    Number.isSafeInteger(theirs.max) &&
    highest >= Math.max(ours.min, theirs.min)
    ? highest
    : undefined;
}

/** Is what the listening end chose one that we know? */
export function isSpoken(ours: ProtocolRange, chosen: number): boolean {
  return Number.isSafeInteger(chosen) && chosen >= ours.min && chosen <= ours.max;
}
