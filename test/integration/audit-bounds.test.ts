/** Whatever somebody asks for, what the audit keeps of it is bounded, and so is what is read of it at once. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { given } from '../../src/base/given.ts';
import { silentLog } from '../../src/base/log.ts';
import { EVERYTHING } from '../../src/domain/access/access-node.ts';
import { DETAIL_BYTES_MAX, PAGE_BYTES, TEXT_LENGTH_MAX } from '../../src/store/postgres/audit/audit-detail.ts';
import { createPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import type { AuditEntry, AuditRecord } from '../../src/store/contract/audit.ts';
import type { Store } from '../../src/store/contract/store.ts';
import { testAuditKey } from '../support/audit-key.ts';
import { testDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let store: Store;

beforeEach(async () => {
  database = await testDatabase();
  store = await createPostgresStore({ url: database.url, clock: systemClock, log: silentLog, auditKey: testAuditKey });
});
afterEach(async () => {
  await store.close();
  await database.drop();
});

const entry = (detail: AuditEntry['detail']): AuditEntry => ({
  actor: { kind: 'token', id: 't', name: 'mia' },
  action: 'job.run.create',
  target: 'run/1',
  detail,
});
async function isWhole(): Promise<{ isWhole: boolean; pages: number }> {
  for (let pages = 1, after = undefined; ; pages++) {
    const check = await store.auditVerify(after);
    if (check.isWhole || check.fault) return { isWhole: check.isWhole, pages };
    after = check.through;
  }
}
async function listed(): Promise<{ entries: AuditRecord[]; pages: number }> {
  const entries: AuditRecord[] = [];
  for (let pages = 1, cursor: string | undefined; ; pages++) {
    const page = await store.auditList(EVERYTHING, {}, { limit: 1_000, ...given({ cursor }) });
    entries.push(...page.items);
    cursor = page.next;
    if (cursor === undefined) return { entries, pages };
  }
}

it('long texts are cut, with their length and their digest, and what is too much is counted', async () => {
  const blanks = `host-1${' '.repeat(200_000)}`;
  const steps = Array.from({ length: 2_000 }, (_, i) => ({ name: `s${i}`, targets: blanks, hosts: 1 }));
  const reason = 'é'.repeat(TEXT_LENGTH_MAX);
  const pair = `${'x'.repeat(499)}😀${'y'.repeat(TEXT_LENGTH_MAX)}`;
  await store.auditAppend(entry({ reason, user: null, pair, steps, afterwards: 'nothing' }));
  const { entries } = await listed();
  const detail = entries[0]!.detail as { reason: string; pair: string; steps: ((typeof steps)[number] | string)[] };
  expect(Buffer.byteLength(JSON.stringify(detail))).toBeLessThan(1.1 * DETAIL_BYTES_MAX);
  expect(detail).toMatchObject({ reason, user: null, '…': '… and 1 more, left out' });
  expect(detail.pair).toMatch(/^x{499}… \(2501 characters, SHA-256 [0-9a-f]{64}\)$/);
  expect(detail.steps[0]).toMatchObject({ name: 's0', hosts: 1 });
  expect((detail.steps[0] as { targets: string }).targets).toMatch(/^host-1 {494}… \(200006 characters, SHA-256 /);
  const kept = detail.steps.length - 1;
  expect(kept).toBeGreaterThan(50);
  expect(detail.steps.at(-1)).toBe(`… and ${2_000 - kept} more, left out`);
  await store.auditSeal();
  expect(await isWhole()).toMatchObject({ isWhole: true });
});

it('pages that are listed, checked and sealed end with their bytes', async () => {
  const texts = Array.from({ length: 31 }, () => 'x'.repeat(TEXT_LENGTH_MAX));
  const count = Math.ceil((3 * PAGE_BYTES) / (31 * TEXT_LENGTH_MAX));
  for (let i = 0; i < count; i++) await store.auditAppend(entry({ i, texts }));
  const numbers = Array.from({ length: count }, (_, i) => count - 1 - i);
  const unsealed = await listed();
  expect(unsealed.entries.map(({ detail }) => detail['i'])).toEqual(numbers);
  expect(unsealed.pages).toBeGreaterThan(2);
  expect(await store.auditSeal()).toBe(count);
  const sealed = await listed();
  expect(sealed.entries.map(({ detail }) => detail['i'])).toEqual(numbers);
  expect(sealed.pages).toBeGreaterThan(2);
  const check = await isWhole();
  expect(check.isWhole).toBe(true);
  expect(check.pages).toBeGreaterThan(2);
});
