/** Child program: an HTTPS server with nothing behind it, which reads a small JSON body and answers with one. */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { BareServerSetup } from './bare-ws-server.ts';

export type BareHttpsMessage = { kind: 'listening'; port: number };

process.once('message', ({ privateKey, certificate }: BareServerSetup) => {
  const server = createServer({ key: privateKey, cert: certificate, minVersion: 'TLSv1.3' }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const asked = JSON.parse(Buffer.concat(chunks).toString()) as object;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ ...asked, answered: true }));
    });
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1', () =>
    process.send!({ kind: 'listening', port: (server.address() as AddressInfo).port } satisfies BareHttpsMessage),
  );
});
process.on('disconnect', () => process.exit());
