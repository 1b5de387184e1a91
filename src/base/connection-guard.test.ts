import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ConnectionGuard, connectionLimits } from './connection-guard.ts';
import { limits } from './limits.ts';

/** How many of so many find a place. */
function taken(guard: ConnectionGuard, count: number, address: (n: number) => string, isLocal = false): number {
  let places = 0;
  for (let n = 0; n < count; n++)
    if (guard.admit(Object.defineProperty(new Socket(), 'remoteAddress', { value: address(n) }), isLocal)) places++;
  return places;
}

describe('places for connections', () => {
  it('are so many for an address, and no more', () => {
    const server = new ConnectionGuard();
    expect(taken(server, limits.connectionsPerAddressMax + 1, () => '10.0.0.1')).toBe(limits.connectionsPerAddressMax);
    const worker = new ConnectionGuard({ ...connectionLimits, perAddressMax: limits.agentConnectionsPerAddressMax });
    expect(taken(worker, limits.agentConnectionsPerAddressMax + 1, () => '10.0.0.1')).toBe(
      limits.agentConnectionsPerAddressMax,
    );
  });

  it('are so many in all, the last of them for this machine', () => {
    const guard = new ConnectionGuard();
    const strangers = limits.connectionsMax - limits.connectionsKeptForKnown;
    expect(taken(guard, limits.connectionsMax, (n) => `10.1.${n >> 8}.${n & 255}`)).toBe(strangers);
    expect(taken(guard, limits.connectionsKeptForKnown + 1, () => '127.0.0.1', true)).toBe(
      limits.connectionsKeptForKnown,
    );
    expect(guard.connections).toBe(limits.connectionsMax);
  });
});
