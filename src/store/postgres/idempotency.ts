/** Keys of requests that may be sent again, with the first answer. */
import { limits } from '../../base/limits.ts';
import { bytes } from './bytes.ts';
import type { Executor } from './pool.ts';
import type { StoreParts } from './store-parts.ts';
import { Together } from './together.ts';
import type { IdempotencyStore } from '../contract/idempotency.ts';

const CLAIMS_TOGETHER_MAX = 200;
const ANSWERS_TOGETHER_LENGTH_MAX = 1_000_000;

export function idempotencyStore({ pool, now }: StoreParts): IdempotencyStore {
  const claims = new Together<Claim, ClaimAnswer>({
    write: (batch) => idempotencyClaimMany(pool, batch, now()),
    weigh: () => 1,
    weightMax: CLAIMS_TOGETHER_MAX,
    itemsMax: CLAIMS_TOGETHER_MAX,
  });
  const claimEnds = new Together<ClaimEnd, void>({
    write: async (batch) => {
      await idempotencyStoreMany(pool, batch);
      return batch.map(() => undefined);
    },
    weigh: ({ body }) => body.length,
    weightMax: ANSWERS_TOGETHER_LENGTH_MAX,
    itemsMax: CLAIMS_TOGETHER_MAX,
  });
  return {
    idempotencyClaim: (key, principal, requestHash) => claims.call({ key, principal, requestHash }),
    idempotencyStore: (key, principal, status, body) => claimEnds.call({ key, principal, status, body }),
    idempotencyRelease: (key, principal) => idempotencyRelease(pool, key, principal),
  };
}

/** A first request that died without an answer gives its key back after this; its effect, if any, is bound to the same run id. */
const CLAIM_MS = 60_000;

export interface Claim {
  readonly principal: string;
  readonly key: string;
  readonly requestHash: Uint8Array;
}

export type ClaimAnswer = Awaited<ReturnType<IdempotencyStore['idempotencyClaim']>>;

/**
 * Claims that come at once, in one statement; of those that are the same, the first has the key and the others find it taken. Nobody waits
 * for the disk: what is done under a claim is committed later, and no commit is on the disk before what was committed earlier. So a
 * database that falls over may forget a claim only together with all that was done under it.
 */
export async function idempotencyClaimMany(
  db: Executor,
  claims: readonly Claim[],
  nowMs: number,
): Promise<readonly ClaimAnswer[]> {
  // In the order of keys, so that two servers that are asked the same can never wait for each other.
  const distinct = [...new Map([...claims].reverse().map((claim) => [claimKey(claim), claim])).values()].sort(
    (one, other) => (claimKey(one) < claimKey(other) ? -1 : 1),
  );
  const { rows: won } = await db.query<{ principal: string; key: string }>({
    name: 'idempotency-claim',
    text: `WITH unsynced AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
     INSERT INTO idempotency (created_at_ms, principal, key, request_hash)
     SELECT $1::bigint, claim.*
     FROM unsynced, unnest($2::text[], $3::text[], $4::bytea[]) AS claim
     ON CONFLICT (principal, key) DO UPDATE SET created_at_ms = $1, request_hash = excluded.request_hash, status = NULL, body = NULL
     WHERE (
       idempotency.status IS NULL AND idempotency.request_hash = excluded.request_hash
       AND idempotency.created_at_ms < $1 - ${CLAIM_MS}
     )
       OR idempotency.created_at_ms < $1 - ${limits.idempotencyKeptMs}
     RETURNING principal, key`,
    values: [
      nowMs,
      distinct.map((c) => c.principal),
      distinct.map((c) => c.key),
      distinct.map((c) => bytes(c.requestHash)),
    ],
  });
  const claimed = new Set(won.map(claimKey));
  const isWon = claims.map((claim) => claimed.delete(claimKey(claim)));
  const taken = claims.filter((_, i) => !isWon[i]);
  const known = new Map((await claimsFetch(db, taken)).map((row) => [claimKey(row), row]));
  return claims.map((claim, i): ClaimAnswer => {
    if (isWon[i]) return { kind: 'claimed' };
    const first = known.get(claimKey(claim));
    if (!first) return { kind: 'busy' };
    if (!first.request_hash.equals(claim.requestHash)) return { kind: 'reused' };
    return first.status === null ? { kind: 'busy' } : { kind: 'replay', status: first.status, body: first.body ?? '' };
  });
}

interface ClaimRow {
  principal: string;
  key: string;
  request_hash: Buffer;
  status: number | null;
  body: string | null;
}

async function claimsFetch(db: Executor, claims: readonly Claim[]): Promise<readonly ClaimRow[]> {
  if (claims.length === 0) return [];
  const { rows } = await db.query<ClaimRow>(
    `SELECT principal, key, request_hash, status, body
     FROM idempotency
     WHERE (principal, key) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
    [claims.map(({ principal }) => principal), claims.map(({ key }) => key)],
  );
  return rows;
}

function claimKey({ principal, key }: { readonly principal: string; readonly key: string }): string {
  return `${principal}\n${key}`;
}

export interface ClaimEnd {
  readonly principal: string;
  readonly key: string;
  readonly status: number;
  readonly body: string;
}

/** Keys are each another: the request that ends is the one that claimed it. */
export async function idempotencyStoreMany(db: Executor, ends: readonly ClaimEnd[]): Promise<void> {
  const sorted = [...ends].sort((one, other) => (claimKey(one) < claimKey(other) ? -1 : 1));
  await db.query({
    name: 'idempotency-store',
    text: `UPDATE idempotency i
           SET status = c.status, body = c.body
           FROM unnest($1::text[], $2::text[], $3::int[], $4::text[]) AS c(principal, key, status, body)
           WHERE i.principal = c.principal AND i.key = c.key`,
    values: [
      sorted.map(({ principal }) => principal),
      sorted.map(({ key }) => key),
      sorted.map(({ status }) => status),
      sorted.map(({ body }) => body),
    ],
  });
}

async function idempotencyRelease(db: Executor, key: string, principal: string): Promise<void> {
  await db.query('DELETE FROM idempotency WHERE principal = $1 AND key = $2 AND status IS NULL', [principal, key]);
}
