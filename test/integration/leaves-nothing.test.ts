/** What a task without hosts leaves behind goes with it: the next one runs as the same user, and is given secrets of its own. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { platformOfHost } from '../../src/engines/process/platform-of-host.ts';
import { createProcessLedger } from '../../src/engines/process/process-ledger.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { newAttempt, reportOf } from '../conformance/ledger.ts';
import { specOf } from '../support/execution-spec.ts';
import { nobody } from '../support/listeners.ts';
import { until } from '../support/until.ts';

const platform = platformOfHost();
const groupsAt = platform.groupBase();
/** A zombie has ended, and waits for init. */
const isAlive = (pid: number): boolean => !['Z', 'X', undefined].includes(platform.processStat(pid)?.state);

/** Each writes its number, and outlives the script that began it. `isSeen`: also where there are no control groups. */
const LEFT = [
  { what: 'a background process', isSeen: true, script: `sh -c 'echo $$ >"$F"; exec sleep 600' &` },
  {
    what: 'one that ignores TERM in a session of its own',
    isSeen: true,
    script: `setsid sh -c 'trap "" TERM; echo $$ >"$F"; while :; do sleep 1; done' &`,
  },
  {
    what: 'a daemon without its environment, session, output and parent',
    isSeen: false,
    script: `(env -i F="$F" setsid sh -c 'echo $$ >"$F"; exec sleep 600' </dev/null >/dev/null 2>&1 &)`,
  },
];

describe.each([{ useCgroups: true }, { useCgroups: false }])(
  'an engine that leaves nothing ($useCgroups)',
  (groups) => {
    let dataDir: string;
    let ledger: Ledger;
    const open = async (): Promise<void> => {
      ({ ledger } = createProcessLedger({
        ...groups,
        dataDir,
        clock: systemClock,
        log: silentLog,
        leavesNothing: true,
      }));
      await ledger.start(nobody);
    };
    beforeEach(async () => {
      dataDir = mkdtempSync(join(tmpdir(), 'drover-left-'));
      await open();
    });
    afterEach(async () => {
      await ledger.stop();
      rmSync(dataDir, { recursive: true, force: true });
    });
    const pidIn = (file: string): Promise<number> =>
      until('it runs', () => existsSync(file) && (Number(readFileSync(file, 'latin1')) || undefined));

    it.each(LEFT)('ends $what before it tells how the script ended', async ({ script, isSeen }) => {
      const [attempt, file] = [newAttempt(), join(dataDir, 'left')];
      const waits = `${script}\nuntil [ -s "$F" ]; do sleep 0.02; done; exit 7`;
      await ledger.startAttempt(attempt, specOf(waits, { env: { F: file } }), {});
      const report = await reportOf(ledger, attempt);
      const pid = await pidIn(file);
      const isLeft = isAlive(pid);
      if (isLeft) process.kill(pid, 'SIGKILL');
      expect(report).toMatchObject({ outcome: { kind: 'exited', code: 7 } });
      expect(report.survivors).toBeUndefined();
      expect(isLeft).toBe(!isSeen && !(groups.useCgroups && groupsAt !== undefined));
    });

    it('ends what is left when it is found again after a restart, and leaves no group', async () => {
      const [attempt, file, gate] = [newAttempt(), join(dataDir, 'left'), join(dataDir, 'gate')];
      const script = `sh -c 'echo $$ >"$F"; exec sleep 600' & until [ -e "$G" ]; do sleep 0.02; done; exit 7`;
      await ledger.startAttempt(attempt, specOf(script, { env: { F: file, G: gate } }), {});
      const pid = await pidIn(file);
      await ledger.stop();
      await open();
      await ledger.startAttempt(newAttempt(), specOf('touch "$G"', { env: { G: gate } }), {});
      expect(await reportOf(ledger, attempt)).toMatchObject({ outcome: { kind: 'exited', code: 7 } });
      expect(isAlive(pid)).toBe(false);
      if (groups.useCgroups && groupsAt !== undefined)
        await until('its group to go', () => !readdirSync(groupsAt).includes(`drover-${attempt}`));
    });

    it('leaves no group of what could not begin', async () => {
      const attempt = newAttempt();
      await ledger.startAttempt(attempt, specOf('true', { user: 'nobody-of-this-name' }), {});
      expect(await reportOf(ledger, attempt)).toMatchObject({ outcome: { kind: 'refused', reason: 'user-unknown' } });
      if (groupsAt !== undefined) expect(readdirSync(groupsAt)).not.toContain(`drover-${attempt}`);
    });
  },
);
