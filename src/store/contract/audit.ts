/** What was done, by whom: entries, which are chained after the deed, and what a check of the chain finds. */
import type { Scope } from '../../domain/access/access-node.ts';
import type { Page } from './page.ts';

/** Who acts: a token, or the system itself. */
export interface Actor {
  readonly kind: 'token' | 'system';
  readonly id: string;
  readonly name: string;
}

export interface AuditEntry {
  readonly actor: Actor;
  readonly action: string;
  readonly target: string;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly requestId?: string;
}

export interface AuditRecord extends AuditEntry {
  readonly id: string;
  readonly atMs: number;
  /** Its number and its place in the chain; absent for about a second after the deed. */
  readonly seal?: { readonly seq: number; readonly hash: string; readonly previousHash: string };
}

/** An entry by its number and its hash, in hexadecimal. */
export interface AuditPosition {
  readonly seq: number;
  readonly hash: string;
}

export interface AuditFault {
  /** The entry that is wrong; absent for one that is not sealed yet. */
  readonly seq?: number;
  readonly kind: 'altered' | 'missing' | 'unchained' | 'head';
  readonly detail: string;
}

export interface AuditCheck {
  readonly checked: number;
  /** The last entry that is as it was written. */
  readonly through: AuditPosition;
  readonly fault?: AuditFault;
  /** With the end of the chain: entries that were written and are not in it yet. */
  readonly unsealed?: number;
  /** The chain was checked to its end, and nothing is wrong. */
  readonly isWhole: boolean;
}

export interface AuditStore {
  auditAppend(entry: AuditEntry): Promise<void>;
  /** Chains what deeds have written since; answers how many entries. Another server that is at it has nothing left to do here. */
  auditSeal(): Promise<number>;
  /** For what changes nothing else in the store, such as a login on a host that somebody asked for. */
  auditWrite(entry: AuditEntry): Promise<void>;
  auditList(
    scope: Scope,
    filter: { action?: string; actor?: string },
    page: { limit: number; cursor?: string },
  ): Promise<Page<AuditRecord>>;
  /** Checks the chain after an entry that is believed, a page at a time (`auditVerifyPage`); from the first entry without one. */
  auditVerify(after?: AuditPosition): Promise<AuditCheck>;
}
