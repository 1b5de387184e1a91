/** Mail, by an SMTP server: over TLS or STARTTLS, with a login or without. */
import { z } from 'zod';
import { given } from '../base/given.ts';
import { noticeLimits } from '../base/notice-limits.ts';
import { fitted } from '../domain/notice/message.ts';
import { SMTP_LOGIN, SmtpRefusal, smtpSend, type Reply } from '../outbound/smtp.ts';
import { checked } from '../shape/checked.ts';
import { oneLine, type ChannelKind } from './channel-kind.ts';
import { mailText } from './mail-text.ts';
import { more } from './more.ts';
import { authorities } from './shapes.ts';
import { withoutSecrets } from './without-secrets.ts';

/** One that stands between < and > as it is, in ASCII. */
const ADDRESS = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/;
const address = checked(254, (text) => (ADDRESS.test(text) ? undefined : 'an address such as ops@example.com'));

const shape = z
  .strictObject({
    kind: z.literal('mail'),
    host: checked(253, (text) => (/^[A-Za-z0-9:.-]+$/.test(text) ? undefined : 'a name or an address of a server')),
    port: z.int().min(1).max(65_535),
    tls: z
      .enum(['starttls', 'tls', 'none'])
      .describe(
        'starttls: as a rule on port 587; tls: from the start, on 465; none: only to servers that the installation names',
      ),
    user: z.string().min(1).max(noticeLimits.channelSecretLengthMax).optional(),
    password: z
      .string()
      .min(1)
      .max(noticeLimits.channelSecretLengthMax)
      .refine((text) => !/[\0\r\n]/.test(text), 'no line breaks and no NUL')
      .optional(),
    from: address,
    to: z.array(address).min(1).max(noticeLimits.channelRecipientsMax),
    authorities,
  })
  .refine(({ user, password }) => (user === undefined) === (password === undefined), 'user and password go together')
  .refine(
    ({ tls, user }) => tls !== 'none' || user === undefined,
    'nobody logs in without TLS: whoever is on the way would read the password',
  );
type Mail = z.infer<typeof shape>;
const BYTES_MAX = 100_000;

export const mail: ChannelKind<typeof shape> = {
  shape,
  shown: ({ host, port, tls, user, from, to }) => ({
    to: to.join(' '),
    server: `${host}:${port}`,
    tls,
    from,
    ...given({ user }),
  }),
  async tell(outbound, endpoint, message, { lang }) {
    const text = fitted(message.text, BYTES_MAX, more(lang));
    const { host, port, tls, authorities: trusted, from, to } = endpoint;
    try {
      const { reply, refused } = await smtpSend(
        outbound,
        tls === 'none'
          ? { host, port, tls }
          : { host, port, tls, ...given({ authorities: trusted, login: loginOf(endpoint) }) },
        { from, to, content: mailText({ from, to }, { ...message, text }) },
      );
      const missed = refused.map(({ to: whom, reply: why }) => `; not for ${whom}: ${said(why, endpoint)}`);
      return { kind: 'taken', answer: oneLine(said(reply, endpoint) + missed.join('')) };
    } catch (error) {
      if (!(error instanceof SmtpRefusal)) throw error;
      return {
        kind: 'failed',
        code: 'channel-refused',
        detail: `The mail server refuses ${error.step} with ${error.reply.code}.`,
        answer: error.step === SMTP_LOGIN ? codesOf(error.reply) : said(error.reply, endpoint),
      };
    }
  },
};

function loginOf({ user, password }: Mail): { readonly user: string; readonly password: string } | undefined {
  return user === undefined || password === undefined ? undefined : { user, password };
}

/** Servers repeat what they did not understand, and cut it short where it is long: of a refused login the codes are told. */
function codesOf({ code, text }: Reply): string {
  const enhanced = /^[245]\.\d{1,3}\.\d{1,3}(?= |$)/.exec(text)?.[0];
  return enhanced === undefined ? String(code) : `${code} ${enhanced}`;
}

function said({ code, text }: Reply, endpoint: Mail): string {
  return oneLine(`${code} ${withoutSecrets(text, endpoint)}`);
}
