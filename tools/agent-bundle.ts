/**
 * Builds the agent as one file of its own: what goes to every host must be small and must carry nothing of a server. Tests look at what is
 * in it, the benchmark of idle agents runs it, the single executable has it inside (in CommonJS, which that wants).
 * `node tools/agent-bundle.ts OUTFILE` writes it.
 */
import { build, type Metafile } from 'esbuild';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Dependencies in CommonJS ask for built-ins by `require`, which an ES module does not have. */
const BANNER = "import { createRequire as droverCreateRequire } from 'node:module'; const require = droverCreateRequire(import.meta.url);";

export async function agentBundle(outfile: string, options: { write: boolean; format?: 'esm' | 'cjs'; version?: string }): Promise<{ metafile: Metafile; bytes: number }> {
  const format = options.format ?? 'esm';
  const { metafile } = await build({
    absWorkingDir: root, entryPoints: ['src/bin/drover-agent.ts'], outfile, bundle: true, platform: 'node', format, target: 'node20', ...(format === 'esm' ? { banner: { js: BANNER } } : {}),
    ...(options.version === undefined ? {} : { define: { 'process.env.DROVER_VERSION': JSON.stringify(options.version) } }),
    // Accelerators that are used where they happen to be installed.
    external: ['bufferutil', 'utf-8-validate', 'msgpackr-extract'], write: options.write, metafile: true, logLevel: 'error', minifySyntax: true,
  });
  return { metafile, bytes: Object.values(metafile.outputs)[0]!.bytes };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await agentBundle(process.argv[2] ?? 'dist/drover-agent.mjs', { write: true });
