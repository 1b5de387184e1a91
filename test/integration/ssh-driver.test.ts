/** The SSH driver against real sshd: the conformance suites of all drivers. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { AttemptId } from '../../src/base/ids.ts';
import { limits } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { Driver } from '../../src/ledger/driver.ts';
import { createSshDriver, type SshDriver } from '../../src/engines/ssh/ssh-driver.ts';
import { driverConformance, newAttempt, specOf } from '../conformance/driver.ts';
import { inputConformance } from '../conformance/inputs.ts';
import { environmentConformance } from '../conformance/environment.ts';
import { accessOf, SshWorld } from '../support/sshd.ts';
import { requiring } from '../support/needs.ts';

/** The driver with one host, as drivers without a choice of hosts look. */
function withTarget(driver: SshDriver, secrets: Map<AttemptId, readonly string[]>): Driver {
  return new Proxy(driver as unknown as Driver, {
    get(_target, name) {
      if (name === 'startAttempt') {
        return (attempt: AttemptId, spec: Parameters<Driver['startAttempt']>[1]) => {
          secrets.set(attempt, Object.values(spec.secrets));
          return driver.startAttempt(attempt, spec, { hostId: 'h' });
        };
      }
      const value = (driver as unknown as Record<string | symbol, unknown>)[name];
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(driver) : value;
    },
    set(_target, name, value) {
      (driver as unknown as Record<string | symbol, unknown>)[name] = value;
      return true;
    },
  });
}

async function sshRig(
  lines: (world: SshWorld) => string[],
): Promise<{ driver: Driver; restart(): Promise<Driver>; end(): Promise<void> }> {
  const world = new SshWorld();
  const sshd = await world.start({ lines: lines(world) });
  const dir = mkdtempSync(join(tmpdir(), 'drover-ssh-'));
  const secrets = new Map<AttemptId, readonly string[]>();
  const make = (): SshDriver =>
    createSshDriver({
      dir,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      access: async () => accessOf(world.hop(sshd)),
      recordHostKey: async () => 'recorded',
      secretsOf: async (attempt) => secrets.get(attempt)!,
    });
  let driver = make();
  await driver.start();
  return {
    driver: withTarget(driver, secrets),
    async restart() {
      await driver.stop();
      driver = make();
      await driver.start();
      return withTarget(driver, secrets);
    },
    async end() {
      await driver.stop();
      await world.end();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

requiring('sshd').describe('scripts over SSH', () => {
  driverConformance(() => sshRig(() => []), limits.sshSpoolBytesMax);
  inputConformance(() => sshRig(() => []));
  // What a session has of its own: here from sshd, elsewhere from pam_env or the shell's start-up files.
  environmentConformance(() =>
    sshRig((world) => [`SetEnv HOME=${world.folder} AGENT_OWN=yes DROVER_JOIN=no NODE_CHANNEL_FD=3`]),
  );

  it('are taken up to as many as a worker holds over SSH, and then it is busy', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'drover-ssh-'));
    const driver = createSshDriver({
      dir,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      access: () => new Promise(() => undefined),
      recordHostKey: async () => 'recorded',
      secretsOf: async () => [],
    });
    await driver.start();
    const start = () => driver.startAttempt(newAttempt(), specOf('true'), { hostId: 'h' });
    const answers = await Promise.all(Array.from({ length: limits.sshExecutionsMax }, start));
    expect(new Set(answers)).toEqual(new Set(['accepted']));
    expect(await start()).toBe('busy');
    await driver.stop();
    rmSync(dir, { recursive: true, force: true });
  });
});
