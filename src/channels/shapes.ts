/** Fields that several kinds of channel have. */
import { z } from 'zod';
import { noticeLimits } from '../base/notice-limits.ts';
import { urlFault } from '../outbound/outbound.ts';
import { checked } from '../shape/checked.ts';

export const url = checked(noticeLimits.channelUrlLengthMax, urlFault).describe(
  'https://…; it may hold a token, and is never shown',
);

/** Printable: it is copied from one place into another by people. */
export const secret = checked(
  noticeLimits.channelSecretLengthMax,
  (text) => (/^[\x21-\x7e]+$/.test(text) ? undefined : 'letters, digits and signs of ASCII only, without blanks'),
  { min: noticeLimits.channelSecretLengthMin },
);

export const authorities = z
  .string()
  .max(noticeLimits.channelAuthoritiesBytesMax)
  .refine((text) => /-----BEGIN CERTIFICATE-----/.test(text), 'certificates in PEM')
  .optional()
  .describe('Certificates in PEM of who vouches for the far end, in place of the public authorities');
