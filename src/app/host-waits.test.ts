import { expect, it } from 'vitest';
import type { HostId, WorkerId } from '../base/ids.ts';
import type { Via } from '../domain/placement/placement.ts';
import { hostWaitsBecause, type WaysToHosts } from './host-waits.ts';

const HOST = 'h' as HostId;
const LINKED = { workerId: 'w' as WorkerId } as ReturnType<WaysToHosts['locate']>;
function fleet(of: Partial<WaysToHosts>): WaysToHosts {
  return {
    locate: () => undefined,
    takesWork: () => true,
    sshObstacle: () => 'no-address',
    hasWorker: () => true,
    hasCopies: () => false,
    ...of,
  };
}

const CASES: readonly (readonly [Via, Partial<WaysToHosts>, string])[] = [
  ['auto', {}, 'its agent is not linked, and it has no address for SSH'],
  ['agent', {}, 'its agent is not linked'],
  ['ssh', {}, 'it has no address for SSH (drover hosts edit HOST --address ADDRESS)'],
  ['auto', { locate: () => LINKED }, 'it waits for its turn'],
  ['agent', { locate: () => LINKED }, 'it waits for its turn'],
  ['ssh', { sshObstacle: () => undefined }, 'it waits for its turn'],
  ['auto', { sshObstacle: () => undefined }, 'it waits for its turn'],
  ['agent', { sshObstacle: () => undefined }, 'its agent is not linked'],
  ['agent', { locate: () => LINKED, takesWork: () => false }, 'being drained'],
  ['ssh', { sshObstacle: () => 'drained' }, 'being drained'],
  ['ssh', { sshObstacle: () => 'no-worker' }, 'no worker of its zone'],
  ['agent', { hasWorker: () => false }, 'no worker of its zone'],
  ['agent', { hasCopies: () => true }, 'two starts of its agent'],
];
it.each(CASES)('says why a host waits for a run by %s (%#)', (via, of, why) => {
  expect(hostWaitsBecause(HOST, via, false, fleet(of))).toContain(why);
});

it('says that the run is paused of what could go out', () => {
  expect(hostWaitsBecause(HOST, 'auto', true, fleet({ locate: () => LINKED }))).toBe('the run is paused');
  expect(hostWaitsBecause(HOST, 'agent', true, fleet({}))).toBe('its agent is not linked');
});
