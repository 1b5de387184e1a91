/** A port alone in its process, for tests that take descriptors away from it. Tells its port, and what it logs; `take` and `give` on its input. */
import { closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { createPort } from '../../src/http/port.ts';
import { CertificateAuthority } from '../../src/pki/ca.ts';
import { certificateRequest, newKey } from '../../src/pki/identity.ts';

const ca = await CertificateAuthority.load(await CertificateAuthority.create(systemClock.nowMs()));
const key = newKey();
const signed = await ca.sign(
  { csr: certificateRequest(key), id: 'server', role: 'server', lifetimeMs: 3_600_000, names: ['127.0.0.1'] },
  systemClock.nowMs(),
);
const port = createPort({
  host: '127.0.0.1',
  port: 0,
  clock: systemClock,
  log: { ...silentLog, warn: (_fields, message) => void process.stdout.write(`${message}\n`) },
  tls: { key, cert: `${signed!.certificate}\n${ca.certificate}` },
  onRequest: (_request, response) => response.end(`room for others, ${port.isWell() ? 'well' : 'unwell'}`),
  onUpgrade: (_request, socket) => !socket.destroy(),
});
await port.start();

let taken: number[] = [];
createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'take')
    try {
      for (;;) taken.push(openSync('/dev/null', 'r'));
    } catch {
      closeSync(taken.pop()!);
      process.stdout.write('taken\n');
    }
  else {
    for (const descriptor of taken) closeSync(descriptor);
    taken = [];
    process.stdout.write('given\n');
  }
});
process.stdout.write(`port ${port.address.port}\n`);
