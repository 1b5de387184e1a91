/** Every limit is documented with its value and reason, and the limits agree with each other where one leans on another. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/base/limits.ts';
import { limitsPage } from '../../tools/limits-page.ts';
import { root } from '../support/source-tree.ts';

describe('limits', () => {
  it('are all on the page of limits, as they are now (node tools/limits-page.ts rewrites it)', () => {
    const page = readFileSync(join(root, 'docs/operations/limits.md'), 'utf8');
    expect(page).toBe(limitsPage());
    for (const name of Object.keys(limits)) expect(page).toContain(`\`${name}\``);
  });

  it('are positive and exact', () => {
    for (const [name, value] of Object.entries(limits))
      expect(Number.isSafeInteger(value) && value > 0, name).toBe(true);
  });

  it('lean on each other safely', () => {
    // A duplicate must meet a tombstone for as long as it could still be carried out.
    expect(limits.tombstoneKeptMs).toBeGreaterThan(limits.dispatchValidMs + 2 * limits.clockSkewMsMax);
    // An owner stops trusting its lease before anybody may take it, and can fail to renew a few times before that.
    expect(limits.serverLeaseMs - limits.serverLeaseMarginMs).toBeGreaterThan(3 * limits.serverLeaseRenewMs);
    // Two heartbeats may be lost.
    expect(limits.linkSilentMsMax).toBeGreaterThan(3 * limits.linkHeartbeatMs);
    // A restarting worker or agent is back before its executions are told as lost.
    expect(limits.lostAfterMsDefault).toBeGreaterThan(limits.linkSilentMsMax + 2 * limits.reconnectCapMs);
    expect(limits.outputInlineBytesMax + limits.scriptBytesMax).toBeLessThan(limits.frameBytesMax);
    expect(limits.outputChunkBytes).toBeLessThan(limits.frameBytesMax);
    expect(limits.outputFetchBytesMax).toBeLessThan(limits.frameBytesMax);
    expect((limits.scriptBytesMax * 4) / 3 + (limits.stdinBytesMax * 4) / 3).toBeLessThan(limits.requestBodyBytesMax);
  });
});
