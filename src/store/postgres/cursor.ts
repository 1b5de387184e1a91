/** Where the next page of a list begins. */
import { DroverError } from '../../base/errors.ts';

/** What PostgreSQL takes where such a part is compared. */
function isCursorPart(part: unknown, shape: 'text' | 'int' | 'bigint' | 'uuid'): boolean {
  switch (shape) {
    case 'uuid':
      return typeof part === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(part);
    case 'text':
      return typeof part === 'string' && part.isWellFormed() && !part.includes('\0');
    case 'int':
      return typeof part === 'number' && Number.isInteger(part) && part >= -1 && part < 2 ** 31;
    case 'bigint':
      return Number.isSafeInteger(part);
  }
}

/** Cursors are opaque to callers: base64url of a JSON array of the last row's key. */
export function encodeCursor(key: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

export function decodeCursor(
  cursor: string | undefined,
  shape: readonly ('text' | 'int' | 'bigint' | 'uuid')[],
): (string | number)[] | undefined {
  if (cursor === undefined) return undefined;
  try {
    const key: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Array.isArray(key) && key.length === shape.length && key.every((part, i) => isCursorPart(part, shape[i]!)))
      return key as (string | number)[];
  } catch {
    // Falls through to the refusal below.
  }
  throw new DroverError('bad-input', {
    detail: 'The cursor is not one that this list gave out.',
    faults: [{ pointer: 'cursor', code: 'bad-input', detail: 'not a cursor of this list' }],
  });
}
