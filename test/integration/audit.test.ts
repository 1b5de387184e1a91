/** Whoever can write the tables of the audit cannot make it verify, and whoever has not made them cannot write them. */
import { EVERYTHING } from '../../src/domain/access/access-node.ts';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { given } from '../../src/base/given.ts';
import { limits } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { createMasterKey } from '../../src/pki/sealer.ts';
import { migrateAsOwner } from '../../src/store/postgres/owner-role.ts';
import { createPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import type { AuditCheck, AuditEntry, AuditPosition } from '../../src/store/contract/audit.ts';
import type { Store } from '../../src/store/contract/store.ts';
import { testAuditKey } from '../support/audit-key.ts';
import { testDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let store: Store;
const entry: AuditEntry = {
  actor: { kind: 'token', id: 't', name: 'mia' },
  action: 'fleet.host.edit',
  target: 'host/web-1',
  detail: { set: { z: '1', a: 'ß', 10: 1e21, 2: [null, { b: 1, a: 2 }] }, gone: undefined },
};

const open = (): Promise<Store> =>
  createPostgresStore({ url: database.url, clock: systemClock, log: silentLog, auditKey: testAuditKey });

beforeEach(async () => {
  database = await testDatabase();
  store = await open();
});
afterEach(async () => {
  await store.close();
  await database.drop();
});

async function write(count: number): Promise<void> {
  await append(count);
  await store.auditSeal();
}

async function append(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await store.auditAppend({ ...entry, requestId: `r${i}` });
}

/** As a client does: page after page. */
async function verify(after?: AuditPosition): Promise<AuditCheck & { all: number }> {
  let all = 0;
  for (let at = after; ; ) {
    const check = await store.auditVerify(at);
    all += check.checked;
    if (check.isWhole || check.fault) return { ...check, all };
    at = check.through;
  }
}

/** As who owns the table can: the guard is taken away for it. */
async function asOwner(...statements: string[]): Promise<void> {
  await database.query('ALTER TABLE audit DISABLE TRIGGER audit_append_only');
  for (const statement of statements) await database.query(statement);
  await database.query('ALTER TABLE audit ENABLE TRIGGER audit_append_only');
}

async function queryAs(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(statement).finally(() => client.end());
}

describe('the chain of the audit', () => {
  it('is whole as it was written, over pages and without any entry', async () => {
    expect(await verify()).toMatchObject({ isWhole: true, all: 0 });
    await write(3);
    expect(await verify()).toMatchObject({ isWhole: true, all: 3, through: { seq: 3 } });
    await database.query(
      `INSERT INTO audit SELECT n, id, at_ms, actor, action, target, detail, request_id, mark, previous_hash, hash FROM audit, generate_series(4, ${limits.auditVerifyPage + 3}) n WHERE seq = 3`,
    );
    // Copies are no chain: the first of them is named, and a page ends there.
    expect(await verify()).toMatchObject({ fault: { seq: 4, kind: 'unchained' }, all: 4, through: { seq: 3 } });
  });

  it('goes on page by page, and over entries that are written meanwhile', async () => {
    await Promise.all(Array.from({ length: 8 }, async () => append(Math.ceil((limits.auditVerifyPage + 1) / 8))));
    await store.auditSeal();
    const first = await store.auditVerify();
    expect(first).toMatchObject({ isWhole: false, checked: limits.auditVerifyPage });
    expect(first).not.toHaveProperty('fault');
    await write(1);
    expect(await verify(first.through)).toMatchObject({ isWhole: true });
  });

  it.each([
    ['what was done', "UPDATE audit SET action = 'fleet.host.view' WHERE seq = 3", 3, 'altered'],
    ['by whom', `UPDATE audit SET actor = '{"kind":"token","id":"t","name":"eve"}' WHERE seq = 3`, 3, 'altered'],
    ['by whom, in another shape', "UPDATE audit SET actor = 'null' WHERE seq = 3", 3, 'altered'],
    ['by whom, with a word more', `UPDATE audit SET actor = actor || '{"x":1}' WHERE seq = 3`, 3, 'altered'],
    [
      'its mark to nothing',
      'ALTER TABLE audit ALTER mark DROP NOT NULL; UPDATE audit SET mark = NULL WHERE seq = 3',
      3,
      'altered',
    ],
    [
      'its hash to nothing',
      'ALTER TABLE audit ALTER hash DROP NOT NULL; UPDATE audit SET hash = NULL WHERE seq = 3',
      3,
      'altered',
    ],
    [
      'what it follows to nothing',
      'ALTER TABLE audit ALTER previous_hash DROP NOT NULL; UPDATE audit SET previous_hash = NULL WHERE seq = 3',
      3,
      'unchained',
    ],
    ['a detail', `UPDATE audit SET detail = jsonb_set(detail, '{set,a}', '"x"') WHERE seq = 3`, 3, 'altered'],
    ['when', 'UPDATE audit SET at_ms = at_ms + 1 WHERE seq = 3', 3, 'altered'],
    ['the request', 'UPDATE audit SET request_id = NULL WHERE seq = 3', 3, 'altered'],
    ['its mark', "UPDATE audit SET mark = sha256('x') WHERE seq = 3", 3, 'altered'],
    ['its hash', "UPDATE audit SET hash = sha256('x') WHERE seq = 3", 3, 'altered'],
    ['what it follows', "UPDATE audit SET previous_hash = sha256('x') WHERE seq = 3", 3, 'unchained'],
    ['an entry taken out', 'DELETE FROM audit WHERE seq = 3', 3, 'missing'],
    ['the first entry taken out', 'DELETE FROM audit WHERE seq = 1', 1, 'missing'],
    [
      'the order of two entries',
      'UPDATE audit SET seq = 99 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4; UPDATE audit SET seq = 4 WHERE seq = 99',
      3,
      'unchained',
    ],
    [
      'what lies between two entries, by one put there',
      `UPDATE audit SET seq = seq + 10 WHERE seq > 3; UPDATE audit SET seq = seq - 9 WHERE seq > 10;
       INSERT INTO audit SELECT 4, id, at_ms, actor, action, target, detail, request_id, mark, hash, hash FROM audit WHERE seq = 3`,
      4,
      'altered',
    ],
    ['the end cut off', 'DELETE FROM audit WHERE seq > 3', 4, 'missing'],
    ['the head set back', 'UPDATE audit_head SET seq = 3, hash = (SELECT hash FROM audit WHERE seq = 3)', 5, 'head'],
    ['the head changed', "UPDATE audit_head SET hash = sha256('x')", 5, 'head'],
    ['the head taken away', 'DELETE FROM audit_head', 5, 'head'],
  ])('tells that somebody changed %s', async (_what, statement, seq, kind) => {
    await write(5);
    await asOwner(statement);
    expect((await verify()).fault).toMatchObject({ seq, kind });
    // What is left is still listed.
    expect((await store.auditList(EVERYTHING, {}, { limit: 10 })).items.length).toBeGreaterThan(1);
  });

  it('cannot be made anew by who has no key: entries taken out and all hashes computed over again', async () => {
    await write(5);
    const stolen = createMasterKey(Buffer.alloc(32, 3)).auditKey;
    const forger = await createPostgresStore({
      url: database.url,
      clock: systemClock,
      log: silentLog,
      auditKey: async () => stolen,
    });
    await asOwner('DELETE FROM audit', "UPDATE audit_head SET seq = 0, hash = decode(repeat('00', 32), 'hex')");
    for (let i = 0; i < 5; i++) await forger.auditAppend(entry);
    await forger.auditSeal();
    await forger.close();
    expect((await verify()).fault).toMatchObject({ seq: 1, kind: 'altered' });
  });

  it('set back to an older end is found by who noted a head', async () => {
    await write(5);
    const { through: noted } = await verify();
    await asOwner(
      'DELETE FROM audit WHERE seq > 3',
      'UPDATE audit_head SET seq = 3, hash = (SELECT hash FROM audit WHERE seq = 3)',
    );
    expect(await verify()).toMatchObject({ isWhole: true });
    expect((await verify(noted)).fault).toMatchObject({ seq: 4, kind: 'missing' });
    await write(2);
    expect((await verify(noted)).fault).toMatchObject({ seq: 5, kind: 'head' });
    await write(1);
    expect((await verify(noted)).fault).toMatchObject({ seq: 6, kind: 'unchained' });
  });

  it.each([
    ['changed', "UPDATE audit_unsealed SET target = 'host/web-2'"],
    [
      'put in',
      'INSERT INTO audit_unsealed SELECT gen_random_uuid(), at_ms, actor, action, target, detail, request_id, mark FROM audit',
    ],
  ])('tells of an entry that somebody has %s before it was sealed, then and ever after', async (_what, statement) => {
    await write(2);
    if (statement.startsWith('UPDATE')) await append(1);
    await database.query(statement);
    expect((await verify()).fault).toMatchObject({ kind: 'altered' });
    expect((await verify()).fault).not.toHaveProperty('seq');
    await store.auditSeal();
    expect((await verify()).fault).toMatchObject({ kind: 'altered', seq: 3 });
  });

  it('tells what waits for its seal, and lists it before what is sealed', async () => {
    await write(2);
    await append(3);
    expect(await verify()).toMatchObject({ isWhole: true, all: 2, unsealed: 3 });
    const pages: (number | undefined)[][] = [];
    const ids = new Set<string>();
    for (let cursor: string | undefined; ; ) {
      const page = await store.auditList(EVERYTHING, {}, { limit: 2, ...given({ cursor }) });
      pages.push(page.items.map(({ seal }) => seal?.seq));
      for (const { id } of page.items) ids.add(id);
      cursor = page.next;
      if (cursor === undefined) break;
    }
    expect(pages).toEqual([[undefined, undefined], [undefined, 2], [1]]);
    expect(ids.size).toBe(5);
  });

  it('is listed once each, though entries are sealed between two pages', async () => {
    await write(2);
    await append(3);
    const first = await store.auditList(EVERYTHING, {}, { limit: 2 });
    await store.auditSeal();
    const rest = await store.auditList(EVERYTHING, {}, { limit: 10, cursor: first.next! });
    expect(rest.items.map(({ seal }) => seal?.seq)).toEqual([3, 2, 1]);
    expect(new Set([...first.items, ...rest.items].map(({ id }) => id)).size).toBe(5);
  });

  it('has one sealer at a time, and no entry twice or left out', async () => {
    const stores = await Promise.all([open(), open()]);
    let isWriting = true;
    const sealers = [store, ...stores].map(async (one) => {
      while (isWriting) await one.auditSeal();
    });
    await Promise.all(Array.from({ length: 4 }, () => append(60)));
    isWriting = false;
    await Promise.all(sealers);
    await store.auditSeal();
    expect(await verify()).toMatchObject({ isWhole: true, all: 240, unsealed: 0 });
    await Promise.all(stores.map((one) => one.close()));
  });

  it('does not have deeds wait for each other: one that is not committed holds up no other', async () => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query('BEGIN');
    await client.query(
      "INSERT INTO audit_unsealed (id, at_ms, actor, action, target, detail, mark) VALUES (gen_random_uuid(), 0, '{}', 'x', 'x', '{}', '')",
    );
    await write(2);
    expect(await verify()).toMatchObject({ isWhole: true, all: 2 });
    await client.query('ROLLBACK');
    await client.end();
  });

  it('keeps its key under another master key, and has another in another installation', () => {
    const [first, second] = [createMasterKey(Buffer.alloc(32, 1)), createMasterKey(Buffer.alloc(32, 2))];
    const root = first.dispatchRootOf(first.currentKeyId);
    expect(second.withDispatchRoot(root).auditKey).toEqual(first.auditKey);
    expect(second.auditKey).not.toEqual(first.auditKey);
    expect(first.auditKey).not.toEqual(root);
  });
});

describe('with a role that owns the database and another that servers work as', () => {
  it('servers do all their work and cannot change the audit', async () => {
    const [{ current }] = (await database.query('SELECT current_database() AS current')) as [{ current: string }];
    const [owner, server, name] = [`${current}_o`, `${current}_s`, `${current}_two`];
    const urlAs = (role: string): string => {
      const url = new URL(database.url);
      [url.username, url.password, url.pathname] = [role, 'pw', `/${name}`];
      return url.href;
    };
    // As docs/operations/install.md says.
    for (const statement of [
      `CREATE ROLE ${owner} LOGIN PASSWORD 'pw'`,
      `CREATE ROLE ${server} LOGIN PASSWORD 'pw'`,
      `GRANT ${server} TO ${owner}`,
      `CREATE DATABASE ${name} OWNER ${owner}`,
    ])
      await database.query(statement);
    try {
      for (let twice = 0; twice < 2; twice++) await migrateAsOwner(urlAs(owner), urlAs(server), silentLog);
      const working = await createPostgresStore({
        url: urlAs(server),
        clock: systemClock,
        log: silentLog,
        auditKey: testAuditKey,
      });
      expect(await working.maintain({ runsKeptMs: limits.runsKeptMsDefault, aheadDays: 9 })).toMatchObject({
        dropped: 0,
      });
      await working.auditAppend(entry);
      expect(await working.auditSeal()).toBe(1);
      expect(await working.auditVerify()).toMatchObject({ isWhole: true, checked: 1 });
      await working.close();
      for (const statement of [
        "UPDATE audit SET action = 'x'",
        'DELETE FROM audit',
        'TRUNCATE audit',
        'DROP TABLE audit_unsealed',
        "UPDATE audit_unsealed SET action = 'x'",
        'DROP TABLE audit',
        'ALTER TABLE audit DISABLE TRIGGER ALL',
        'ALTER TABLE audit DISABLE TRIGGER audit_append_only',
        'CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$',
        `SET ROLE ${owner}`,
      ])
        await expect(queryAs(urlAs(server), statement), statement).rejects.toThrow(/permission denied|must be owner/);
    } finally {
      await database.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await database.query(`DROP ROLE ${owner}`);
      await database.query(`DROP ROLE ${server}`);
    }
  });
});
