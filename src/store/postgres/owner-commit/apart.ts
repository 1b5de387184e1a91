/** Writes of many items that may hold one which the database refuses: all at once, or by halves until each such item stands alone. */
import { isDataRefused, type Executor } from '../pool.ts';

/**
 * Writes the items by `write`, which may be called more than once and with part of them. @returns those that are
 * refused, with what the database said.
 */
export type Apart = (
  items: readonly number[],
  write: (items: readonly number[]) => Promise<void>,
) => Promise<readonly { readonly item: number; readonly why: string }[]>;

export const allAtOnce: Apart = async (items, write) => {
  await write(items);
  return [];
};

/** Each try behind a savepoint: what was refused leaves no trace. One bad item among n costs about 2 n writes and 2 log₂ n tries. */
export function byHalves(tx: Executor): Apart {
  return async (items, write) => {
    if (items.length === 0) return [];
    await tx.query('SAVEPOINT apart');
    try {
      await write(items);
      await tx.query('RELEASE SAVEPOINT apart');
      return [];
    } catch (error) {
      if (!isDataRefused(error)) throw error;
      await tx.query('ROLLBACK TO SAVEPOINT apart; RELEASE SAVEPOINT apart');
      if (items.length === 1) return [{ item: items[0]!, why: error.message }];
      const half = items.length >> 1;
      const apart = byHalves(tx);
      return [...(await apart(items.slice(0, half), write)), ...(await apart(items.slice(half), write))];
    }
  };
}
