/**
 * Many agents behind one address fetch their package while somebody at that very address keeps all places that it can get: a real server,
 * the agents' own code, over TLS.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { Agent, request, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fetchPackage } from '../../src/agent/package-fetch.ts';
import { systemClock } from '../../src/base/clock.ts';
import { given } from '../../src/base/given.ts';
import { limits } from '../../src/base/limits.ts';
import { systemRandom } from '../../src/base/random.ts';
import { endProved, type PeerKeys } from '../../src/pki/peer-proof.ts';
import { newReleaseKey, signPackage } from '../../src/pki/package-signature.ts';
import { PACKAGES_MANIFEST, type AgentPackage } from '../../src/protocol/rest/agent-package.ts';
import { WanderingAgent } from '../support/attacker.ts';
import { Cluster } from '../support/cluster.ts';
import { until } from '../support/until.ts';

const AGENTS = limits.packageDownloadsPerAddressMax;
/** More than the buffers of a connection hold: who reads slowly has it open for minutes. */
const LARGE_BYTES = 4 * 1024 * 1024 * 1024;
const READ_EVERY_MS = 100;

const folder = mkdtempSync(join(tmpdir(), 'drover-downloads-'));
const packages = join(folder, 'packages');
const key = newReleaseKey();
const program = Buffer.from('#!/bin/sh\necho 1.0.0\n');
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const held = new Set<IncomingMessage>();
let isOver = false;
let cluster: Cluster;
let small: AgentPackage;
let large: AgentPackage;

function manifestOf(version: string, of: { file: string; fileSize: number; fileSha256: string }): AgentPackage {
  const identity = { version, os: 'linux', arch: process.arch, size: program.length, sha256: sha256(program) };
  const entry = { ...identity, ...of, signature: signPackage(identity, key.privateKey) };
  const manifest = { v: 1, version, publicKey: key.publicKey, packages: [entry] };
  writeFileSync(join(packages, PACKAGES_MANIFEST(version)), JSON.stringify(manifest));
  return entry;
}

beforeAll(async () => {
  mkdirSync(packages);
  const compressed = gzipSync(program);
  const named = (version: string): string => `drover-agent-${version}-linux-${process.arch}.gz`;
  writeFileSync(join(packages, named('1.0.0')), compressed);
  small = manifestOf('1.0.0', {
    file: named('1.0.0'),
    fileSize: compressed.length,
    fileSha256: sha256(compressed),
  });
  writeFileSync(join(packages, named('2.0.0')), '');
  truncateSync(join(packages, named('2.0.0')), LARGE_BYTES);
  large = manifestOf('2.0.0', { file: named('2.0.0'), fileSize: LARGE_BYTES, fileSha256: sha256(compressed) });
  cluster = await Cluster.start({ servers: 1, workers: 1, agents: 0, serverEnv: { DROVER_PACKAGES: packages } });
}, 120_000);
afterAll(async () => {
  isOver = true;
  for (const response of held) response.destroy();
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const secureUrl = (): string => cluster.urls[0]!;

/** Of a connection that was ended without an answer. */
const CUT = 0;

/** Begins a download; one that is let in is read as slowly as may be, for ever. */
function begin({ keys, ...more }: RequestOptions & { ca: string; keys?: PeerKeys }): Promise<number> {
  return new Promise((resolve) => {
    const options = { agent: false, checkServerIdentity: () => undefined, ...more };
    const asked = request(`${secureUrl()}/agent-packages/${large.file}`, options, (response) => {
      response.on('error', () => undefined);
      if (response.statusCode !== 200) response.resume();
      else {
        held.add(response);
        // Whoever reads too slowly is cut off; he comes back before anybody else does.
        response.once('close', () => {
          held.delete(response);
          if (!isOver) void begin({ ...more, ...given({ keys }) });
        });
        response.on('data', () => {
          response.pause();
          systemClock.after(READ_EVERY_MS, () => response.resume(), { unref: true });
        });
      }
      resolve(response.statusCode!);
    });
    asked.on('error', () => resolve(CUT));
    if (keys) endProved(asked, keys);
    else asked.end();
  });
}

it('as many agents as an address has places all get their package, though somebody else there holds every one of them', async () => {
  const agents: WanderingAgent[] = [];
  for (let n = 0; n < AGENTS; n++) agents.push(await WanderingAgent.join(await cluster.joinToken('agent'), `nat-${n}`));
  const { ca } = agents[0]!.identity;
  await until('all places of the address to be held', async () => {
    const status = await begin({ ca });
    return status === 429 && held.size === limits.packageDownloadsPerAddressMax;
  });
  const shown = agents.map(({ identity }) => ({ ca, keys: identity }));
  expect(await Promise.all(shown.map(begin))).toEqual(shown.map(() => 200));
  // Nor does it keep them out that somebody there asks and asks; and the rest of the world has its own places.
  const insistent = new Agent({ keepAlive: true, maxSockets: 4 });
  await Promise.all(Array.from({ length: 2 * limits.publicRequestsBurst }, () => begin({ ca, agent: insistent })));
  expect(await Promise.all(shown.slice(0, 5).map(begin))).toEqual(Array(5).fill(200));
  insistent.destroy();
  const fetched = await Promise.all(
    agents.slice(5).map(async ({ agentId, identity }) => {
      const into = join(folder, agentId);
      mkdirSync(into);
      return fetchPackage({
        entry: small,
        publicKey: key.publicKey,
        urls: [secureUrl()],
        ca: identity.ca,
        identity,
        folder: into,
        withinMs: 60_000,
        clock: systemClock,
        random: systemRandom,
      });
    }),
  );
  for (const path of fetched) expect(readFileSync(path).equals(program)).toBe(true);
  await until('another address to be let in', async () => (await begin({ ca, localAddress: '127.0.0.9' })) === 200);
}, 180_000);
