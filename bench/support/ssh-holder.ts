/** Child program: holds many warm connections and tells its memory, with nothing else in the process. */
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { SshPool } from '../../src/engines/ssh/connection/ssh-pool.ts';
import type { SshHop } from '../../src/protocol/link/ssh-access.ts';

export interface HolderSetup {
  readonly hops: readonly SshHop[];
}
export interface HolderFigures {
  readonly rssMib: number;
  readonly connections: number;
}

process.once('message', async ({ hops }: HolderSetup) => {
  const pool = new SshPool({
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    recordHostKey: async () => 'recorded',
    access: async ({ hostId }) => ({
      hostId,
      accountId: 'bench',
      hops: [hops[Number(hostId)]!],
      become: { kind: 'direct' },
    }),
  });
  await Promise.all(hops.map((_, i) => pool.shell({ hostId: String(i) })));
  const figures: HolderFigures = { rssMib: process.memoryUsage.rss() / 1024 / 1024, connections: pool.size };
  process.send!(figures);
});
process.on('disconnect', () => process.exit());
