/** What an agent carries out on its own host: the ledger in its data folder, with the engine of processes. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DroverError } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import { Ledger } from '../../ledger/ledger.ts';
import { Spool } from '../../ledger/spool.ts';
import { SpooledOutputs } from '../../ledger/spooled-outputs.ts';
import { TraceVault } from '../../ledger/trace-vault.ts';
import { ProcessEngine, type ProcessEngineOptions } from './process-engine.ts';

export interface ProcessLedgerOptions extends Omit<ProcessEngineOptions, 'spool'> {
  readonly dataDir: string;
  readonly log: Log;
  /** Scripts that run at once; others wait. */
  readonly concurrent?: number;
}

/** Throws `spool-unwritable`. */
export function createProcessLedger(options: ProcessLedgerOptions): {
  readonly ledger: Ledger;
  readonly engine: ProcessEngine;
} {
  const { dataDir, clock, log, concurrent = limits.executionsPerAgentConcurrent } = options;
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o711 });
    const spool = new Spool(join(dataDir, 'spool'));
    const engine = new ProcessEngine({ ...options, spool });
    const ledger = new Ledger({
      engine,
      outputs: new SpooledOutputs({ spool, clock, log }),
      journal: { path: join(dataDir, 'journal') },
      vault: new TraceVault(join(dataDir, 'journal.key')),
      attemptsMax: limits.executionsPerAgentMax,
      concurrent,
      clock,
      log,
    });
    return { ledger, engine };
  } catch (error) {
    throw new DroverError('spool-unwritable', {
      detail: `The data folder ${dataDir} cannot be written: ${(error as Error).message}`,
      cause: error,
    });
  }
}
