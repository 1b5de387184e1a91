/** Which run is meant: by its id, by a beginning of it that fits one only, or the last that this token has made. */
import { dataOf } from '@drover/sdk';
import { UsageError } from './exit.ts';
import type { Session } from './session.ts';

const WHOLE = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const BEGINNING = /^[0-9a-f]{4,8}$|^[0-9a-f]{8}(-[0-9a-f]{0,4}){1,3}$|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{0,11}$/i;

export async function runIdOf({ client }: Session, text: string): Promise<string> {
  if (WHOLE.test(text)) return text;
  if (text === 'last') {
    const { name } = dataOf(await client.GET('/api/v1/self'));
    const { items } = dataOf(await client.GET('/api/v1/runs', { params: { query: { createdBy: name, limit: 1 } } }));
    if (items[0]) return items[0].id;
    throw new UsageError(`${name} has made no run yet. See: drover runs list`);
  }
  if (!BEGINNING.test(text))
    throw new UsageError(
      `${JSON.stringify(text)} is not the id of a run, nor a beginning of one (4 characters at least), nor last. See: drover runs list`,
    );
  const { items } = dataOf(
    await client.GET('/api/v1/runs', { params: { query: { id: text.toLowerCase(), limit: 2 } } }),
  );
  if (items.length === 1) return items[0]!.id;
  throw new UsageError(
    items.length === 0
      ? `No run has an id that begins with ${text}. See: drover runs list`
      : `Several runs have an id that begins with ${text}; say more of it. See: drover runs list`,
  );
}
