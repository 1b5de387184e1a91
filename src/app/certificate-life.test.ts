import { expect, it } from 'vitest';
import { limits } from '../base/limits.ts';
import { certificateLifeMs } from './certificate-life.ts';

it('is the default, or what a server is told within its bounds', () => {
  expect(certificateLifeMs(undefined)).toBe(limits.agentCertificateMs);
  for (const ms of [limits.agentCertificateMsMin, limits.agentCertificateMs])
    expect(certificateLifeMs(`${ms}ms`)).toBe(ms);
  for (const text of [`${limits.agentCertificateMsMin - 1}ms`, `${limits.agentCertificateMs + 1}ms`, '', 'long'])
    expect(() => certificateLifeMs(text)).toThrow(expect.objectContaining({ code: 'bad-duration' }));
});
