import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../base/clock.ts';
import { given } from '../base/given.ts';
import { newId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import { silentLog } from '../base/log.ts';
import { isSignedByKey, signUnderKey } from '../pki/dispatch.ts';
import { newReleaseKey, signPackage } from '../pki/package-signature.ts';
import {
  encodeUpgradeOrder,
  upgradeMessage,
  type AgentUpgradeState,
  type WorkerUpgrade,
} from '../protocol/link/upgrade-order.ts';
import { until } from '../../test/support/until.ts';
import { InstallRoot } from './install-root.ts';
import { AgentUpgrade } from './upgrade.ts';

const [AGENT, ORDER] = [newId(), newId()];
const DISPATCH_KEY = Buffer.alloc(32, 7);
const [INSTANCE, SERVER] = [newId(), newId()];
const sha256Of = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
const TRIAL_S = 20;
const WAIT_MS = 40_000;
/** The worker's clock is ahead by so much. */
const SKEW_MS = 3_600_000;

describe('an order to upgrade and its end', () => {
  const key = newReleaseKey();
  const program = Buffer.from('#!/bin/sh\necho 1.1.0\n');
  const compressed = gzipSync(program);
  const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
  let folder: string;
  let server: Server;
  let nowMs: number;
  let requests: number;
  let isThere: boolean;
  let onRequest: () => void;
  let told: AgentUpgradeState[];
  let restarts: number;
  let timers: { atMs: number; callback: () => void }[];

  /** Pauses are over at once, and count; timers go off when the test says so. */
  const clock: Clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    after(delayMs, callback, options) {
      if (options?.unref) timers.push({ atMs: nowMs + delayMs, callback });
      else {
        nowMs += delayMs;
        setImmediate(callback);
      }
      return () => undefined;
    },
    soon: (callback) => void setImmediate(callback),
  };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'drover-agent-upgrade-'));
    mkdirSync(join(folder, '1.0.0'));
    symlinkSync('1.0.0', join(folder, 'current'));
    [nowMs, requests, isThere, onRequest, told, restarts, timers] = [1_000_000, 0, true, () => undefined, [], 0, []];
    server = createServer((_request, response) => {
      requests++;
      onRequest();
      if (isThere) response.writeHead(200).end(compressed);
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function agent(version = '1.0.0', root = new InstallRoot(folder)): AgentUpgrade {
    return agentOf(version, root);
  }
  function agentOf(version: string, root: InstallRoot | undefined): AgentUpgrade {
    return new AgentUpgrade({
      version,
      session: {
        isUpgrade: ({ id, order, mac }) =>
          isSignedByKey(DISPATCH_KEY, upgradeMessage(id, AGENT, INSTANCE, SERVER, sha256Of(order)), mac),
        nowMs: () => nowMs + SKEW_MS,
      },
      root,
      identity: () => ({ privateKey: '', certificate: '', ca: '' }),
      clock,
      random: { next: () => 0.5 },
      log: silentLog,
      isLinked: () => true,
      tell: (frame) => void told.push(frame),
      restart: () => void restarts++,
    });
  }
  function frameOf(endsAtMs: number | undefined): WorkerUpgrade {
    const identity = {
      version: '1.1.0',
      os: 'linux',
      arch: process.arch,
      size: program.length,
      sha256: sha256(program),
    };
    const entry = {
      ...identity,
      file: 'drover-agent-1.1.0.gz',
      fileSize: compressed.length,
      fileSha256: sha256(compressed),
      signature: signPackage(identity, key.privateKey),
    };
    const order = encodeUpgradeOrder({
      version: '1.1.0',
      packages: [entry],
      publicKey: key.publicKey,
      urls: [`http://127.0.0.1:${(server.address() as AddressInfo).port}`],
      trialSeconds: TRIAL_S,
      validUntilMs: nowMs + SKEW_MS + 600_000,
      ...given({ endsAtMs: endsAtMs === undefined ? undefined : endsAtMs + SKEW_MS }),
    });
    return {
      t: 'upgrade',
      id: ORDER,
      server: SERVER,
      order,
      mac: signUnderKey(DISPATCH_KEY, upgradeMessage(ORDER, AGENT, INSTANCE, SERVER, sha256Of(order))),
    };
  }
  const ended = (): Promise<unknown> =>
    until('the order to be answered', () => restarts > 0 || told.some(({ state }) => state === 'failed'));

  it('is carried out in time, with a trial that ends with it; one without an end, as older servers send it, too', async () => {
    const endsAtMs = nowMs + WAIT_MS;
    agent().onOrder(frameOf(endsAtMs));
    await ended();
    expect(told.map(({ state }) => state)).toEqual(['fetching', 'switching']);
    expect(readlinkSync(join(folder, 'current'))).toBe('1.1.0');
    expect(readFileSync(join(folder, 'trial'), 'utf8')).toBe(`${ORDER}\n1.1.0\n1.0.0\n${TRIAL_S}\n${endsAtMs}\n`);
    restarts = 0;
    agent().onOrder(frameOf(undefined));
    await ended();
    expect(readFileSync(join(folder, 'trial'), 'utf8')).toBe(`${ORDER}\n1.1.0\n1.0.0\n${TRIAL_S}\n`);
  });

  it(
    'fails while somebody waits for it when the package does not come, says why, and stays failed when the package ' +
      'is put right',
    async () => {
      const endsAtMs = nowMs + WAIT_MS;
      isThere = false;
      const upgrade = agent();
      upgrade.onOrder(frameOf(endsAtMs));
      await ended();
      expect(nowMs).toBeLessThan(endsAtMs - TRIAL_S * 1_000);
      expect(told.at(-1)).toMatchObject({
        state: 'failed',
        code: 'package-fetch-failed',
        detail: expect.stringContaining('404'),
      });
      isThere = true;
      const before = requests;
      upgrade.onOrder(frameOf(endsAtMs));
      agent().onOrder(frameOf(endsAtMs));
      expect(told.slice(-2).map(({ state }) => state)).toEqual(['failed', 'failed']);
      expect([requests, restarts, readlinkSync(join(folder, 'current'))]).toEqual([before, 0, '1.0.0']);
    },
  );

  it('is not switched to when what was fetched came too late for the trial', async () => {
    const endsAtMs = nowMs + WAIT_MS;
    onRequest = () => void (nowMs = endsAtMs - TRIAL_S * 1_000);
    agent().onOrder(frameOf(endsAtMs));
    await ended();
    expect(told.at(-1)).toMatchObject({ state: 'failed' });
    expect([
      restarts,
      readlinkSync(join(folder, 'current')),
      existsSync(join(folder, 'trial')),
      existsSync(join(folder, '1.1.0')),
    ]).toEqual([0, '1.0.0', false, false]);
  });

  it('is not even begun after its end', async () => {
    agent().onOrder(frameOf(nowMs - 1));
    await ended();
    expect(told).toMatchObject([{ state: 'failed', code: 'upgrade-out-of-time' }]);
    expect([requests, restarts]).toEqual([0, 0]);
  });

  it('is begun where the space for it is just enough, and fails where it is a byte short', async () => {
    const need = program.length + compressed.length + limits.spoolFreeBytesMin;
    const withFree = (bytes: number): InstallRoot => Object.assign(new InstallRoot(folder), { freeBytes: () => bytes });
    agent('1.0.0', withFree(need - 1)).onOrder(frameOf(nowMs + WAIT_MS));
    await ended();
    expect(told).toMatchObject([{ state: 'failed', code: 'install-space' }]);
    expect([requests, restarts]).toEqual([0, 0]);
    rmSync(join(folder, 'outcome'));
    told = [];
    agent('1.0.0', withFree(need)).onOrder(frameOf(nowMs + WAIT_MS));
    await ended();
    expect([told.map(({ state }) => state), restarts]).toEqual([['fetching', 'switching'], 1]);
  });

  it('is not for an agent that was not installed as a package', () => {
    agentOf('1.0.0', undefined).onOrder(frameOf(nowMs + WAIT_MS));
    expect(told).toMatchObject([{ state: 'failed', code: 'upgrade-unsupported' }]);
    expect([requests, restarts]).toEqual([0, 0]);
  });

  it('takes a version back that comes up on trial after the end', () => {
    const root = new InstallRoot(folder);
    mkdirSync(join(folder, '1.1.0'));
    root.switchOnTrial({ id: ORDER, to: '1.1.0', from: '1.0.0', seconds: TRIAL_S, endsAtMs: nowMs - 1 });
    agent('1.1.0').start();
    expect(timers.map(({ atMs }) => atMs)).toEqual([nowMs]);
    timers[0]!.callback();
    expect(restarts).toBe(1);
    expect(readFileSync(join(folder, 'trial.boots'), 'utf8')).toBe('99\n');
  });
});
