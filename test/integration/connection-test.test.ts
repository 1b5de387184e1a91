/** What the connection test leaves on a host: nothing, not even where a disk is full; against real sshd. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { testConnection, type ConnectionTestResult } from '../../src/engines/ssh/connection/connection-test.ts';
import { accessOf, SshWorld } from '../support/sshd.ts';
import { requiring } from '../support/needs.ts';

const options = {
  clock: systemClock,
  random: systemRandom,
  log: silentLog,
  recordHostKey: async (): Promise<'recorded'> => 'recorded',
};
const leftIn = (folder: string): string[] => readdirSync(folder).filter((name) => name.startsWith('.drover-test-'));

requiring('sshd').describe('the connection test', () => {
  let world: SshWorld;
  let home: string;
  beforeAll(() => {
    world = new SshWorld();
    home = join(world.folder, 'home');
    mkdirSync(home);
  });
  afterAll(() => world.end());

  const test = async (): Promise<ConnectionTestResult[]> =>
    testConnection(accessOf(world.hop(await world.start({ lines: [`SetEnv HOME=${home}`] }))), options);

  it('removes the files by which it learns what folders take', async () => {
    const before = leftIn('/tmp');
    expect((await test()).filter(({ result }) => result === 'failed')).toEqual([]);
    expect([leftIn('/tmp'), leftIn(home)]).toEqual([before, []]);
  });

  requiring('root').it(
    'removes them from a full disk too, which takes a name and no byte, and does not count it as a folder for files',
    async () => {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=0700', 'tmpfs', home]);
      try {
        expect(() => writeFileSync(join(home, 'filling'), Buffer.alloc(1024 * 1024))).toThrow('ENOSPC');
        const results = await test();
        expect(results.find(({ step }) => step === 'state-folder')).toMatchObject({
          result: 'ok',
          detail: expect.not.stringContaining(home),
        });
        expect(JSON.stringify(results)).not.toContain(home);
        expect(leftIn(home)).toEqual([]);
      } finally {
        execFileSync('umount', ['--lazy', home]);
      }
    },
  );
});
