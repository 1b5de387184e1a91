/**
 * Which rows a list may show: its condition goes into the WHERE of every list. Until there are nodes below the root, it
 * is all or nothing.
 */
import type { Scope } from '../../domain/access/access-node.ts';

/** A condition in SQL, without parameters. */
export function inScope(scope: Scope): 'TRUE' | 'FALSE' {
  return scope.some(({ id }) => id === 'root') ? 'TRUE' : 'FALSE';
}
