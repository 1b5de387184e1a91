/** The calls that a worker makes: the ledger of a whole worker, in a folder of its own. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { callLimits } from '../../base/call-limits.ts';
import { DroverError } from '../../base/errors.ts';
import { Ledger } from '../../ledger/ledger.ts';
import { StreamedOutputs } from '../../ledger/streamed-outputs.ts';
import { CallsEngine, type CallsEngineOptions } from './calls-engine.ts';

export interface CallsLedgerOptions extends Omit<CallsEngineOptions, 'outputs'> {
  readonly dir: string;
}

/** Throws `spool-unwritable`. */
export function createCallsLedger(options: CallsLedgerOptions): Ledger {
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
  return new Ledger({
    engine: new CallsEngine({ ...options, outputs }),
    outputs,
    journal: { path: join(dir, 'journal') },
    attemptsMax: callLimits.workerCallsMax,
    clock,
    log,
  });
}
