/** Jobs through the API and the command, on a real database: drafts, versions, who may, what two people do at once, and what is kept. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EXIT } from '../../src/base/exit-codes.ts';
import { jobLimits } from '../../src/base/job-limits.ts';
import { given } from '../../src/base/given.ts';
import type { Role } from '../../src/domain/access/permission.ts';
import { runCommand } from '../../src/cli/program.ts';
import { testApi, type TestApi } from '../support/api.ts';

const home = mkdtempSync(join(tmpdir(), 'drover-jobs-'));
const tokens = {} as Record<Role, string>;
let api: TestApi;
beforeAll(async () => {
  api = await testApi();
  for (const role of ['viewer', 'operator', 'admin'] as const) tokens[role] = await api.token(role);
  vi.stubEnv('DROVER_URL', await api.app.listen({ host: '127.0.0.1', port: 0 }));
  vi.stubEnv('DROVER_TOKEN', tokens.operator);
  vi.stubEnv('XDG_CONFIG_HOME', home);
}, 60_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  await api.close();
  rmSync(home, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown> & { readonly code?: string };
}
async function call(
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  payload?: object,
  role: Role = 'operator',
): Promise<Answer> {
  const response = await api.app.inject({
    method,
    url: `/api/v1${path}`,
    headers: given({ authorization: `Bearer ${tokens[role]}`, 'content-type': payload && 'application/json' }),
    ...given({ payload }),
  });
  return { status: response.statusCode, body: response.json() as Answer['body'] };
}
const text = (name: string, more = '', command = 'uptime'): string =>
  `# ${name}, as it was written  \njob: ${name}\n${more}stages:\n  - stage: s\n    steps: [{ step: a, command: [${command}] }]\n`;
const digestOf = (of: string): string => createHash('sha256').update(of).digest('hex');
const apply = (definition: string, more: object = {}): Promise<Answer> =>
  call('POST', '/jobs', { definition, ...more });
/** `created 1 draft`. */
const outcomeOf = ({ body }: Answer): string => {
  const { version, state } = (body.version ?? {}) as { version?: number; state?: string };
  return body.outcome === undefined ? String(body.code) : `${String(body.outcome)} ${version} ${state}`;
};
const publish = (job: string, version: string | number = 'draft', more: object = {}): Promise<Answer> =>
  call('POST', `/jobs/${job}/versions/${version}/publish`, more);

describe('a job', () => {
  it('is a draft until it is published, and then a new draft beside it', async () => {
    expect(outcomeOf(await apply(text('life')))).toBe('created 1 draft');
    expect(outcomeOf(await apply(text('life')))).toBe('unchanged 1 draft');
    expect(outcomeOf(await apply(text('life', 'owner: Mei\n')))).toBe('changed 1 draft');
    expect((await call('GET', '/jobs/life')).body).toMatchObject({ state: 'draft', draftVersion: 1, owner: 'Mei' });
    expect((await publish('life', 'draft', { reason: 'looked at' })).body).toMatchObject({
      state: 'published',
      published: { by: expect.any(String), reason: 'looked at' },
    });
    expect(outcomeOf(await apply(text('life', 'owner: Mei\n')))).toBe('unchanged 1 published');
    expect(outcomeOf(await apply(text('life', 'owner: Ada\n')))).toBe('changed 2 draft');
    // What runs is what is shown.
    expect((await call('GET', '/jobs/life')).body).toMatchObject({
      state: 'published',
      publishedVersion: 1,
      draftVersion: 2,
      owner: 'Mei',
    });
    expect((await publish('life', 2)).status).toBe(200);
    expect((await call('GET', '/jobs/life')).body).toMatchObject({ publishedVersion: 2, owner: 'Ada', lastVersion: 2 });
    expect((await publish('life', 2)).body.code).toBe('job-version-state');
    expect((await publish('life')).body.code).toBe('job-version-not-found');
  });

  it('is retired version by version, or whole; the same text then is a new version', async () => {
    await apply(text('old'));
    await publish('old');
    await apply(text('old', 'team: b\n'));
    await publish('old');
    expect((await call('POST', '/jobs/old/versions/latest/retire', { reason: 'breaks' })).body).toMatchObject({
      version: 2,
      state: 'retired',
    });
    expect((await call('GET', '/jobs/old')).body).toMatchObject({ publishedVersion: 1, state: 'published' });
    await apply(text('old', 'team: c\n'));
    expect((await call('POST', '/jobs/old/retire', {})).body).toMatchObject({ state: 'retired' });
    expect((await call('POST', '/jobs/old/retire', {})).body.code).toBe('job-version-state');
    const { body } = await call('GET', '/jobs/old/versions');
    expect(
      (body.items as { version: number; state: string }[]).map(({ version, state }) => `${version} ${state}`),
    ).toEqual(['3 retired', '2 retired', '1 retired']);
    expect(outcomeOf(await apply(text('old', 'team: c\n')))).toBe('changed 4 draft');
  });

  it('is kept byte for byte', async () => {
    const odd = `# Ümläut\t\u{1f525}  \r\n${text('kept')}\n\n# the end`;
    await apply(odd);
    const { body } = await call('GET', '/jobs/kept/versions/draft');
    expect([body.definition, body.digest]).toEqual([odd, digestOf(odd)]);
    const exported = await api.app.inject({
      url: '/api/v1/jobs/kept/versions/1/definition',
      headers: { authorization: `Bearer ${tokens.viewer}` },
    });
    expect(exported.rawPayload.equals(Buffer.from(odd))).toBe(true);
  });

  it('goes only to who has seen what is there', async () => {
    const [one, two] = [text('seen'), text('seen', 'team: x\n')];
    expect((await apply(one, { seen: digestOf(one) })).body.code).toBe('job-changed');
    expect(outcomeOf(await apply(one, { seen: 'none' }))).toBe('created 1 draft');
    expect((await apply(two, { seen: 'none' })).body.code).toBe('job-changed');
    expect((await apply(two, { seen: digestOf(two) })).body.code).toBe('job-changed');
    expect(outcomeOf(await apply(two, { seen: digestOf(one) }))).toBe('changed 1 draft');
    expect((await publish('seen', 'draft', { seen: digestOf(one) })).body.code).toBe('job-changed');
    expect((await publish('seen', 'draft', { seen: digestOf(two) })).status).toBe(200);
  });

  it('has each version once and one draft, however many apply at once', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => apply(text('race', `team: t${n}\n`))));
    expect(answers.map(outcomeOf).filter((outcome) => outcome === 'created 1 draft')).toHaveLength(1);
    expect(answers.map(outcomeOf).filter((outcome) => outcome === 'changed 1 draft')).toHaveLength(7);
    const published = await Promise.all(Array.from({ length: 4 }, () => publish('race', 1)));
    expect(published.map(({ status }) => status).toSorted()).toEqual([200, 409, 409, 409]);
  });

  it('is refused with every fault at its line, and nothing is written', async () => {
    const { status, body } = await apply(`job: wrong\nstages:\n  - stage: s\n    needs: [t]\n    stesp: []\n`);
    expect([status, body.code, body.errorCount]).toEqual([400, 'bad-input', 3]);
    expect(body.errors).toMatchObject([
      { pointer: '#/definition', code: 'bad-input', detail: expect.stringContaining('line 3, column 5') },
      { pointer: '#/definition', code: 'job-reference-unknown', detail: expect.stringContaining('line 4, column 13') },
      { pointer: '#/definition', code: 'job-key-unknown', detail: expect.stringContaining('Did you mean steps?') },
    ]);
    expect((await call('GET', '/jobs/wrong')).body.code).toBe('job-not-found');
    const asked = await call('POST', '/jobs/validate', { definition: 'job: x\nstages: 1\n' });
    expect(asked).toMatchObject({
      status: 200,
      body: { valid: false, faults: [{ line: 2, column: 1, code: 'bad-input' }], faultCount: 1 },
    });
    expect((await call('POST', '/jobs/validate', { definition: text('new') })).body).toMatchObject({
      valid: true,
      job: 'new',
    });
    expect((await call('GET', '/jobs/new')).body.code).toBe('job-not-found');
  });

  it('is not applied, published or retired by who may only look', async () => {
    await apply(text('looked-at'));
    for (const [path, payload] of [
      ['/jobs', { definition: text('mine') }],
      ['/jobs/looked-at/versions/1/publish', {}],
      ['/jobs/looked-at/versions/1/retire', {}],
      ['/jobs/looked-at/retire', {}],
    ] as const)
      expect((await call('POST', path, payload, 'viewer')).body.code).toBe('permission-denied');
  });

  it('is listed by name, by what is said of it, and page by page', async () => {
    for (const [name, more] of [
      ['list-a', 'owner: Mei\nteam: blue\ntags: [x, y]\n'],
      ['list-b', 'owner: Mei\nteam: red\ntags: [y]\n'],
      ['list-c', 'owner: Ada\nteam: red\n'],
    ] as const)
      await apply(text(name, more));
    await publish('list-c');
    const names = async (query: string): Promise<string[]> =>
      ((await call('GET', `/jobs?${query}`)).body.items as { name: string }[]).map(({ name }) => name);
    expect(await names('owner=Mei&team=red')).toEqual(['list-b']);
    expect(await names('tag=y')).toEqual(['list-a', 'list-b']);
    expect(await names('name=st-b')).toEqual(['list-b']);
    expect(await names('name=ST-B')).toEqual([]);
    expect(await names('team=red&state=published')).toEqual(['list-c']);
    const first = (await call('GET', '/jobs?limit=1&tag=y')).body;
    expect(first.items).toMatchObject([{ name: 'list-a' }]);
    const second = (await call('GET', `/jobs?limit=1&tag=y&cursor=${String(first.next)}`)).body;
    expect([second.items, second.next]).toMatchObject([[{ name: 'list-b' }], undefined]);
    expect((await call('GET', '/jobs?cursor=x')).body.code).toBe('bad-input');
    const versions = (await call('GET', '/jobs/life/versions?limit=1')).body;
    expect(versions.items).toMatchObject([{ version: 2 }]);
    expect((await call('GET', `/jobs/life/versions?limit=1&cursor=${String(versions.next)}`)).body.items).toMatchObject(
      [{ version: 1 }],
    );
  });

  it('shows how one version becomes another', async () => {
    const { body } = await call('GET', '/jobs/life/diff?from=1&to=2');
    expect(body).toMatchObject({ equal: false, from: { version: 1 }, to: { version: 2 } });
    expect((body.lines as { kind: string; text: string }[]).filter(({ kind }) => kind !== 'same')).toEqual([
      { kind: 'removed', text: 'owner: Mei' },
      { kind: 'added', text: 'owner: Ada' },
    ]);
    expect((await call('GET', '/jobs/life/diff?from=1&to=9')).body.code).toBe('job-version-not-found');
  });

  it('leaves in the audit who did what to which version', async () => {
    const { body } = await call('GET', '/audit?action=job.definition.publish&limit=1000', undefined, 'admin');
    expect(body.items).toContainEqual(
      expect.objectContaining({
        target: 'job/life',
        detail: expect.objectContaining({
          version: 1,
          reason: 'looked at',
          digest: digestOf(text('life', 'owner: Mei\n')),
        }),
      }),
    );
    const edits = await call('GET', '/audit?action=job.definition.edit&limit=1000', undefined, 'admin');
    // Once for each text that became a draft; what changed nothing is none.
    expect((edits.body.items as { target: string }[]).filter(({ target }) => target === 'job/life')).toHaveLength(3);
  });

  it('has its shape published for editors, who have no token', async () => {
    const response = await api.app.inject({ url: '/api/v1/schemas/job.json' });
    expect(response.statusCode).toBe(200);
    const schema = response.json() as { properties: object; additionalProperties: boolean };
    expect(Object.keys(schema.properties)).toEqual([
      'job',
      'description',
      'owner',
      'team',
      'tags',
      'parameters',
      'notify',
      'targets',
      'stages',
    ]);
    expect(schema.additionalProperties).toBe(false);
  });

  it('is one of so many, and has so many versions', async () => {
    await apply(text('many'));
    await publish('many');
    await api.database.query(
      `INSERT INTO job_version (job_id, version, state, document, digest, tags, applied_at_ms, applied_by, applied_reason, published_at_ms, published_by, published_reason)
       SELECT id, n, 'published', 'x', sha256('x'), '{}', 0, '{}', '', 0, '{}', '' FROM job, generate_series(2, $1) AS n WHERE name = 'many'`,
      [jobLimits.jobVersionsMax - 1],
    );
    await api.database.query("UPDATE job SET last_version = $1, numbered = $1 WHERE name = 'many'", [
      jobLimits.jobVersionsMax - 1,
    ]);
    expect(outcomeOf(await apply(text('many', 'team: a\n')))).toBe(`changed ${jobLimits.jobVersionsMax} draft`);
    await publish('many');
    expect((await apply(text('many', 'team: b\n'))).body.code).toBe('too-many-jobs');
    await api.database.query(
      `INSERT INTO job (id, name, created_at_ms, changed_at_ms)
       SELECT gen_random_uuid(), 'filled-' || n, 0, 0 FROM generate_series(1, $1 - 1 - (SELECT count(*) FROM job)) AS n`,
      [jobLimits.jobsMax],
    );
    expect(outcomeOf(await apply(text('last-one')))).toBe('created 1 draft');
    expect((await apply(text('too-much'))).body.code).toBe('too-many-jobs');
    await api.database.query("DELETE FROM job WHERE name LIKE 'filled-%'");
  });

  it('runs with so many executions and not with more, all steps together', async () => {
    const steps = 1_000;
    const hosts = jobLimits.jobExecutionsMax / steps;
    await api.database.query(
      `INSERT INTO host (id, name, created_at_ms, labels)
       SELECT gen_random_uuid(), 'wide-' || n, 0, CASE WHEN n <= $1 THEN '{"edge": "yes"}'::jsonb ELSE '{}' END
       FROM generate_series(1, $1 + 1) AS n`,
      [hosts],
    );
    await api.database.query("UPDATE setting SET value = value + 1 WHERE name = 'host-directory'");
    const list = Array.from({ length: steps }, (_, n) => `      - { step: s${n}, command: ['true'] }\n`).join('');
    await apply(`job: wide\nstages:\n  - stage: s\n    steps:\n${list}`);
    await publish('wide');
    const run = (targets: string): Promise<Answer> => call('POST', '/jobs/wide/runs', { targets });
    expect((await run('wide-*')).body.code).toBe('too-many-targets');
    expect((await run('edge=yes')).body).toMatchObject({
      state: 'waiting',
      hostCount: hosts,
      counts: { waiting: hosts },
    });
  });
});

async function command(...words: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const [stdout, stderr]: [string[], string[]] = [[], []];
  const out = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => stdout.push(String(chunk)) > 0);
  const err = vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => stderr.push(String(chunk)) > 0);
  try {
    process.exitCode = undefined;
    const code = await runCommand(words);
    return { code, stdout: stdout.join(''), stderr: stderr.join('') };
  } finally {
    process.exitCode = undefined;
    out.mockRestore();
    err.mockRestore();
  }
}
function file(name: string, content: string): string {
  const path = join(home, name);
  writeFileSync(path, content);
  return path;
}

describe('the command', () => {
  it('applies several jobs of several files, publishes them, and says so again when nothing is new', async () => {
    const two = file('two.yaml', `${text('cli-a')}---\n${text('cli-b', 'team: b\n')}`);
    const json = file(
      'c.json',
      JSON.stringify({ job: 'cli-c', stages: [{ stage: 's', steps: [{ step: 'a', command: ['x'] }] }] }),
    );
    const first = await command('job', 'apply', two, '-f', json, '--reason', 'because');
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toBe(
      'cli-a: version 1, draft, created\ncli-b: version 1, draft, created\ncli-c: version 1, draft, created\n',
    );
    expect((await command('job', 'apply', two, '--publish')).stdout).toBe(
      'cli-a: version 1, published, as it was\ncli-b: version 1, published, as it was\n',
    );
    expect((await command('job', 'apply', two, '--publish', '-o', 'name')).stdout).toBe('cli-a\ncli-b\n');
    expect((await command('job', 'export', 'cli-b')).stdout).toBe(`---\n${text('cli-b', 'team: b\n')}`);
    expect((await command('job', 'list', '--team', 'b', '-o', 'name')).stdout).toBe('cli-b\n');
    expect((await command('job', 'versions', 'cli-c')).stdout).toContain('because');
    expect((await command('job', 'show', 'cli-c')).stdout).toContain('draft        version 1');
  });

  it('sends nothing while anything of it is wrong, and tells all of it with files and lines', async () => {
    const good = file('good.yaml', text('cli-good'));
    const bad = file('bad.yaml', `${text('cli-bad')}---\njob: cli-bad\nstages:\n  - stage: s\n    stpes: []\n`);
    const applied = await command('job', 'apply', good, bad);
    expect(applied.code).toBe(EXIT.usage);
    expect(applied.stderr).toContain(`${bad}:9:5: bad-input: steps is missing.`);
    expect(applied.stderr).toContain(`${bad}:10:5: job-key-unknown: "stpes" is not known here. Did you mean steps?`);
    expect((await command('job', 'show', 'cli-good')).code).toBe(EXIT.refused);
    const twice = await command('job', 'apply', good, good);
    expect(twice).toMatchObject({ code: EXIT.usage, stderr: expect.stringContaining('job-name-twice') });
    expect((await command('job', 'apply')).code).toBe(EXIT.usage);
    expect((await command('job', 'apply', good, file('other.yaml', text('cli-other')), '--seen', 'none')).code).toBe(
      EXIT.usage,
    );
    const many = file(
      'many.yaml',
      Array.from({ length: jobLimits.jobsPerCommandMax + 1 }, () => '---\njob: x\n').join(''),
    );
    expect((await command('job', 'validate', many)).stderr).toContain(`more than ${jobLimits.jobsPerCommandMax} jobs`);
  });

  it('validates without a server', async () => {
    vi.stubEnv('DROVER_URL', 'http://127.0.0.1:1');
    try {
      const bad = file(
        'alone.yaml',
        'job: alone\nstages:\n  - stage: s\n    steps: [{ step: a, script: x, timeout: 5 }]\n',
      );
      const { code, stdout } = await command('job', 'validate', bad, file('right.yaml', text('right')));
      expect(code).toBe(EXIT.usage);
      expect(stdout).toBe(
        `${bad}:4:35: bad-duration: timeout: write it with a unit, such as 30s, 5m or 1h30m.\n${join(home, 'right.yaml')}: right is a job\n`,
      );
      const told = await command('job', 'validate', bad, '--json');
      expect(JSON.parse(told.stdout)).toMatchObject({
        items: [{ file: bad, valid: false, faultCount: 1, faults: [{ line: 4, column: 35 }] }],
      });
    } finally {
      vi.stubEnv('DROVER_URL', `http://127.0.0.1:${(api.app.server.address() as { port: number }).port}`);
    }
  });

  it('tells what a start with values would be refused for', async () => {
    const path = file(
      'values.yaml',
      text('cli-values', 'parameters: [{ name: version, required: true, pattern: v1 }, { name: key, type: secret }]\n'),
    );
    vi.stubEnv('CLI_KEY', 'hunter22');
    const right = ['-p', 'version=v1', '--secret', 'key=env:CLI_KEY', '-t', 'all'];
    expect((await command('job', 'validate', path, ...right)).code).toBe(0);
    const wrong = await command('job', 'validate', path, '-p', 'version=v2', '-p', 'vresion=v1', '-t', '[');
    expect(wrong.code).toBe(EXIT.usage);
    expect(wrong.stdout).toContain(
      `${path}: param version: parameter-invalid: The parameter version does not look like v1`,
    );
    expect(wrong.stdout).toContain('Did you mean version?');
    expect((await command('job', 'validate', path, path, ...right)).code).toBe(EXIT.usage);
    const asked = { definition: text('cli-values', 'parameters: [{ name: n, type: number }]\n') };
    expect((await call('POST', '/jobs/validate', { ...asked, params: { n: 'x' }, targets: 'all' })).body).toMatchObject(
      {
        valid: false,
        faults: [],
        valueFaults: [{ pointer: '#/params/n', code: 'parameter-invalid' }],
      },
    );
    expect((await call('POST', '/jobs/validate', { ...asked, params: { n: 3 } })).body.valueFaults).toMatchObject([
      { pointer: '#/targets', code: 'bad-target' },
    ]);
    const many = (count: number) => ({
      ...asked,
      params: Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, i])),
    });
    expect((await call('POST', '/jobs/validate', many(jobLimits.jobParametersMax))).status).toBe(200);
    expect((await call('POST', '/jobs/validate', many(jobLimits.jobParametersMax + 1))).status).toBe(400);
  });

  it('runs a job on any of the hosts that it is told, and asks before it is the whole fleet', async () => {
    for (const name of ['any-1', 'any-2', 'any-3'])
      await api.database.query(
        'INSERT INTO host (id, name, created_at_ms, labels) VALUES (gen_random_uuid(), $1, 0, $2)',
        [name, { any: 'yes' }],
      );
    await api.database.query("UPDATE setting SET value = value + 1 WHERE name = 'host-directory'");
    await command('job', 'apply', file('any.yaml', text('cli-any')), '--publish');
    const several = await command('job', 'run', 'cli-any', '-t', 'any-1', '-t', 'any-3', '--detach', '--json');
    expect(JSON.parse(several.stdout)).toMatchObject({ run: { targets: '(any-1) or (any-3)', hostCount: 2 } });
    const list = file('hosts', 'any-1\nany-2 # and no other\n');
    const listed = await command('job', 'run', 'cli-any', '--hosts-file', list, '--detach', '--json');
    expect(JSON.parse(listed.stdout)).toMatchObject({ run: { hostCount: 2 } });
    vi.stubEnv('DROVER_CONFIRM_OVER', '2');
    try {
      const whole = await command('job', 'run', 'cli-any', '-t', 'all and any=*', '--detach');
      expect([whole.code, whole.stderr]).toEqual([EXIT.usage, expect.stringMatching(/matches 3 hosts. Say --yes/)]);
      expect((await command('job', 'run', 'cli-any', '-t', 'any=yes', '--detach')).code).toBe(0);
      expect((await command('job', 'run', 'cli-any', '-t', 'all and any=*', '--detach', '--yes')).code).toBe(0);
    } finally {
      vi.stubEnv('DROVER_CONFIRM_OVER', '');
    }
    const wrong = await command('job', 'run', 'cli-any', '-t', '[', '--job-version', 'x', '-p', 'a');
    expect(wrong.stderr).toMatch(/^drover: 3 things are wrong:\n.*--target.*\n.*--param.*\n.*--job-version wants/);
  });

  it('keeps no secret in clear, and takes none from a command line', async () => {
    const parameters =
      'parameters: [{ name: key, type: secret }, { name: word, help: "\\e[2Jcleared", required: true }]\n';
    await command('job', 'apply', file('apart.yaml', text('cli-apart', `${parameters}targets: all\n`)), '--publish');
    vi.stubEnv('CLI_KEY', 'hunter22');
    const run = (...words: string[]) => command('job', 'run', 'cli-apart', '-t', 'any-1', '--detach', ...words);
    const told = await run('-p', 'word=x', '--secret', 'word=env:CLI_KEY');
    expect([told.code, told.stderr]).toEqual([EXIT.usage, expect.stringContaining('given as --param and as --secret')]);
    const clear = await run('--secret', 'word=env:CLI_KEY');
    expect(clear.stderr).toMatch(/^drover: secrets word: The parameter word is no secret: .*\(parameter-invalid\)\n$/);
    const shown = await run('-p', 'word=x', '-p', 'key=hunter22');
    expect(shown.stderr).toMatch(/^drover: params key: The parameter key is a secret: .*--secret NAME=@FILE/);
    expect(shown.stderr).not.toContain('hunter22');
    // Nothing that a job says of itself commands the terminal of whoever runs it.
    expect((await run()).stderr).toContain('is required: \ufffd[2Jcleared');
    const number = await call('POST', '/jobs/cli-apart/runs', { params: { word: 'x' }, secrets: { key: 12_345_678 } });
    expect([number.status, number.body.code, JSON.stringify(number.body).includes('12345678')]).toEqual([
      400,
      'bad-input',
      false,
    ]);
    const { body } = await call('POST', '/jobs/cli-apart/runs', {
      params: { word: 'x', key: 12_345_678 },
      targets: 'any-1',
    });
    expect([body.code, JSON.stringify(body).includes('12345678')]).toEqual(['parameter-invalid', false]);
    expect((await run('-p', 'word=x', '--secret', 'key=env:CLI_KEY')).code).toBe(0);
  });

  it('publishes what was looked at, compares and retires', async () => {
    const path = file('turn.yaml', text('cli-turn'));
    await command('job', 'apply', path, '--publish');
    file('turn.yaml', text('cli-turn', 'team: new\n'));
    await command('job', 'apply', path);
    expect((await command('job', 'diff', 'cli-turn')).stdout).toContain('+team: new');
    const refused = await command('job', 'publish', 'cli-turn', '--seen', digestOf(text('cli-turn')));
    expect(refused).toMatchObject({ code: EXIT.refused, stderr: expect.stringContaining('job-changed') });
    expect(
      (await command('job', 'publish', 'cli-turn', '--seen', digestOf(text('cli-turn', 'team: new\n')))).stdout,
    ).toBe('cli-turn: version 2 is published\n');
    expect((await command('job', 'retire', 'cli-turn', '--job-version', '2')).stdout).toBe(
      'cli-turn: version 2 is retired\n',
    );
    expect((await command('job', 'retire', 'cli-turn', '--reason', 'gone')).stdout).toBe(
      'cli-turn is retired, with every version of it\n',
    );
  });
});
