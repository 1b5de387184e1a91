/**
 * What users and machines get wrong: each is told by a stable code and by words that say what is wrong and what to do. What of the list
 * is tried elsewhere: full disks (full-disk), expired certificates (renewal), wrong tokens and clocks that are off (enrolment), foreign
 * and locked data folders (up), unknown users and interpreters (conformance of ledgers), newer schemas (store).
 */
import { EVERYTHING } from '../../src/domain/access/access-node.ts';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { createProcessLedger } from '../../src/engines/process/process-ledger.ts';
import { newAttempt, reportOf } from '../conformance/ledger.ts';
import { HOST, specOf } from '../support/execution-spec.ts';
import { nobody } from '../support/listeners.ts';
import { testApi, type TestApi } from '../support/api.ts';

describe('a run that cannot be', () => {
  let api: TestApi;
  let token: string;
  beforeAll(async () => {
    api = await testApi();
    token = await api.token('operator');
  });
  afterAll(() => api.close());

  it.each<[what: string, body: object, code: string, words: RegExp]>([
    ['a host that is not there', { targets: 'web-1', script: 'true' }, 'host-not-found', /web-1/],
    ['targets that match nothing', { targets: 'web-*', script: 'true' }, 'no-target-matched', /web-\*/],
    ['an empty script', { targets: 'all', script: ' \n\t' }, 'script-empty', /script/i],
    [
      'a NUL in a variable',
      { targets: 'all', script: 'true', env: { A: 'a\0b' } },
      'bad-input',
      /#\/env\/A: contains a NUL/,
    ],
    [
      'a duration without a unit',
      { targets: 'all', script: 'true', timeout: '5' },
      'bad-duration',
      /timeout.*(30s|5m|1h)/s,
    ],
    [
      'a duration of another tongue',
      { targets: 'all', script: 'true', lostAfter: 'soon' },
      'bad-duration',
      /lostAfter.*(30s|5m|1h)/s,
    ],
  ])('names %s', async (_what, body, code, words) => {
    const response = await api.app.inject({
      method: 'POST',
      url: '/api/v1/runs',
      headers: { authorization: `Bearer ${token}` },
      payload: body,
    });
    expect(response.json()).toMatchObject({ code });
    expect(response.body).toMatch(words);
    expect((await api.store.runList(EVERYTHING, {}, { limit: 10 })).items).toEqual([]);
  });
});

describe('a folder that cannot be written on a host', () => {
  let folder: string;
  let ledger: Ledger;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'drover-unwritable-'));
  });
  afterAll(async () => {
    await ledger?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const make = (dataDir: string): Ledger =>
    createProcessLedger({
      dataDir,
      hostName: 'h',
      hostId: 'id',
      clock: systemClock,
      log: silentLog,
      useCgroups: false,
    }).ledger;

  it('keeps the agent from starting, and is named', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => make(join(folder, 'file', 'below'))).toThrow(
      expect.objectContaining({
        code: 'spool-unwritable',
        message: expect.stringContaining(join(folder, 'file', 'below')) as string,
      }) as Error,
    );
  });

  it('refuses what comes while its spool is gone, and nothing after', async () => {
    const dataDir = join(folder, 'data');
    ledger = make(dataDir);
    await ledger.start(nobody);
    // Also root cannot make a folder in a file.
    renameSync(join(dataDir, 'spool'), join(dataDir, 'away'));
    writeFileSync(join(dataDir, 'spool'), '');
    const refused = newAttempt();
    await ledger.startAttempt(refused, specOf('echo ran'), HOST);
    expect(await reportOf(ledger, refused)).toMatchObject({
      outcome: { kind: 'refused', reason: 'spool-unwritable' },
      detail: expect.stringContaining('cannot be written') as string,
    });
    rmSync(join(dataDir, 'spool'));
    renameSync(join(dataDir, 'away'), join(dataDir, 'spool'));
    const good = newAttempt();
    await ledger.startAttempt(good, specOf('echo ran'), HOST);
    expect(await reportOf(ledger, good)).toMatchObject({ outcome: { kind: 'exited', code: 0 } });
  });
});
