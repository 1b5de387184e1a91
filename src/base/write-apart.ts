/**
 * A batch of items from many peers, written together because that is fast. Where the database refuses it for what is in
 * it, halves are tried apart, down to the item at fault: nobody's item keeps out those of others, and none is tried for
 * ever. An unavailable database is nobody's fault.
 */

export interface RefusedItem<T> {
  readonly item: T;
  readonly error: unknown;
}

/** Answers what was refused for itself. Rejects, with an unknown part written, for anything else: writing must be safe to repeat. */
export async function writeApart<T>(
  items: readonly T[],
  write: (items: readonly T[]) => Promise<void>,
): Promise<RefusedItem<T>[]> {
  if (items.length === 0) return [];
  try {
    await write(items);
    return [];
  } catch (error) {
    if (!isFaultOfData(error)) throw error;
    if (items.length === 1) return [{ item: items[0]!, error }];
    const half = items.length >> 1;
    return [...(await writeApart(items.slice(0, half), write)), ...(await writeApart(items.slice(half), write))];
  }
}

/** SQLSTATE classes 22 (data) and 23 (constraints), and values that have no form on the line at all. */
function isFaultOfData(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return error instanceof TypeError || error instanceof RangeError || /^2[23][0-9A-Z]{3}$/.test(String(code));
}
