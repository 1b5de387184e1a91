import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { newRunId } from '../../../base/ids.ts';
import type { HttpWork } from '../../../domain/work/http.ts';
import type { SqlWork } from '../../../domain/work/sql.ts';
import type { ScriptWork } from '../../../domain/work/script.ts';
import type { GateWork } from '../../../domain/work/work.ts';
import { distinctWork, packWork, unpackWork, workRow } from './work-rows.ts';

const DAY_MS = 86_400_000;
const text: ScriptWork = {
  kind: 'script',
  program: { form: 'text', text: Buffer.from('#!/bin/sh\necho "$DROVER_PARAM_p" \xff\0', 'latin1') },
  lang: 'bash',
  args: ['one', 'zwei ü', ''],
  env: { LANG: 'C', A: 'b' },
  params: { p: 'value' },
  secretNames: ['TOKEN'],
  cwd: '/srv',
  stdin: Buffer.from([0, 1, 255]),
};
const argv: ScriptWork = {
  kind: 'script',
  program: { form: 'argv', argv: ['uname', '-a'] },
  args: [],
  env: {},
  params: {},
  secretNames: [],
};

const http: HttpWork = {
  kind: 'http',
  method: 'POST',
  url: ['https://api.example/items?q=', { secret: 'TOKEN' }],
  headers: { 'X-Key': ['k ', { step: 'a.b', output: 'c' }] },
  body: { form: 'json', text: ['{"a":"', { secret: 'TOKEN' }, '"}'] },
  redirects: 5,
  tls: { serverName: 'api' },
  extract: { id: '/items/0/id' },
};

const sql: SqlWork = {
  kind: 'sql',
  url: ['postgres://u@db.example/', { step: 'a.b', output: 'c' }],
  password: [{ secret: 'PASSWORD' }],
  statement: 'SELECT $1, $2, $3',
  values: [null, { type: 'text', text: ['x ', { secret: 'KEY' }] }, { type: 'number', text: ['1'] }],
  mode: 'write',
  rowsMax: 10,
  tls: { serverName: 'db', isUnproved: true },
  extract: { id: 'id' },
  extractAll: { ids: 'id' },
};

describe('work in the database', () => {
  it('of a statement of a database is readable as version 1 wrote it', () => {
    const path = new URL('../../../../test/fixtures/work/sql-v1.json', import.meta.url);
    if (process.env.UPDATE && !existsSync(path))
      writeFileSync(path, `${JSON.stringify({ sql: packWork(sql).toString('hex') }, null, 2)}\n`);
    const kept = JSON.parse(readFileSync(path, 'utf8')) as { sql: string };
    expect(unpackWork(Buffer.from(kept.sql, 'hex'))).toEqual(sql);
  });

  it('of a request over HTTP is readable as version 1 wrote it', () => {
    const path = new URL('../../../../test/fixtures/work/http-v1.json', import.meta.url);
    if (process.env.UPDATE && !existsSync(path))
      writeFileSync(path, `${JSON.stringify({ http: packWork(http).toString('hex') }, null, 2)}\n`);
    const kept = JSON.parse(readFileSync(path, 'utf8')) as { http: string };
    expect(unpackWork(Buffer.from(kept.http, 'hex'))).toEqual(http);
  });

  it('is readable as version 1 wrote it', () => {
    const path = new URL('../../../../test/fixtures/work/script-v1.json', import.meta.url);
    if (process.env.UPDATE && !existsSync(path))
      writeFileSync(
        path,
        `${JSON.stringify({ text: packWork(text).toString('hex'), argv: packWork(argv).toString('hex') }, null, 2)}\n`,
      );
    const kept = JSON.parse(readFileSync(path, 'utf8')) as Record<'text' | 'argv', string>;
    expect(unpackWork(Buffer.from(kept.text, 'hex'))).toEqual(text);
    expect(unpackWork(Buffer.from(kept.argv, 'hex'))).toEqual(argv);
  });

  it.each([
    [
      'approval-v1',
      {
        kind: 'approval',
        message: 'Deploy ü?',
        count: 2,
        by: ['ann', 'bob'],
        notByStarter: true,
        timeoutMs: 60_000,
        onTimeout: 'continue',
      },
    ],
    ['wait-v1', { kind: 'wait', ms: 600_000 }],
  ] satisfies [string, GateWork][])('is readable as %s wrote it', (name, work) => {
    const path = new URL(`../../../../test/fixtures/work/${name}.json`, import.meta.url);
    if (process.env.UPDATE && !existsSync(path))
      writeFileSync(path, `${JSON.stringify({ work: packWork(work).toString('hex') }, null, 2)}\n`);
    const kept = JSON.parse(readFileSync(path, 'utf8')) as { work: string };
    expect(unpackWork(Buffer.from(kept.work, 'hex'))).toEqual(work);
  });

  it('is the same for runs of one day that ask for the same, and in one order whoever writes it', () => {
    const noon = 20_000 * DAY_MS + DAY_MS / 2;
    const rows = [
      workRow(newRunId(noon), text),
      workRow(newRunId(noon + DAY_MS / 2 - 1), structuredClone(text)),
      workRow(newRunId(noon - DAY_MS / 2), argv),
      workRow(newRunId(noon + DAY_MS / 2), text),
    ];
    const keys = (from: typeof rows): string[] =>
      distinctWork(from).map(({ day, digest }) => day + digest.toString('hex'));
    expect(keys(rows)).toHaveLength(3);
    expect(keys(rows)).toEqual(keys(rows.toReversed()));
    expect(keys(rows)).toEqual(keys(rows).sort());
  });
});
