import { describe, expect, it } from 'vitest';
import { limits } from '../base/limits.ts';
import { portLimits } from '../base/port-limits.ts';
import { operations } from './routes/routes.ts';

/** Ids of the operations that take bodies of so many bytes. */
const taking = (bytes: number): readonly string[] =>
  operations
    .filter((operation) => operation.bodyBytesMax === bytes)
    .map(({ id }) => id)
    .sort();

describe('the body of an operation', () => {
  it('is small, unless it has scripts, jobs or lists of hosts, or an expression, keys or certificates', () => {
    const full = taking(limits.requestBodyBytesMax);
    const wide = taking(portLimits.wideBodyBytesMax);
    expect(full).toEqual([
      'applyJob',
      'createRun',
      'importHostKeys',
      'importHosts',
      'planRun',
      'runJob',
      'validateJob',
    ]);
    expect(wide).toEqual([
      'changeAccount',
      'changeChannel',
      'createAccount',
      'createChannel',
      'createUpgrade',
      'installAgents',
      'previewTargets',
      'uninstallAgents',
    ]);
    expect(operations.filter(({ bodyBytesMax }) => bodyBytesMax !== undefined)).toHaveLength(full.length + wide.length);
    expect(portLimits.bodyBytesDefault).toBeLessThanOrEqual(64 * 1_024);
    // An expression of letters of three bytes each.
    expect(portLimits.wideBodyBytesMax).toBeGreaterThan(3 * limits.targetExpressionLengthMax);
  });
});
