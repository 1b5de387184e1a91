import { expect, it } from 'vitest';
import { accountNow } from './account-now.ts';

const host = (name: string, labels: Record<string, string> = {}) => ({ name, labels });

it('holds on hosts of its scope, by their names and labels of now, and on no others', () => {
  const refuse = accountNow('id', { name: 'app', scope: 'web-* and not role=db' });
  expect(refuse(host('web-1'))).toBeUndefined();
  expect(refuse(host('web-1', { role: 'db' }))?.reason).toBe('account-out-of-scope');
  expect(refuse(host('db-1'))).toMatchObject({
    reason: 'account-out-of-scope',
    detail: expect.stringContaining(
      'app may not be used on db-1 any more: its scope is web-* and not role=db.',
    ) as string,
  });
  expect(refuse(undefined)?.reason).toBe('host-not-found');
});

it('holds nowhere once it is removed, or where its scope cannot be read', () => {
  expect(accountNow('its-id', undefined)(host('web-1'))).toMatchObject({
    reason: 'account-not-found',
    detail: expect.stringContaining('its-id') as string,
  });
  expect(accountNow('id', { name: 'app', scope: 'web-* and (' })(host('web-1'))?.reason).toBe('account-out-of-scope');
});
