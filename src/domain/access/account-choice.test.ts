import { describe, expect, it } from 'vitest';
import { given } from '../../base/given.ts';
import { accountChooser, type AccountHost, type ScopedAccount } from './account-choice.ts';

const account = (id: string, scope: string, more: Partial<ScopedAccount> = {}): ScopedAccount => ({
  id,
  name: `name-${id}`,
  scope,
  isDefault: false,
  priority: 0,
  ...more,
});
const host = (name: string, labels: Record<string, string> = {}, accountId?: string): AccountHost => ({
  name,
  labels,
  ...given({ accountId }),
});

describe('the choice of an account', () => {
  const all = account('all', 'all', { isDefault: true, priority: -1 });
  const web = account('web', 'web-* and not web-9', { isDefault: true });
  const dba = account('dba', 'role=db');
  const choose = accountChooser([dba, all, web]);

  it('takes the one that is asked for, by name or id, where its scope covers the host', () => {
    for (const asked of ['name-dba', 'dba'])
      expect(choose(host('db-1', { role: 'db' }), asked)).toMatchObject({ kind: 'chosen', account: dba });
  });

  it('refuses rather than takes another than was asked for', () => {
    expect(choose(host('web-1'), 'name-dba')).toEqual({
      kind: 'refused',
      code: 'account-out-of-scope',
      detail: 'The account name-dba, which the run asks for, may not be used on web-1: its scope is role=db.',
    });
    expect(choose(host('web-1', {}, 'web'), 'nobody')).toMatchObject({ kind: 'refused', code: 'account-not-found' });
  });

  it("takes the host's own before any default, and refuses where it is gone or out of scope", () => {
    expect(choose(host('web-1', { role: 'db' }, 'dba'))).toMatchObject({ kind: 'chosen', account: dba });
    expect(choose(host('web-1', {}, 'dba'))).toMatchObject({ kind: 'refused', code: 'account-out-of-scope' });
    expect(choose(host('web-1', {}, 'removed'))).toMatchObject({ kind: 'refused', code: 'account-not-found' });
    // A host's own is known by its id alone: a new account under an old one's name is not the old one.
    expect(choose(host('web-1', {}, 'name-web'))).toMatchObject({ kind: 'refused', code: 'account-not-found' });
  });

  it('takes the default with the highest priority of those that cover the host, and says which would be next', () => {
    expect(choose(host('web-1'))).toMatchObject({
      kind: 'chosen',
      account: web,
      why: expect.stringContaining('next would be name-all (-1)') as string,
    });
    expect(choose(host('web-9'))).toMatchObject({
      kind: 'chosen',
      account: all,
      why: 'It is the only default account whose scope covers the host.',
    });
    // One that is no default is never taken unasked.
    expect(choose(host('db-1', { role: 'db' }))).toMatchObject({ account: all });
  });

  it('refuses where two defaults share the priority, or none covers the host', () => {
    const twins = accountChooser([
      account('b', 'all', { isDefault: true }),
      account('a', 'all', { isDefault: true }),
      account('low', 'all', { isDefault: true, priority: -5 }),
    ]);
    expect(twins(host('x'))).toMatchObject({
      kind: 'refused',
      code: 'account-ambiguous',
      detail: expect.stringContaining('name-a, name-b cover x') as string,
    });
    expect(accountChooser([web, dba])(host('x'))).toMatchObject({ kind: 'refused', code: 'account-missing' });
    expect(accountChooser([])(host('x'))).toMatchObject({ kind: 'refused', code: 'account-missing' });
  });

  it('is the same whatever the order of the accounts', () => {
    for (const name of ['web-1', 'web-9', 'db-1'])
      expect(accountChooser([web, all, dba])(host(name))).toEqual(accountChooser([dba, web, all])(host(name)));
  });

  it('gives a scope that cannot be read to no host', () => {
    expect(accountChooser([account('broken', 'web-* and', { isDefault: true })])(host('web-1'))).toMatchObject({
      code: 'account-missing',
    });
  });
});
