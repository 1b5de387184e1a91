/** Which one is meant, as for runs: by its id, by a beginning of it that fits one only, or the last that this token has made. */
import { dataOf, type DroverClient } from '@drover/sdk';
import { UsageError } from './exit.ts';

const WHOLE = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const BEGINNING = /^[0-9a-f]{4,8}$|^[0-9a-f]{8}(-[0-9a-f]{0,4}){1,3}$|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{0,11}$/i;

export interface Choice {
  /** What it is called, with its article, and where they are listed. */
  readonly noun: 'a run' | 'an upgrade' | 'a join token';
  readonly list: string;
  /** The last of this caller's; undefined where there is none. */
  readonly last: () => Promise<string | undefined>;
  /** Ids that begin so, in small letters; two are enough. */
  readonly beginningWith: (text: string) => Promise<readonly string[]>;
}

export async function chosenId(text: string, { noun, list, last, beginningWith }: Choice): Promise<string> {
  const name = noun.replace(/^an? /, '');
  if (WHOLE.test(text)) return text;
  if (text === 'last') {
    const id = await last();
    if (id !== undefined) return id;
    throw new UsageError(`This token has made no ${name} yet. See: drover ${list}`);
  }
  if (!BEGINNING.test(text))
    throw new UsageError(
      `${JSON.stringify(text)} is not the id of ${noun}, nor a beginning of one (4 characters at least), nor last. See: drover ${list}`,
    );
  const [one, another] = await beginningWith(text.toLowerCase());
  if (one !== undefined && another === undefined) return one;
  throw new UsageError(
    one === undefined
      ? `No ${name} has an id that begins with ${text}. See: drover ${list}`
      : `Several ${name}s have an id that begins with ${text}; say more of it. See: drover ${list}`,
  );
}

/** For what is listed whole, newest first, and is never very many: looks through the list until it has its answer. */
export function choiceFrom(
  items: () => AsyncIterable<{ readonly id: string; readonly createdBy: string }>,
  caller: () => Promise<string>,
): Pick<Choice, 'last' | 'beginningWith'> {
  return {
    async last() {
      const name = await caller();
      for await (const { id, createdBy } of items()) if (createdBy === name) return id;
      return undefined;
    },
    async beginningWith(text) {
      const found: string[] = [];
      for await (const { id } of items()) {
        if (!id.startsWith(text)) continue;
        if (found.push(id) === 2) break;
      }
      return found;
    },
  };
}

export async function callerOf(client: DroverClient): Promise<string> {
  return dataOf(await client.GET('/api/v1/self')).name;
}
