/** Which run is meant. Runs are many: the server finds them by the beginning of their id, and the last of a caller. */
import { dataOf } from '@drover/sdk';
import { callerOf, chosenId } from '../chosen-id.ts';
import type { Session } from '../servers/session.ts';

export async function runIdOf({ client }: Session, text: string): Promise<string> {
  const idsOf = async (query: { readonly createdBy?: string; readonly id?: string; readonly limit: number }) =>
    dataOf(await client.GET('/api/v1/runs', { params: { query } })).items.map(({ id }) => id);
  return chosenId(text, {
    noun: 'a run',
    list: 'runs list',
    last: async () => (await idsOf({ createdBy: await callerOf(client), limit: 1 }))[0],
    beginningWith: (id) => idsOf({ id, limit: 2 }),
  });
}
