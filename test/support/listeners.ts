/** Who hears what a ledger tells, in tests that look at the ledger itself. */
import type { LedgerListener } from '../../src/ledger/ledger.ts';

export const nobody: LedgerListener = { started() {}, output() {}, finished() {} };
