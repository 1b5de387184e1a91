import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { createProcessDriver } from '../../src/drivers/process/process-driver.ts';
import { driverConformance } from '../conformance/driver.ts';

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
