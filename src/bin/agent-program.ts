/** The program that the agents of `drover up` run. */
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** In a clone the agent's bundle is made afresh; a package brings it along. */
export async function agentBundle(dataDir: string): Promise<string> {
  if (!import.meta.url.endsWith('.ts')) return fileURLToPath(new URL('./drover-agent.mjs', import.meta.url));
  const { agentBundle: build, bundlerStop } = (await import('../../tools/agent-bundle.ts')) as {
    agentBundle: (outfile: string, options: { write: boolean }) => Promise<unknown>;
    bundlerStop: () => Promise<void>;
  };
  const program = join(dataDir, 'drover-agent.mjs');
  await build(program, { write: true });
  await bundlerStop();
  chmodSync(program, 0o600);
  return program;
}
