import { createServer, type Socket } from 'node:net';
import ssh2 from 'ssh2';
import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../../../base/clock.ts';
import { given } from '../../../base/given.ts';
import type { SshHop } from '../../../protocol/link/ssh-access.ts';
import { AuthPlan } from './auth-plan.ts';
import type { RecordHostKey } from './host-key.ts';
import { UsableKeys } from './private-key.ts';
import { defaultDialOptions, openClient, openSocket } from './ssh-dial.ts';

const HOP: SshHop = {
  hostId: 'h',
  address: '127.0.0.1',
  port: 22,
  user: 'root',
  credentials: [{ kind: 'password', name: 'p', password: 'p' }],
  knownHostKeys: [],
  hostKeyPolicy: 'first-use',
};
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** A server that shows a host key and would let in nobody; `hangUp` cuts what is open. */
async function keyShower(): Promise<{ hop: SshHop; hangUp: () => void }> {
  const sockets = new Set<Socket>();
  const server = new ssh2.Server({ hostKeys: [ssh2.utils.generateKeyPairSync('ed25519').private] }, (client) =>
    client.on('error', () => undefined),
  );
  const listener = createServer((socket) => {
    sockets.add(socket);
    server.injectSocket(socket);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as { port: number };
  const hangUp = (): void => sockets.forEach((socket) => socket.destroy());
  stops.push(() => new Promise((resolve) => (hangUp(), listener.close(() => resolve()))));
  return {
    hop: { ...HOP, port },
    hangUp,
  };
}

it.each(['recorded', 'refused', 'away'] as const)(
  'a host that hangs up while the server is asked about its key ends its connection alone: %s',
  async (answer) => {
    const { hop, hangUp } = await keyShower();
    const asked = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<'recorded' | 'refused'>();
    const recordHostKey: RecordHostKey = () => {
      asked.resolve();
      return answered.promise;
    };
    const options = { ...defaultDialOptions(), clock: systemClock, recordHostKey };
    const socket = await openSocket(hop, options);
    const opening = openClient(hop, new AuthPlan(hop, new UsableKeys()), socket, options, () => undefined).then(
      () => 'opened',
      (error: Error & { code?: string }) => error.code,
    );
    await asked.promise;
    hangUp();
    expect(await opening).toMatch(/^ssh-/);
    if (answer === 'away') answered.reject(new Error('no server is linked'));
    else answered.resolve(answer);
    // What is thrown in a promise that nobody waits for comes a turn later, and fails the run of the tests.
    await new Promise((resolve) => setImmediate(resolve));
  },
);

it.each([undefined, ['diffie-hellman-group-exchange-sha256', 'curve25519-sha256']])(
  'offers no exchange in which the host chooses a prime, whatever list it has: %j',
  async (kex) => {
    const heard: Buffer[] = [];
    const listener = createServer((socket) => {
      socket.write('SSH-2.0-test\r\n');
      socket.on('data', (bytes) => void heard.push(bytes));
      socket.on('error', () => undefined);
      // Its algorithms are in the second thing that it says.
      const look = (): void => {
        if (Buffer.concat(heard).includes('ssh-ed25519')) socket.destroy();
      };
      socket.on('data', look);
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    stops.push(() => new Promise((resolve) => listener.close(() => resolve())));
    const { port } = listener.address() as { port: number };
    const hop: SshHop = { ...HOP, port, ...given({ algorithms: kex && { kex } }) };
    const options = { ...defaultDialOptions(), clock: systemClock, recordHostKey: async () => 'refused' as const };
    const socket = await openSocket(hop, options);
    await expect(
      openClient(hop, new AuthPlan(hop, new UsableKeys()), socket, options, () => undefined),
    ).rejects.toThrow();
    const said = Buffer.concat(heard).toString('latin1');
    expect([said.includes('curve25519-sha256'), said.includes('group-exchange')]).toEqual([true, false]);
  },
);

it('dials nobody with a list in which there is nothing but such exchanges', async () => {
  const { hop } = await keyShower();
  const only: SshHop = { ...hop, algorithms: { kex: ['diffie-hellman-group-exchange-sha256'] } };
  const options = { ...defaultDialOptions(), clock: systemClock, recordHostKey: async () => 'recorded' as const };
  const socket = await openSocket(only, options);
  await expect(
    openClient(only, new AuthPlan(only, new UsableKeys()), socket, options, () => undefined),
  ).rejects.toMatchObject({ code: 'ssh-no-common-algorithm' });
});
