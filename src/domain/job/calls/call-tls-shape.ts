/** `tls` of a call. */
import { z } from 'zod';

export const callTlsShape = z.strictObject({
  ca: z.string().optional().describe('Certificates in PEM of who vouches for the far end, in place of the public ones'),
  server_name: z.string().optional().describe('The name in its certificate, where that is another than in the URL'),
  insecure: z.boolean().optional().describe('true: whoever answers is believed'),
});
