/**
 * House rules that a program can check (docs/STYLE.md says why): layers, cycles, bans, lengths, dead code, stray words.
 * A failure lists every offender, so that one run is enough to clean up.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { layers, type Layer } from '../tools/layers.ts';
import { readSource, repositoryFiles, root, type SourceFile } from './support/source-tree.ts';

const FILE_LINES_MAX = 500;
const COLUMNS_MAX = 140;
/** Files that hold more than one idea still, and are split with the middle of the house. No file is added here, and none grows past its number. */
const LONG_FILES: ReadonlyMap<string, number> = new Map([['test/integration/host-access.test.ts', 650]]);
/** State of a whole program after all, and why. */
const PROGRAM_STATE: ReadonlyMap<string, string> = new Map([
  ['src/cli/servers/session.ts chosen', 'a command is a process of its own'],
  ['src/cli/exit.ts heard', 'the same'],
  ['src/store/postgres/lease/lease-keeper-thread.ts client', 'the module is a thread, started once for each server'],
  ['src/store/postgres/lease/lease-keeper-thread.ts mainAnsweredAt', 'the same'],
  ['src/store/postgres/lease/lease-keeper-thread.ts isAsked', 'the same'],
  ['src/protocol/link/msgpack-scan.ts left', 'scratch: each call writes what it reads, without a pause in between'],
  ['src/pki/dispatch.ts inner', 'scratch, the same'],
  ['src/pki/dispatch.ts outer', 'scratch, the same'],
]);
const files = repositoryFiles();
const sources = files
  .filter(
    (path) =>
      /\.tsx?$/.test(path) &&
      !path.endsWith('.d.ts') &&
      !path.includes('__generated__/') &&
      !path.startsWith('test/fixtures/'),
  )
  .map(readSource);
const byPath = new Map(sources.map((file) => [file.path, file]));
const product = sources.filter((file) => file.path.startsWith('src/') && !isTest(file.path));

function isTest(path: string): boolean {
  return /\.test\.ts$/.test(path) || path.startsWith('test/');
}

/** A folder of the table, the innermost; else the first folder. */
function layerOf(path: string): string {
  const inner = path.split('/').slice(1, 3).join('/');
  return Object.hasOwn(layers, inner) ? inner : path.split('/')[1]!;
}

describe('layers', () => {
  it('are all in the table, or bin', () => {
    const folders = new Set(product.map((file) => layerOf(file.path)));
    expect([...folders].filter((folder) => folder !== 'bin' && !Object.hasOwn(layers, folder))).toEqual([]);
  });

  it('import only what the table allows', () => expect(product.flatMap((file) => forbiddenImports(file))).toEqual([]));

  it('use only the packages the table allows', () =>
    expect(product.flatMap((file) => forbiddenPackages(file))).toEqual([]));

  it('count on no number of partitions but what servers tell, in what is not a server', () => {
    const servers = ['app', 'domain', 'loops', 'owner', 'fleet', 'store', 'http', 'bin'];
    const offenders = product.filter(
      (file) =>
        !servers.includes(layerOf(file.path)) && file.imports.some((i) => i.path === 'src/domain/run/partition.ts'),
    );
    expect(offenders.map((file) => file.path)).toEqual([]);
  });

  it('decide without the machine: domain imports no built-in but pure cryptography', () => {
    const offenders = product
      .filter((file) => layerOf(file.path) === 'domain')
      .flatMap((file) =>
        file.imports
          .filter((i) => i.specifier.startsWith('node:') && i.specifier !== 'node:crypto')
          .map((i) => `${file.path} → ${i.specifier}`),
      );
    expect(offenders).toEqual([]);
  });
});

function layerTable(file: SourceFile): Layer | undefined {
  const layer = layerOf(file.path);
  return layer === 'bin' ? undefined : layers[layer];
}

function forbiddenImports(file: SourceFile): string[] {
  const table = layerTable(file);
  if (!table) return [];
  const allowed = (target: string): boolean =>
    layerOf(target) === layerOf(file.path) ||
    table.imports.some(
      (entry) => target === `src/${entry}` || (!entry.endsWith('.ts') && target.startsWith(`src/${entry}/`)),
    );
  return file.imports.flatMap(({ path }) =>
    path === undefined || (path.startsWith('src/') && allowed(path)) ? [] : [`${file.path} → ${path}`],
  );
}

function forbiddenPackages(file: SourceFile): string[] {
  const table = layerTable(file);
  if (!table) return [];
  return file.imports.flatMap(({ specifier, path }) => {
    if (path !== undefined || specifier.startsWith('node:')) return [];
    const name = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/');
    return table.packages.includes(name) ? [] : [`${file.path} → ${name}`];
  });
}

describe('imports', () => {
  it('point at files that exist', () => {
    expect(
      sources.flatMap((file) =>
        file.imports.flatMap((i) =>
          i.path !== undefined && !existsSync(join(root, i.path)) ? [`${file.path} → ${i.specifier}`] : [],
        ),
      ),
    ).toEqual([]);
  });

  it('have no cycles', () => expect(cycles()).toEqual([]));

  it('go to where a thing is, not to barrels', () => {
    const barrels = product.filter(
      (file) =>
        /(^|\/)index\.ts$/.test(file.path) ||
        file.imports.some(
          (i) => i.whole && new RegExp(`export \\* from '${i.specifier.replaceAll('.', '\\.')}'`).test(file.text),
        ),
    );
    expect(barrels.map((file) => file.path)).toEqual([]);
  });
});

/** Each cycle once, as the path that closes it. */
function cycles(): string[] {
  const state = new Map<string, 'open' | 'done'>();
  const found: string[] = [];
  const walk = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === 'done') return;
    if (state.get(path) === 'open') {
      found.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
      return;
    }
    state.set(path, 'open');
    for (const { path: next } of byPath.get(path)?.imports ?? [])
      if (next !== undefined && byPath.has(next)) walk(next, [...trail, path]);
    state.set(path, 'done');
  };
  for (const file of product) walk(file.path, []);
  return found;
}

describe('bans', () => {
  it('leave time and chance to src/base', () => {
    const held = sources.filter((file) => /^(src|test|bench)\//.test(file.path) && !file.path.startsWith('src/base/'));
    expect(held.flatMap((file) => file.worldReads)).toEqual([]);
  });

  it('keep state in what is made at the start of a program, not in modules', () => {
    const found = product.flatMap((file) => file.moduleState);
    expect(found.filter((state) => !PROGRAM_STATE.has(state.replace(/:\d+/, '')))).toEqual([]);
  });

  it('let no test be skipped or run alone', () => expect(sources.flatMap((file) => file.focusedTests)).toEqual([]));

  it('keep `any` and silenced compilers out', () => {
    const silenced = sources
      .filter((file) => /@ts-(ignore|nocheck)|eslint-disable/.test(file.text) && file.path !== 'test/tidy.test.ts')
      .map((file) => file.path);
    expect([...sources.flatMap((file) => file.anyTypes), ...silenced]).toEqual([]);
  });

  it('let nobody tell an executor from ids: an agent is no worker, and a worker no agent', () => {
    const mixed =
      /as string as (AgentId|WorkerId)|\b(agentId|agent_id|executor_id)\b\)? *(={1,3}|<>|!==?|IS NOT DISTINCT FROM|IS DISTINCT FROM) *\(?[\w.!?]*\b(workerId|worker_id)\b|\b(workerId|worker_id)\b\)? *(={1,3}|<>|!==?|IS NOT DISTINCT FROM|IS DISTINCT FROM) *\(?[\w.!?]*\b(agentId|agent_id|executor_id)\b/;
    const offenders = sources
      .filter(({ path }) => /^(src|test|bench)\//.test(path) && path !== 'test/tidy.test.ts')
      .flatMap(({ path, text }) =>
        text.split('\n').flatMap((line, i) => (mixed.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : [])),
      );
    expect(offenders).toEqual([]);
  });

  it('leave out fields that are undefined in one way: `given`', () => {
    const helper = /\bfunction (compact|present|dropUndefined|omitUndefined|definedOnly)\b/;
    const offenders = sources.flatMap((file) => [
      ...file.conditionalSpreads,
      ...(helper.test(file.text) ? [`${file.path} has a helper`] : []),
    ]);
    expect(offenders).toEqual([]);
  });

  it('give every reminder an owner', () => {
    const offenders = sources.flatMap((file) =>
      file.text
        .split('\n')
        .flatMap((line, i) =>
          /\b(TODO|FIXME|XXX|HACK)\b(?!\()/.test(line) && file.path !== 'test/tidy.test.ts'
            ? [`${file.path}:${i + 1}`]
            : [],
        ),
    );
    expect(offenders).toEqual([]);
  });
});

describe('files', () => {
  it('are short enough to hold one idea', () => {
    expect(
      sources
        .filter((file) => file.lineCount > (LONG_FILES.get(file.path) ?? FILE_LINES_MAX))
        .map((file) => `${file.path}: ${file.lineCount} lines`),
    ).toEqual([]);
  });

  it('have lines of 140 columns at most in src: SQL, comments and long texts too', () => {
    const offenders = sources
      .filter(({ path }) => path.startsWith('src/'))
      .flatMap(({ path, text }) =>
        text.split('\n').flatMap((line, i) => ([...line].length > COLUMNS_MAX ? [`${path}:${i + 1}`] : [])),
      );
    expect(offenders).toEqual([]);
  });

  it('are named in kebab-case', () => {
    expect(sources.filter((file) => !/^[a-z0-9./_-]+$/.test(file.path)).map((file) => file.path)).toEqual([]);
  });

  it('say at the top what they are', () => {
    const opening = /^(#!.*\n)?\s*(\/\*\*|\/\/)/;
    const silent = product.filter(
      (file) => !opening.test(file.text) && !opening.test(file.text.replace(/^(import [^\n]*\n)+/, '')),
    );
    expect(silent.map((file) => file.path)).toEqual([]);
  });

  it('are all reached from an entry point', () => {
    const reached = new Set<string>();
    const walk = (path: string): void => {
      if (reached.has(path)) return;
      reached.add(path);
      for (const { path: next } of byPath.get(path)?.imports ?? []) if (next !== undefined) walk(next);
    };
    for (const file of product) if (layerOf(file.path) === 'bin') walk(file.path);
    expect(product.filter((file) => !reached.has(file.path)).map((file) => file.path)).toEqual([]);
  });

  it('export only what somebody else uses', () => expect(product.flatMap((file) => deadExports(file))).toEqual([]));
});

/** A value must be named in another file; a type may also describe an exported signature of its own file. */
function deadExports(file: SourceFile): string[] {
  const usedElsewhere = new Set(
    sources.flatMap((other) =>
      other === file
        ? []
        : other.imports
            .filter((i) => i.path === file.path)
            .flatMap((i) => (i.whole ? file.exports.map((e) => e.name) : i.names)),
    ),
  );
  return file.exports.flatMap(({ name, isType, line }) =>
    usedElsewhere.has(name) || (isType && (file.words.get(name) ?? 0) > 1) ? [] : [`${file.path}:${line} ${name}`],
  );
}

describe('the repository', () => {
  it('knows no place but itself', () => {
    const places =
      /\/(home|Users)\/[a-z][\w-]*\/|\/root\/|\bregistry\.[a-z0-9-]+\.[a-z]+|\bverdaccio\b|\bartifactory\b/;
    const offenders = files
      .filter(
        (path) =>
          path !== 'test/tidy.test.ts' && /\.(ts|json|md|yml|yaml|sh|sql|txt|npmrc)$|^(drover|\.ci\/)/.test(path),
      )
      .filter((path) => places.test(readFileSync(join(root, path), 'utf8')));
    expect(offenders).toEqual([]);
  });

  it('locks versions, not where they came from', () => {
    const remote = readFileSync(join(root, 'package-lock.json'), 'utf8').match(/"resolved": "(?!sdk")[^"]*"/g) ?? [];
    expect(remote).toEqual([]);
  });

  it('has documents whose links lead somewhere', () => {
    const broken = files
      .filter((path) => path.endsWith('.md'))
      .flatMap((path) => {
        const text = readFileSync(join(root, path), 'utf8');
        const links = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
          .map((match) => match[1]!)
          .filter((link) => !/^[a-z]+:/.test(link));
        const paths = [...text.matchAll(/`((?:src|test|tools|bench|docs|sdk)\/[\w./-]+\.(?:ts|md|sql|json))`/g)].map(
          (match) => match[1]!,
        );
        return [...links.map((link) => normalize(join(dirname(path), link))), ...paths]
          .filter((target) => !existsSync(join(root, target)))
          .map((target) => `${path} → ${target}`);
      });
    expect(broken).toEqual([]);
  });
});
