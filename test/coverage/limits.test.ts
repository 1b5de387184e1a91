/**
 * Every limit is documented with its value and reason, is used, and is tried where it refuses somebody; and the limits agree with each
 * other where one leans on another.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { callLimits } from '../../src/base/call-limits.ts';
import { gateLimits } from '../../src/base/gate-limits.ts';
import { jobLimits } from '../../src/base/job-limits.ts';
import { valueLimits } from '../../src/base/value-limits.ts';
import { limits as general } from '../../src/base/limits.ts';
import { noticeLimits } from '../../src/base/notice-limits.ts';
import { PARTITION_COUNT } from '../../src/domain/run/partition.ts';
import { limitsPage } from '../../tools/limits-page.ts';
import { repositoryFiles, root } from '../support/source-tree.ts';

/** Of these tables. */
const limits = { ...general, ...gateLimits, ...jobLimits, ...noticeLimits, ...valueLimits, ...callLimits };
/** They bound what Drover itself does or holds at once: nobody is refused, so there is nothing to try one beyond. */
const PACES: readonly string[] = [
  'orderSpecOwnBytesMax',
  'orderSpecsKeptBytesMax',
  'workerStartBytesMax',
  'liveOutputBytesPerSecondMax',
  'outputFetchBytesMax',
  'sweepMsMin',
  'handshakesAtOncePerAddressMax',
  'sshConnectionsMax',
  'sshDialsMax',
  'sshDialsPerHostMax',
  'sshDialsPerJumpHostMax',
  'sshSessionsPerConnectionMax',
  'sshKeepalivesMissedMax',
  'sshForgetTriesMax',
  'sshShellsKeptMax',
  'sshKeysParsedMax',
  'databaseWaitMsMax',
  'commitBatchMax',
  'agentInstallMsMax',
  'problemHostsInMetricsMax',
  'ownerConnectionsMax',
  'fleetConnectionsMax',
  'publicAddressesMax',
  'upgradeTrialMsMin',
  'upgradeTrialMsMax',
  'watchedEventsKeptMax',
  'readerStalledMsMax',
  'connectionStepMsMax',
  'bodyStepBytesMin',
  'packageStepMs',
  'requestReceiveMsMax',
  'connectionIdleMsMax',
  'timeAnswerMsMax',
  'timeWaitMsMax',
  'timeAskEveryMsMin',
  'outboundNamesMax',
  'messagesMergedMax',
  'usualRunsMax',
  'noticesToldMax',
  'callEndMsMax',
];
/** Refusals that no test can try at the figure itself, each with the reason. Whoever tries one takes it off. */
const UNTRIED: Readonly<Record<string, string>> = {};
const sources = repositoryFiles()
  .filter(
    (path) =>
      /^(src|test)\/.*\.ts$/.test(path) &&
      !/^(src\/base\/(?:gate-|job-|notice-|value-|call-)?limits|test\/coverage\/limits\.test)\.ts$/.test(path),
  )
  .map((path) => ({
    isTest: path.startsWith('test/') || path.endsWith('.test.ts'),
    text: readFileSync(join(root, path), 'utf8'),
  }));
const namedIn = (isTest: boolean): ReadonlySet<string> =>
  new Set(
    sources
      .filter((source) => source.isTest === isTest)
      .flatMap(({ text }) =>
        [
          ...text.matchAll(
            /\b(?:limits|gateLimits|jobLimits|noticeLimits|valueLimits|callLimits)\.(\w+)|'(\w+(?:Max|Min))'/g,
          ),
        ].map((match) => match[1] ?? match[2]!),
      ),
  );
const refusals = Object.keys(limits).filter((name) => /(Max|Min)$/.test(name) && !PACES.includes(name));

describe('limits', () => {
  it('are each used', () => {
    const used = namedIn(false);
    const idle = Object.keys(limits).filter((name) => !used.has(name));
    expect(
      idle.map(
        (name) => `Nothing in src uses limits.${name}: hold it where its comment says, or take it out of limits.ts.`,
      ),
    ).toEqual([]);
  });

  it('are each tried at the limit and one beyond, where somebody is refused', () => {
    const tried = namedIn(true);
    const missing = refusals.filter((name) => !tried.has(name) && !Object.hasOwn(UNTRIED, name));
    expect(
      missing.map(
        (name) =>
          `No test stands at limits.${name}: what is at the limit is taken, one more is refused with its code. Add a row to test/integration/bounds.test.ts, or name limits.${name} in the test of its own edge; if it refuses nobody, name it in PACES here.`,
      ),
    ).toEqual([]);
  });

  it('stand in the lists above only while they must', () => {
    const tried = namedIn(true);
    const listed = [...PACES, ...Object.keys(UNTRIED)];
    expect(
      listed.filter((name) => !Object.hasOwn(limits, name)),
      'no limits (any more)',
    ).toEqual([]);
    expect(
      Object.keys(UNTRIED).filter((name) => tried.has(name)),
      'tried: take them out of UNTRIED',
    ).toEqual([]);
    expect(
      PACES.filter((name) => tried.has(name)),
      'tried: take them out of PACES',
    ).toEqual([]);
    for (const [name, reason] of Object.entries(UNTRIED)) expect(reason, name).toMatch(/\w+ \w+/);
  });

  it('are all on the page of limits, as they are now (node tools/limits-page.ts rewrites it)', () => {
    const page = readFileSync(join(root, 'docs/operations/limits.md'), 'utf8');
    expect(page).toBe(limitsPage());
    for (const name of Object.keys(limits)) expect(page).toContain(`\`${name}\``);
  });

  it('are not told otherwise by pages that count with them: partitions', () => {
    const pages = repositoryFiles().filter((path) => /^(README|docs\/(guides|operations)\/.*)\.md$/.test(path));
    const told = pages.flatMap((path) =>
      [...readFileSync(join(root, path), 'utf8').matchAll(/(\d+) partitions/g)].map(([, count]) => Number(count)),
    );
    expect(told.length).toBeGreaterThan(1);
    expect(new Set(told)).toEqual(new Set([PARTITION_COUNT]));
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
