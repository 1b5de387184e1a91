import { describe, expect, it } from 'vitest';
import { limits } from '../../base/limits.ts';
import { planHosts, type HostEntry, type HostPlan, type KnownHost } from './host-plan.ts';

const known = (name: string, more: Partial<KnownHost> = {}): KnownHost => ({
  id: `id-${name}`,
  name,
  address: name,
  port: 22,
  zone: 'default',
  accountId: null,
  jumpHost: null,
  hostKeyPolicy: 'first-use',
  algorithms: null,
  labels: {},
  hasAgent: false,
  ...more,
});

function plan(entries: readonly HostEntry[], hosts: readonly KnownHost[] = []): HostPlan {
  return planHosts(entries, {
    known: new Map(hosts.map((host) => [host.name, host])),
    jumps: new Map(hosts.flatMap((host) => (host.jumpHost === null ? [] : [[host.name, host.jumpHost] as const]))),
  });
}

const faultsOf = (...args: Parameters<typeof plan>): string[] =>
  plan(...args).faults.map((fault) => `${fault.index} ${fault.field} ${fault.code}`);

describe('a plan', () => {
  it('makes hosts that are new, with defaults for what is not given', () => {
    expect(plan([{ name: 'a', address: '10.0.0.1' }])).toEqual({
      faults: [],
      hosts: [
        {
          action: 'created',
          name: 'a',
          changes: [],
          settings: {
            address: '10.0.0.1',
            port: 22,
            zone: 'default',
            accountId: null,
            jumpHost: null,
            hostKeyPolicy: 'first-use',
            algorithms: null,
            labels: {},
          },
        },
      ],
    });
  });

  it('changes what is given, leaves the rest, and adds labels', () => {
    const { hosts, faults } = plan(
      [{ name: 'a', port: 2222, accountId: null, labels: { env: 'prod', role: 'web' } }],
      [known('a', { accountId: 'x', zone: 'dc1', labels: { env: 'test', rack: '7' } })],
    );
    expect(faults).toEqual([]);
    expect(hosts[0]).toMatchObject({
      action: 'updated',
      id: 'id-a',
      settings: {
        address: 'a',
        port: 2222,
        zone: 'dc1',
        accountId: null,
        labels: { env: 'prod', role: 'web', rack: '7' },
      },
    });
    expect(hosts[0]!.changes).toEqual([
      { field: 'port', from: 22, to: 2222 },
      { field: 'accountId', from: 'x' },
      { field: 'labels/env', from: 'test', to: 'prod' },
      { field: 'labels/role', to: 'web' },
    ]);
  });

  it('finds nothing to do the second time, in whatever order algorithms were kept', () => {
    const entry: HostEntry = { name: 'a', address: 'a', algorithms: { kex: ['k'], cipher: ['c'] }, labels: { x: '1' } };
    expect(
      plan([entry], [known('a', { algorithms: { cipher: ['c'], kex: ['k'] }, labels: { x: '1', y: '2' } })]).hosts[0],
    ).toMatchObject({ action: 'unchanged', changes: [] });
  });

  it('takes jump hosts of the same plan or of before', () => {
    expect(
      faultsOf(
        [
          { name: 'a', address: 'a', jumpHost: 'b' },
          { name: 'b', address: 'b', jumpHost: 'c' },
        ],
        [known('c')],
      ),
    ).toEqual([]);
  });
});

describe('a plan is refused', () => {
  const chain = Array.from({ length: limits.sshHopsMax }, (_, i) =>
    known(`h${i}`, { jumpHost: i === 0 ? null : `h${i - 1}` }),
  );
  it.each([
    [
      'for a host that is named twice',
      faultsOf([
        { name: 'a', address: 'a' },
        { name: 'a', address: 'b' },
      ]),
      ['1 name bad-input'],
    ],
    ['for a new host without an address', faultsOf([{ name: 'a' }]), ['0 address bad-input']],
    [
      'for taking the address of a host without an agent',
      faultsOf([{ name: 'a', address: null }], [known('a')]),
      ['0 address bad-input'],
    ],
    [
      'for taking the address of a jump host',
      faultsOf([{ name: 'b', address: null }], [known('a', { jumpHost: 'b' }), known('b', { hasAgent: true })]),
      ['0 address host-is-jump-host'],
    ],
    [
      'for an unknown jump host',
      faultsOf([{ name: 'a', address: 'a', jumpHost: 'nobody' }]),
      ['0 jumpHost host-not-found'],
    ],
    [
      'for a jump host that has no address',
      faultsOf([{ name: 'a', address: 'a', jumpHost: 'b' }], [known('b', { address: null, hasAgent: true })]),
      ['0 jumpHost jump-path-invalid'],
    ],
    [
      'for a circle within it',
      faultsOf([
        { name: 'a', address: 'a', jumpHost: 'b' },
        { name: 'b', address: 'b', jumpHost: 'a' },
      ]),
      ['0 jumpHost jump-path-invalid', '1 jumpHost jump-path-invalid'],
    ],
    [
      'for a host that jumps through itself',
      faultsOf([{ name: 'a', address: 'a', jumpHost: 'a' }]),
      ['0 jumpHost jump-path-invalid'],
    ],
    [
      'for a circle with hosts that are there',
      faultsOf([{ name: 'b', jumpHost: 'a' }], [known('a', { jumpHost: 'b' }), known('b')]),
      ['0 jumpHost jump-path-invalid'],
    ],
    [
      'for a way that is too long',
      faultsOf([{ name: 'new', address: 'new', jumpHost: chain.at(-1)!.name }], chain),
      ['0 jumpHost jump-path-invalid'],
    ],
    [
      'for a way of another host that becomes too long',
      faultsOf([{ name: 'h0', jumpHost: 'up' }], [...chain, known('up')]),
      ['0 jumpHost jump-path-invalid'],
    ],
    [
      'for a name that another has',
      faultsOf([{ name: 'a', rename: 'b' }], [known('a'), known('b')]),
      ['0 name host-name-taken'],
    ],
    [
      'for too many labels',
      faultsOf(
        [
          {
            name: 'a',
            labels: Object.fromEntries(Array.from({ length: limits.labelsPerHostMax }, (_, i) => [`l${i}`, 'x'])),
          },
        ],
        [known('a', { labels: { old: '1' } })],
      ),
      ['0 labels bad-input'],
    ],
  ])('%s', (_, faults, expected) => expect(faults).toEqual(expected));
});
