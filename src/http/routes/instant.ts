/** How resources write instants: RFC 3339, UTC. */

/** Undefined for what has not been. `ms`: since 1970. */
export function instant(ms: number): string;
export function instant(ms: number | undefined): string | undefined;
export function instant(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}
