/** What a worker carries out over SSH: the ledger in a folder of its own, with the engine of hosts without an agent. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DroverError } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { Ledger } from '../../ledger/ledger.ts';
import { StreamedOutputs } from '../../ledger/streamed-outputs.ts';
import { SshEngine, type SshEngineOptions } from './ssh-engine.ts';

export interface SshLedgerOptions extends Omit<SshEngineOptions, 'outputs'> {
  /** The journal and output on its way; the ledger's alone. */
  readonly dir: string;
}

/** Throws `spool-unwritable`. How many run at once is the worker's to say, by the room in its lane. */
export function createSshLedger(options: SshLedgerOptions): { readonly ledger: Ledger; readonly engine: SshEngine } {
  const { dir, clock, log } = options;
  const outputDir = join(dir, 'output');
  try {
    mkdirSync(outputDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new DroverError('spool-unwritable', {
      detail: `The folder ${dir} cannot be written: ${(error as Error).message}`,
      cause: error,
    });
  }
  const outputs = new StreamedOutputs({ dir: outputDir, clock, log });
  const engine = new SshEngine({ ...options, outputs });
  const ledger = new Ledger({
    engine,
    outputs,
    journal: { path: join(dir, 'journal') },
    attemptsMax: limits.sshExecutionsMax,
    clock,
    log,
  });
  return { ledger, engine };
}
