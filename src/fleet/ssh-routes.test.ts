import { expect, it } from 'vitest';
import type { HostId, WorkerId } from '../base/ids.ts';
import { SshRoutes } from './ssh-routes.ts';

const hosts = Array.from({ length: 3_000 }, (_, i) => ({
  id: `host-${i}` as HostId,
  zone: i % 10 === 0 ? 'far' : 'near',
}));
const near = (n: number): { id: WorkerId; zone: string } => ({ id: `worker-${n}` as WorkerId, zone: 'near' });

function routes(): SshRoutes {
  const all = new SshRoutes();
  all.replace({ version: 1, hosts });
  return all;
}

it("goes by a worker of the host's zone, and by none where there is none or the host is not known", () => {
  const far = { id: 'other' as WorkerId, zone: 'far' };
  expect(routes().pick('host-0' as HostId, [near(1), far])).toBe('other');
  expect(routes().pick('host-0' as HostId, [near(1)])).toBeUndefined();
  expect(routes().pick('host-x' as HostId, [near(1), far])).toBeUndefined();
});

it('shares hosts out evenly, and a worker that leaves takes only its own with it', () => {
  const all = routes();
  const three = [near(1), near(2), near(3)];
  const before = new Map(hosts.filter(({ zone }) => zone === 'near').map(({ id }) => [id, all.pick(id, three)!]));
  const shares = three.map((worker) => [...before.values()].filter((id) => id === worker.id).length);
  for (const share of shares) expect(share).toBeGreaterThan(2_700 / 3 / 1.15);
  for (const [id, worker] of before) if (worker !== near(3).id) expect(all.pick(id, [near(2), near(1)])).toBe(worker);
});
