/**
 * Builds the agent as one file of its own: what goes to every host must be small and must carry nothing of a server.
 * Tests look at what is in it, the benchmark of idle agents runs it, the single executable has it inside (in CommonJS,
 * which that wants). `node tools/agent-bundle.ts OUTFILE` writes it.
 */
import { build, stop, type Metafile } from 'esbuild';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { given } from '../src/base/given.ts';

/** Ends the bundler's own process, which otherwise stays for as long as ours; the next call starts it again. */
export const bundlerStop = stop;

const root = fileURLToPath(new URL('..', import.meta.url));
/** Dependencies in CommonJS ask for built-ins by `require`, which an ES module does not have. */
export const BUILT_IN_REQUIRE =
  "import { createRequire as droverCreateRequire } from 'node:module'; const require = droverCreateRequire(import.meta.url);";
const { version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as { version: string };
/** A bundle knows its version by itself. */
export const DEFINED = { 'process.env.DROVER_VERSION': JSON.stringify(version) };
/** Used where they happen to be installed, and done without elsewhere. */
export const OPTIONAL_ACCELERATORS = [
  'bufferutil',
  'utf-8-validate',
  'msgpackr-extract',
  'pg-native',
  'cpu-features',
  '*.node',
];

export async function agentBundle(
  outfile: string,
  options: { write: boolean; format?: 'esm' | 'cjs'; version?: string },
): Promise<{ metafile: Metafile; bytes: number }> {
  const format = options.format ?? 'esm';
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['src/bin/drover-agent.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    format,
    target: 'node20',
    ...given({ banner: format === 'esm' ? { js: BUILT_IN_REQUIRE } : undefined }),
    define: options.version === undefined ? DEFINED : { 'process.env.DROVER_VERSION': JSON.stringify(options.version) },
    external: OPTIONAL_ACCELERATORS,
    write: options.write,
    metafile: true,
    logLevel: 'error',
    minifySyntax: true,
  });
  return { metafile, bytes: Object.values(metafile.outputs)[0]!.bytes };
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await agentBundle(process.argv[2] ?? 'dist/drover-agent.mjs', { write: true });
