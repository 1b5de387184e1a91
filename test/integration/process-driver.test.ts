import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { createProcessDriver } from '../../src/drivers/process/process-driver.ts';
import { driverConformance } from '../conformance/driver.ts';
import { environmentConformance } from '../conformance/environment.ts';

for (const useCgroups of [true, false]) {
  describe(useCgroups ? 'processes, with control groups where the host has them' : 'processes, without control groups', () => {
    driverConformance(async () => {
      const dataDir = mkdtempSync(join(tmpdir(), 'drover-agent-'));
      chmodSync(dataDir, 0o711);
      const make = () => createProcessDriver({ dataDir, hostName: 'h', hostId: 'id', clock: systemClock, log: silentLog, useCgroups });
      let driver = make();
      await driver.start();
      return {
        driver,
        async restart() {
          await driver.stop();
          driver = make();
          await driver.start();
          return driver;
        },
        async end() {
          await driver.stop();
          rmSync(dataDir, { recursive: true, force: true });
        },
      };
    });
  });
}

describe('processes', () => {
  const own = { AGENT_OWN: 'yes', DROVER_JOIN: 'a-token', NODE_CHANNEL_FD: '3' };
  environmentConformance(async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'drover-agent-'));
    chmodSync(dataDir, 0o711);
    Object.assign(process.env, own);
    const driver = createProcessDriver({ dataDir, hostName: 'h', hostId: 'id', clock: systemClock, log: silentLog });
    await driver.start();
    return {
      driver,
      async end() {
        await driver.stop();
        for (const name of Object.keys(own)) delete process.env[name];
        rmSync(dataDir, { recursive: true, force: true });
      },
    };
  });
});
