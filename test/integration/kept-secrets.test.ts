/**
 * A whole installation is worked with, as its README says, under secrets that occur nowhere else. Then everything that it has kept is
 * searched for them: every table, every log, every data folder. And nothing of it may be read by another user.
 */
import { spawnSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databaseUrl as urlOfDatabase, socketFolderOf } from '../../src/embedded/database-socket.ts';
import { cliOf, newDataDir, removeDataDir, startUp, stopUp, type RunningUp } from '../support/up.ts';

const isRoot = process.getuid?.() === 0;
const SECRETS = {
  password: 'pass-7f3Qz~unmistakable/01',
  become: 'become-7f3Qz~unmistakable/02',
  run: 'run-7f3Qz~unmistakable/03',
};
let up: RunningUp;
let cli: ReturnType<typeof cliOf>;
let folder: string;
const planted = new Map<string, string>(Object.entries(SECRETS));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-secrets-'));
  up = await startUp(newDataDir(), 1, { agentsAs: '' });
  cli = cliOf(up);
  const done = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cli(...args);
    expect({ code, stderr }, args.join(' ')).toMatchObject({ code: 0 });
    return stdout.trim();
  };
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return `@${join(folder, name)}`;
  };
  planted.set('admin token', up.token);
  planted.set('viewer token', await done('tokens', 'create', '--name', 'v', '--role', 'viewer'));
  planted.set('join token', await done('agents', 'join-token', 'create'));
  await done(
    ...[
      'accounts',
      'create',
      'a',
      '--scope',
      'role=nowhere',
      '--user',
      'ops',
      '--become',
      'su',
      '--become-user',
      'root',
    ],
    ...['--password', file('password', SECRETS.password), '--become-password', file('become', SECRETS.become)],
  );
  await done('run', '-t', 'all', '--secret', `S=${file('run', SECRETS.run)}`, '--', 'echo "it is $S"');
  // As the README has it.
  await done('run', '-t', 'all', '--', 'uptime');
  // The agent forgets a secret with the next rewriting of its journal, at the latest when it starts again; until then it has it sealed.
}, 180_000);
afterAll(async () => {
  await stopUp(up);
  removeDataDir(up.dataDir);
  rmSync(folder, { recursive: true, force: true });
});

/** A secret in clear, and in the forms that one writes it in by accident; of a token, also its inner secret. */
function formsOf(secret: string): readonly Buffer[] {
  const inner = secret.startsWith('drj_')
    ? [(JSON.parse(Buffer.from(secret.slice(4), 'base64url').toString()) as string[])[2]!]
    : [];
  return [secret, ...inner].flatMap((text) => [
    Buffer.from(text),
    // Without what depends on where in a longer text it stands.
    ...[0, 1, 2].map((shift) =>
      Buffer.from(
        Buffer.from('x'.repeat(shift) + text)
          .toString('base64')
          .replace(/=+$/, '')
          .slice(shift === 0 ? 0 : 4, -2),
      ),
    ),
    Buffer.from(Buffer.from(text).toString('base64url')),
    Buffer.from(Buffer.from(text).toString('hex')),
    Buffer.from(encodeURIComponent(text)),
  ]);
}

function foundIn(bytes: Buffer): string[] {
  return [...planted]
    .filter(([, secret]) => formsOf(secret).some((form) => bytes.includes(form)))
    .map(([name]) => name);
}

function databaseUrl(): string {
  const postgres = join(up.dataDir, 'postgres');
  return urlOfDatabase(socketFolderOf(postgres), readFileSync(join(postgres, 'password'), 'utf8').trim());
}

function* filesIn(path: string): Generator<string> {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const at = join(path, entry.name);
    if (entry.isDirectory()) yield* filesIn(at);
    else if (entry.isFile()) yield at;
  }
}

/** Where a secret may lie in clear, and why. */
const HOLDERS: Readonly<Record<string, string>> = {
  // The client of this machine finds its token here; nobody else reads it, scripts least of all (below).
  'access.json': 'admin token',
};

describe('after a first hour with secrets', () => {
  it('no table holds one in clear', async () => {
    const client = new pg.Client({ connectionString: databaseUrl() });
    await client.connect();
    try {
      const { rows: tables } = await client.query<{ name: string }>(
        "SELECT relname AS name FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'public' AND relkind IN ('r', 'p')",
      );
      expect(tables.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['idempotency', 'audit', 'join_token', 'task']),
      );
      for (const { name } of tables) {
        // Every column as text; bytes as they are.
        const { rows } = await client.query<Record<string, unknown>>(`SELECT * FROM "${name}"`);
        for (const row of rows)
          for (const [column, value] of Object.entries(row)) {
            const bytes = Buffer.isBuffer(value)
              ? value
              : Buffer.from(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));
            expect(foundIn(bytes), `${name}.${column}`).toEqual([]);
          }
      }
    } finally {
      await client.end();
    }
  });

  it('no file holds one in clear, but those that are meant to', () => {
    let count = 0;
    for (const path of filesIn(up.dataDir)) {
      count++;
      const name = relative(up.dataDir, path);
      // Programs of PostgreSQL; its tables are searched with the others, and as files here.
      if (/^postgres\/(bin|lib|share)|^drover-agent\.mjs/.test(name)) continue;
      const allowed = HOLDERS[name];
      expect(
        foundIn(readFileSync(path)).filter((secret) => secret !== allowed),
        name,
      ).toEqual([]);
    }
    expect(count).toBeGreaterThan(50);
  });

  it('nothing can be read by another user: files 0600, folders 0700, those that are passed through 0711', () => {
    const passed = /^$|^agents(\/[^/]+(\/spool)?)?$/;
    const odd: string[] = [];
    const walk = (path: string): void => {
      const name = relative(up.dataDir, path);
      const mode = lstatSync(path).mode;
      if (lstatSync(path).isSymbolicLink()) return;
      if (statSync(path).isDirectory()) {
        // What PostgreSQL brings is nobody's secret; the folder of its data is its own affair, and closed.
        if (name === 'postgres') {
          if (readdirSync(path).includes('data')) expect(lstatSync(join(path, 'data')).mode & 0o077).toBe(0);
          return;
        }
        if ((mode & 0o077) !== 0 && !(passed.test(name) && (mode & 0o066) === 0))
          odd.push(`${name} ${(mode & 0o777).toString(8)}`);
        for (const entry of readdirSync(path)) walk(join(path, entry));
      } else if ((mode & 0o077) !== 0) odd.push(`${name} ${(mode & 0o777).toString(8)}`);
    };
    walk(up.dataDir);
    expect(odd).toEqual([]);
  });

  it('scripts make files as ever: the mask of the agent is not theirs', async () => {
    const { stdout } = await cli('run', '-t', 'all', '--', 'umask; id -un');
    expect(stdout).toMatch(/0?022/);
    if (isRoot) expect(stdout).toContain('nobody');
  });

  it('no script gets at the token of the administrator', async () => {
    if (isRoot) {
      for (const what of [join(up.dataDir, 'access.json'), join(up.dataDir, 'server', 'master.key')]) {
        const { code, stdout } = await cli(
          'run',
          '-t',
          'all',
          '--',
          `cat ${what} /proc/*/environ 2>/dev/null | tr '\\0' ' '; cat ${what}`,
        );
        expect(code).toBe(1);
        expect(stdout).not.toContain(up.token);
      }
      const { code, stderr } = await cli('tokens', 'create', '--name', 'o', '--role', 'operator');
      expect({ code, stderr }).toMatchObject({ code: 0 });
      return;
    }
    const { code, stderr } = await cli('tokens', 'create', '--name', 'o', '--role', 'operator');
    expect(code).toBe(3);
    expect(stderr).toContain('agents-share-user');
  });
});

describe('without root', () => {
  it('tokens for operators are refused, because scripts could read the token; unless it is said that this is meant', async () => {
    const user = isRoot ? 'nobody' : undefined;
    const data = newDataDir();
    if (user) spawnSync('chown', [user, join(data, '..')]);
    const wrapped = join(folder, 'as-user');
    spawnSync('chmod', ['711', folder]);
    writeFileSync(
      wrapped,
      `#!/bin/sh\nexec ${user ? `setpriv --reuid=${user} --regid=$(id -g ${user}) --clear-groups` : ''} ${JSON.stringify(join(import.meta.dirname, '../../drover'))} "$@"\n`,
      { mode: 0o755 },
    );
    try {
      for (const [agentsAs, code] of [
        ['', 3],
        [user ?? process.env.USER ?? '', 0],
      ] as const) {
        const other = await startUp(data, 1, { agentsAs, program: wrapped });
        try {
          const answer = await cliOf(other)('tokens', 'create', '--name', 'o', '--role', 'operator');
          expect(answer, answer.stderr).toMatchObject({ code });
          if (code === 3) expect(answer.stderr).toContain('agents-share-user');
          expect(await cliOf(other)('run', '-t', 'all', '--', 'uptime')).toMatchObject({ code: 0 });
        } finally {
          await stopUp(other);
        }
      }
    } finally {
      removeDataDir(data);
    }
  }, 180_000);
});
