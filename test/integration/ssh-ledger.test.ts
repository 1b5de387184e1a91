/** The ledger with the engine of SSH, against real sshd: the conformance suites of all engines. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { AttemptId } from '../../src/base/ids.ts';
import { limits } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { Ledger, LedgerListener } from '../../src/ledger/ledger.ts';
import { createSshLedger } from '../../src/engines/ssh/ssh-ledger.ts';
import { ledgerConformance, newAttempt } from '../conformance/ledger.ts';
import { HOST, specOf } from '../support/execution-spec.ts';
import { inputConformance } from '../conformance/inputs.ts';
import { outputValuesConformance } from '../conformance/output-values.ts';
import { environmentConformance } from '../conformance/environment.ts';
import { nobody } from '../support/listeners.ts';
import { accessOf, SshWorld } from '../support/sshd.ts';
import { requiring } from '../support/needs.ts';

/** The ledger, and whoever knows the secrets of what is started there. */
function withSecrets(ledger: Ledger, secrets: Map<AttemptId, readonly string[]>): Ledger {
  const start = ledger.startAttempt.bind(ledger);
  ledger.startAttempt = (attempt, work, subject) => {
    secrets.set(attempt, Object.values(work.secrets));
    return start(attempt, work, subject);
  };
  return ledger;
}

async function sshRig(
  lines: (world: SshWorld) => string[],
  listener: LedgerListener = nobody,
): Promise<{ ledger: Ledger; restart(): Promise<Ledger>; end(): Promise<void> }> {
  const world = new SshWorld();
  const sshd = await world.start({ lines: lines(world) });
  const dir = mkdtempSync(join(tmpdir(), 'drover-ssh-'));
  const secrets = new Map<AttemptId, readonly string[]>();
  const make = (): Ledger =>
    withSecrets(
      createSshLedger({
        dir,
        clock: systemClock,
        random: systemRandom,
        log: silentLog,
        access: async () => accessOf(world.hop(sshd)),
        recordHostKey: async () => 'recorded',
        secretsOf: async (attempt) => secrets.get(attempt)!,
      }).ledger,
      secrets,
    );
  let ledger = make();
  await ledger.start(listener);
  return {
    ledger,
    async restart() {
      await ledger.stop();
      ledger = make();
      await ledger.start(listener);
      return ledger;
    },
    async end() {
      await ledger.stop();
      await world.end();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

requiring('sshd').describe('scripts over SSH', () => {
  ledgerConformance((listener) => sshRig(() => [], listener), limits.sshSpoolBytesMax);
  inputConformance(() => sshRig(() => []));
  outputValuesConformance(() => sshRig(() => []));
  // What a session has of its own: here from sshd, elsewhere from pam_env or the shell's start-up files.
  environmentConformance(() =>
    sshRig((world) => [`SetEnv HOME=${world.folder} AGENT_OWN=yes DROVER_JOIN=no NODE_CHANNEL_FD=3`]),
  );

  it('are taken up to as many as a worker holds over SSH, and then it is busy', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'drover-ssh-'));
    const { ledger } = createSshLedger({
      dir,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      access: () => new Promise(() => undefined),
      recordHostKey: async () => 'recorded',
      secretsOf: async () => [],
    });
    await ledger.start(nobody);
    const start = () => ledger.startAttempt(newAttempt(), specOf('true'), HOST);
    const answers = await Promise.all(Array.from({ length: limits.sshExecutionsMax }, start));
    expect(new Set(answers)).toEqual(new Set(['accepted']));
    expect(await start()).toBe('busy');
    await ledger.stop();
    rmSync(dir, { recursive: true, force: true });
  });
});
