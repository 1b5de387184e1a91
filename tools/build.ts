/**
 * `npm run build`: what the npm package carries, in dist/. Node strips no types under node_modules, so a package needs
 * JavaScript: the command with its roles in chunks that are loaded only when asked for, the thread of the lease keeper
 * beside them, the agent as one file of its own, and the migrations. Everything but Node and PostgreSQL themselves is
 * bundled, so installing fetches those two only.
 */
import { build } from 'esbuild';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { agentBundle, BUILT_IN_REQUIRE, DEFINED, OPTIONAL_ACCELERATORS } from './agent-bundle.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** @param dist its folder, made anew. */
export async function buildPrograms(dist: string): Promise<void> {
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist, { recursive: true });
  await build({
    absWorkingDir: root,
    outdir: dist,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    outExtension: { '.js': '.mjs' },
    banner: { js: BUILT_IN_REQUIRE },
    logLevel: 'error',
    minifySyntax: true,
    // Flat: what finds its neighbours by its own address (thread, migrations, programs) finds them from any chunk.
    entryPoints: [
      { in: 'src/bin/drover.ts', out: 'drover' },
      { in: 'src/store/postgres/lease/lease-keeper-thread.ts', out: 'lease-keeper-thread' },
    ],
    chunkNames: '[name]-[hash]',
    // The maker of the agent's bundle is for clones; a package brings the bundle along.
    external: [...OPTIONAL_ACCELERATORS, './tools/agent-bundle.ts'],
    define: { ...DEFINED, __dirname: 'import.meta.dirname' },
  });
  await agentBundle(join(dist, 'drover-agent.mjs'), { write: true });
  cpSync(join(root, 'src/store/postgres/migrations'), join(dist, 'migrations'), { recursive: true });
  for (const program of ['install.sh', 'launch.sh'])
    cpSync(join(root, 'src/agent-install', program), join(dist, program));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildPrograms(join(root, 'dist'));
