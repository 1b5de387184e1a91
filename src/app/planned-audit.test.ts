import { expect, it } from 'vitest';
import { plannedAudit, type AuditedStep } from './planned-audit.ts';

const step = (name: string, more: Partial<AuditedStep> = {}): AuditedStep => ({
  name,
  targets: 'host-1',
  hosts: 1,
  user: undefined,
  secrets: {},
  ...more,
});

it('says where, as whom and with what also of the steps after the hundredth', () => {
  const harmless = Array.from({ length: 100 }, (_, i) => step(`s${i}`));
  const last = step('last', { targets: 'host-2', user: 'nobody', account: 'ops', secrets: { token: 'a secret' } });
  const detail = plannedAudit([...harmless, last], { c: 'rm -rf /' });
  expect(detail).toMatchObject({
    stepCount: 101,
    users: ['nobody'],
    accounts: ['ops'],
    secrets: ['token'],
    targets: ['host-1', 'host-2'],
    values: { c: 'rm -rf /' },
  });
  expect(detail['steps']).toHaveLength(100);
  expect(JSON.stringify(detail)).not.toContain('a secret');
  // What any step uses comes before what each step does: so much of an entry is kept.
  expect(Object.keys(detail).at(-1)).toBe('steps');
});
