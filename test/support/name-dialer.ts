/**
 * Tests connections by name with the engine of a worker, alone in its process: `name-dialer.ts FOLDER NAMESERVER`. The name server is here too,
 * at an address of this machine, and says nothing of names that begin with `slow`; of others that they are this machine. A line in JSON
 * for each test that is over: `{ name, steps }`. The tests of slow names are under way when the others begin.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { createSshLedger } from '../../src/engines/ssh/ssh-ledger.ts';
import { accessOf } from './sshd.ts';

const SLOW = Array.from({ length: 18 }, (_, i) => `slow${i}.evil.test`);
/** By the name server, by the search domain, and by the hosts file. */
const QUICK = ['quick.example.test', 'short', 'filed.example.test'];

const [dir, nameServer] = process.argv.slice(2);
const names = createSocket('udp4');
const asked = new Set<string>();
let onAsked = (): void => undefined;
names.on('message', (question, { address, port }) => {
  const labels: string[] = [];
  let at = 12;
  for (; question[at]! > 0; at += question[at]! + 1)
    labels.push(question.toString('latin1', at + 1, at + 1 + question[at]!));
  asked.add(labels.join('.'));
  onAsked();
  const isSlow = labels[0]!.startsWith('slow');
  if (isSlow && labels.length === 3) return;
  const isKnown = !isSlow && labels.at(-1) === 'test';
  const isAddress = isKnown && question.readUInt16BE(at + 1) === 1;
  const answer = isAddress ? Buffer.from('c00c00010001000000050004' + '7f000001', 'hex') : Buffer.alloc(0);
  const head = Buffer.from(`0000${isKnown ? '8180' : '8183'}00010000000000`.padEnd(24, '0'), 'hex');
  question.copy(head, 0, 0, 2);
  head.writeUInt16BE(isAddress ? 1 : 0, 6);
  names.send(Buffer.concat([head, question.subarray(12, at + 5), answer]), port, address);
});
names.bind(53, nameServer);
await once(names, 'listening');
const listener = createServer((socket) => socket.on('error', () => undefined).end('no SSH here\r\n')).listen(
  0,
  '127.0.0.1',
);
await once(listener, 'listening');
const { port } = listener.address() as AddressInfo;

const { engine } = createSshLedger({
  dir: dir!,
  clock: systemClock,
  random: systemRandom,
  log: silentLog,
  access: async ({ hostId }) =>
    accessOf({
      hostId,
      address: hostId,
      port,
      user: 'root',
      credentials: [{ kind: 'password', name: 'p', password: 'p' }],
      knownHostKeys: [],
      hostKeyPolicy: 'first-use',
    }),
  recordHostKey: async () => 'recorded',
  secretsOf: async () => [],
});
const tell = async (name: string): Promise<void> => {
  const steps = (await engine.test({ hostId: name })).filter(({ result }) => result !== 'not-tried');
  process.stdout.write(`${JSON.stringify({ name, steps })}\n`);
};
// Each twice: the second finds the first's question under way.
const slow = [...SLOW, ...SLOW].map(tell);
// As many as the system takes at once, at least.
await new Promise<void>((resolve) => {
  onAsked = () => void (asked.size >= 2 && resolve());
  onAsked();
});
for (const name of QUICK) await tell(name);
await Promise.all(slow);
process.exit(0);
