/**
 * The floor of the latency of a run: what nobody can leave out who asks a server over the network, keeps what was asked for, and starts a
 * program. One HTTPS request over a connection that stands, one commit of one row in the same PostgreSQL, and one spawn of `sh -c 'echo'`
 * until its first byte, one after the other.
 */
import { spawn } from 'node:child_process';
import { Agent, request } from 'node:https';
import type pg from 'pg';
import { systemClock } from '../../src/base/clock.ts';
import { CertificateAuthority } from '../../src/pki/ca.ts';
import { certificateRequest, newKey } from '../../src/pki/identity.ts';
import type { BareHttpsMessage } from './bare-https-server.ts';
import type { BareServerSetup } from './bare-ws-server.ts';
import { ChildProgram } from './child-program.ts';

export interface FloorSample {
  readonly requestMs: number;
  readonly commitMs: number;
  readonly spawnMs: number;
}

export class LatencyFloor {
  readonly #server: ChildProgram<BareServerSetup, BareHttpsMessage>;
  readonly #database: pg.Client;
  readonly #port: number;
  readonly #agent: Agent;

  private constructor(
    server: ChildProgram<BareServerSetup, BareHttpsMessage>,
    database: pg.Client,
    port: number,
    ca: string,
  ) {
    this.#server = server;
    this.#database = database;
    this.#port = port;
    this.#agent = new Agent({ keepAlive: true, ca, maxSockets: 1 });
  }

  /** A table of its own is made in the database. */
  static async start(database: pg.Client): Promise<LatencyFloor> {
    const material = await CertificateAuthority.create(systemClock.nowMs());
    const authority = await CertificateAuthority.load(material);
    const privateKey = newKey();
    const signed = await authority.sign(
      {
        csr: certificateRequest(privateKey),
        id: 'server',
        role: 'server',
        lifetimeMs: 86_400_000,
        names: ['127.0.0.1'],
      },
      systemClock.nowMs(),
    );
    const server = new ChildProgram<BareServerSetup, BareHttpsMessage>(
      new URL('./bare-https-server.ts', import.meta.url),
      { privateKey, certificate: signed!.certificate, ca: material.certificate },
    );
    const { port } = await server.next('listening');
    await database.query('CREATE TABLE latency_floor (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at text)');
    return new LatencyFloor(server, database, port, material.certificate);
  }

  async measure(): Promise<FloorSample> {
    return {
      requestMs: await timed(() => this.#ask()),
      commitMs: await timed(() =>
        this.#database.query({
          name: 'floor',
          text: 'INSERT INTO latency_floor (at) VALUES ($1)',
          values: ['a row of a run'],
        }),
      ),
      spawnMs: await timed(firstByte),
    };
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    await this.#server.stop();
  }

  #ask(): Promise<void> {
    return new Promise((resolve, reject) => {
      const asking = request(
        { host: '127.0.0.1', port: this.#port, method: 'POST', agent: this.#agent },
        (response) => void response.on('error', reject).on('end', resolve).resume(),
      );
      asking.on('error', reject);
      asking.end(JSON.stringify({ targets: 'host-1', command: ['echo', 'hello'] }));
    });
  }
}

function firstByte(): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', 'echo hello'], { stdio: ['ignore', 'pipe', 'ignore'] });
    child.once('error', reject);
    child.stdout.once('data', () => resolve());
  });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const beganMs = systemClock.monotonicMs();
  await work();
  return systemClock.monotonicMs() - beganMs;
}
