import { describe, expect, it } from 'vitest';
import { limits } from '../../base/limits.ts';
import { hostNameFault } from '../target/nameable.ts';
import { decideJoin, twinName, type JoinRequest } from './join-decision.ts';

const request = (more: Partial<JoinRequest>): JoinRequest => ({
  machineId: 'm',
  isProved: false,
  isTokenForIt: false,
  isMachineKnown: false,
  ...more,
});
const [same, other, imported] = [
  { machineId: 'm', hasActiveAgent: true },
  { machineId: 'other', hasActiveAgent: true },
  { machineId: '', hasActiveAgent: false },
];
const revoked = { machineId: 'm', hasActiveAgent: false };

describe('who joins', () => {
  it.each([
    ['a machine that nobody knows', {}, 'new'],
    ['a known machine under another name', { isMachineKnown: true }, 'twin'],
    ['the agent itself, by its key', { known: same, isProved: true }, 'same'],
    ['the agent itself on a machine with another id', { known: other, isProved: true }, 'same'],
    ['the same machine id without the key', { known: same }, 'twin'],
    ['the same machine id after its agent was revoked', { known: revoked }, 'twin'],
    ['the same machine with a token for it', { known: same, isTokenForIt: true }, 'host'],
    [
      'another machine with a token for a host whose agent was revoked',
      { known: { ...other, hasActiveAgent: false }, isTokenForIt: true },
      'host',
    ],
    ['another machine with a token for a host that an agent holds', { known: other, isTokenForIt: true }, 'refused'],
    ['another machine by a name that is taken', { known: other }, 'refused'],
    ['any machine by the name of a host without an agent', { known: imported }, 'refused'],
    ['a machine without an id by such a name', { known: imported, machineId: '' }, 'refused'],
    ['a machine with a token for a host without an agent', { known: imported, isTokenForIt: true }, 'host'],
  ] satisfies [string, Partial<JoinRequest>, string][])('%s', (_who, more, decision) => {
    expect(decideJoin(request(more))).toBe(decision);
  });

  it('as a twin has a name of its own within the limit', () => {
    const hostId = '01936f2e-0000-7000-8000-000000abcdef';
    expect(twinName('web-1', hostId)).toBe('web-1-twin-abcdef');
    expect(twinName('x'.repeat(limits.nameLengthMax), hostId)).toHaveLength(limits.nameLengthMax);
    const longest = '库'.repeat(limits.nameBytesMax / 3);
    expect(twinName(longest, hostId)).toMatch(/^库+-twin-abcdef$/);
    expect([longest, twinName(longest, hostId)].map(hostNameFault)).toEqual([undefined, undefined]);
  });
});
