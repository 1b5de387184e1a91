/** Child program: many connections to the bare `ws` server, each of which answers every message with 200 bytes. */
import { WebSocket } from 'ws';

export interface BareClientSetup {
  readonly port: number;
  readonly connections: number;
  readonly privateKey: string;
  readonly certificate: string;
  readonly ca: string;
}

const IN_FLIGHT_MAX = 128;
const ANSWER = Buffer.alloc(200, 2);

process.once('message', (setup: BareClientSetup) => {
  let begun = 0;
  const next = (): void => {
    if (begun === setup.connections) return;
    begun++;
    const socket = new WebSocket(`wss://127.0.0.1:${setup.port}`, {
      key: setup.privateKey,
      cert: setup.certificate,
      ca: setup.ca,
      minVersion: 'TLSv1.3',
      perMessageDeflate: false,
      skipUTF8Validation: true,
      checkServerIdentity: (() => undefined) as never,
    });
    socket.on('message', () => socket.send(ANSWER));
    socket.on('open', next);
    socket.on('error', (error) => {
      process.stderr.write(`bare client: ${error.message}\n`);
      next();
    });
  };
  for (let i = 0; i < IN_FLIGHT_MAX; i++) next();
});
process.on('disconnect', () => process.exit());
