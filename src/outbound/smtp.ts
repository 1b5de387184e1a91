/**
 * One mail by SMTP (RFC 5321) over a connection that was dialled where servers may speak to: greeting, EHLO, STARTTLS or
 * TLS from the start, AUTH, one sender, recipients, the text. A library would dial by itself, past what may be dialled;
 * what is needed of SMTP is this much. Whatever the far end says is bounded, and of it no more than a line is told.
 */
import type { Socket } from 'node:net';
import { DroverError } from '../base/errors.ts';
import { networkWords } from '../base/network-words.ts';
import type { OutboundConnection } from './dialer.ts';
import type { Outbound } from './outbound.ts';

export type SmtpServer = { readonly host: string; readonly port: number } & (
  | {
      readonly tls: 'starttls' | 'tls';
      readonly login?: SmtpLogin;
      readonly authorities?: string;
    }
  /** Only where the installation has named the server; nobody says who he is there, for it would be read on the way. */
  | { readonly tls: 'none'; readonly login?: never; readonly authorities?: never }
);

export interface SmtpLogin {
  readonly user: string;
  readonly password: string;
}

/** The step in which a login is said. */
export const SMTP_LOGIN = 'the login';

export interface SmtpMail {
  readonly from: string;
  readonly to: readonly string[];
  /** Head and body, lines ending in CRLF, none of them longer than 998 bytes. */
  readonly content: string;
}

/** What the far end said to a step that it refused. */
export class SmtpRefusal extends Error {
  readonly step: string;
  readonly reply: Reply;

  constructor(step: string, reply: Reply) {
    super(`${step}: ${reply.code} ${reply.text}`);
    this.step = step;
    this.reply = reply;
  }
}

export interface Reply {
  readonly code: number;
  /** Lines, joined by a blank. */
  readonly text: string;
  readonly lines: readonly string[];
}

export interface SmtpTaken {
  /** What it says to the mail. */
  readonly reply: Reply;
  /** Recipients that it did not take, and why; the others have it. */
  readonly refused: readonly { readonly to: string; readonly reply: Reply }[];
}

/** Taken where one recipient at least is. Throws `SmtpRefusal`, and as `Outbound` does. */
export async function smtpSend(outbound: Outbound, server: SmtpServer, mail: SmtpMail): Promise<SmtpTaken> {
  const dialled = await outbound.dial({ host: server.host, port: server.port });
  try {
    return await spoken(outbound, dialled, server, mail);
  } catch (error) {
    if (!dialled.deadline.aborted) throw error;
    throw new DroverError('outbound-timeout', { detail: `${server.host} did not answer in time.`, cause: error });
  } finally {
    dialled.socket.destroy();
  }
}

async function spoken(
  outbound: Outbound,
  dialled: OutboundConnection,
  server: SmtpServer,
  mail: SmtpMail,
): Promise<SmtpTaken> {
  const { host, tls, authorities, login } = server;
  if (tls === 'none' && !dialled.isNamed)
    throw new DroverError('address-not-allowed', {
      detail: `${host} would be spoken to in clear. Use STARTTLS or TLS, or have the installation name it in DROVER_OUTBOUND_ALLOW.`,
    });
  const first = tls === 'tls' ? await outbound.secure(dialled, host, authorities) : dialled;
  let talk = new Talk(first.socket, host);
  await talk.expect('the greeting', [220]);
  let offers = await talk.hello();
  if (tls === 'starttls') {
    if (!offers.has('STARTTLS'))
      throw new DroverError('outbound-unreachable', {
        detail: `${host} offers no STARTTLS, and nothing is said to it in clear.`,
      });
    await talk.say('STARTTLS', 'STARTTLS', [220]);
    // What it said before is nobody's: it may have been put in by somebody on the way.
    talk.end();
    const secured = await outbound.secure(dialled, host, authorities);
    talk = new Talk(secured.socket, host);
    offers = await talk.hello();
  }
  if (login) await authenticate(talk, offers, login, host);
  await talk.say('the sender', `MAIL FROM:<${mail.from}>`, [250]);
  const refused = await recipients(talk, mail.to);
  await talk.say('the text', 'DATA', [354]);
  const taken = await talk.say('the text', `${stuffed(mail.content)}\r\n.`, [250]);
  // It is taken: how it says good-bye is of no account.
  talk.part();
  return { reply: taken, refused };
}

async function recipients(talk: Talk, all: readonly string[]): Promise<SmtpTaken['refused']> {
  const refused: { readonly to: string; readonly reply: Reply }[] = [];
  for (const to of all) {
    try {
      await talk.say(`the recipient ${to}`, `RCPT TO:<${to}>`, [250, 251]);
    } catch (error) {
      if (!(error instanceof SmtpRefusal) || refused.length === all.length - 1) throw error;
      refused.push({ to, reply: error.reply });
    }
  }
  return refused;
}

/** What is told of offers are names that everybody knows, and no words of the far end. */
const OTHER_LOGINS = [
  'CRAM-MD5',
  'DIGEST-MD5',
  'EXTERNAL',
  'GSSAPI',
  'NTLM',
  'OAUTHBEARER',
  'SCRAM-SHA-1',
  'SCRAM-SHA-256',
  'XOAUTH2',
] as const;

async function authenticate(
  talk: Talk,
  offers: ReadonlyMap<string, readonly string[]>,
  { user, password }: SmtpLogin,
  host: string,
): Promise<void> {
  const ways = offers.get('AUTH') ?? [];
  const named = OTHER_LOGINS.filter((way) => ways.includes(way));
  const encoded = (text: string): string => Buffer.from(text).toString('base64');
  if (ways.includes('PLAIN')) {
    await talk.say(SMTP_LOGIN, `AUTH PLAIN ${encoded(`\0${user}\0${password}`)}`, [235]);
  } else if (ways.includes('LOGIN')) {
    await talk.say(SMTP_LOGIN, 'AUTH LOGIN', [334]);
    await talk.say(SMTP_LOGIN, encoded(user), [334]);
    await talk.say(SMTP_LOGIN, encoded(password), [235]);
  } else
    throw new DroverError('outbound-unreachable', {
      detail: `${host} offers no login that is known here (PLAIN, LOGIN)${named.length === 0 ? '' : `: ${named.join(', ')}`}.`,
    });
}

/** A line that is a dot would be the end of the mail. */
function stuffed(content: string): string {
  return content.replace(/(^|\r\n)\./g, '$1..').replace(/(\r\n)+$/, '');
}

const [LINES_MAX, REPLY_BYTES_MAX] = [200, 64 * 1024];

/** One after the other: what is said, and what is answered. */
class Talk {
  readonly #socket: Socket;
  readonly #host: string;
  #heard = '';
  #bytes = 0;
  #ended: Error | undefined;
  #waiting: (() => void) | undefined;
  readonly #onData = (part: Buffer): void => {
    this.#bytes += part.length;
    this.#heard += part.toString('latin1');
    if (this.#bytes > REPLY_BYTES_MAX) this.#stop(new Error('it says too much'));
    this.#waiting?.();
  };
  readonly #onClose = (): void => this.#stop(new Error('the connection was cut'));
  readonly #onError = (error: Error): void => this.#stop(error);

  constructor(socket: Socket, host: string) {
    this.#socket = socket;
    this.#host = host;
    socket.on('data', this.#onData).on('close', this.#onClose).on('error', this.#onError);
  }

  #stop(error: Error): void {
    this.#ended ??= error;
    this.#waiting?.();
  }

  /** Hears no more of it. */
  end(): void {
    this.#socket.off('data', this.#onData).off('close', this.#onClose).off('error', this.#onError);
  }

  /** Good-bye, without waiting for an answer. */
  part(): void {
    this.end();
    this.#socket.end('QUIT\r\n');
  }

  /** What it offers, by keyword. */
  async hello(): Promise<ReadonlyMap<string, readonly string[]>> {
    const { lines } = await this.say('EHLO', 'EHLO drover', [250]);
    return new Map(
      lines.slice(1).map((line) => {
        const [keyword = '', ...words] = line.toUpperCase().split(/[ =]+/);
        return [keyword, words];
      }),
    );
  }

  async say(step: string, text: string, wanted: readonly number[]): Promise<Reply> {
    this.#socket.write(`${text}\r\n`);
    return this.expect(step, wanted);
  }

  async expect(step: string, wanted: readonly number[]): Promise<Reply> {
    const reply = await this.#reply();
    if (!wanted.includes(reply.code)) throw new SmtpRefusal(step, reply);
    return reply;
  }

  async #reply(): Promise<Reply> {
    const lines: string[] = [];
    this.#bytes = this.#heard.length;
    for (;;) {
      const line = await this.#line();
      const match = /^(\d{3})([ -]?)(.*)$/.exec(line);
      if (!match || lines.length >= LINES_MAX) throw this.#unfit('it does not speak as a mail server does');
      lines.push(Buffer.from(match[3]!, 'latin1').toString());
      if (match[2] !== '-') return { code: Number(match[1]), text: lines.join(' '), lines };
    }
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#heard.indexOf('\n');
      if (end >= 0) {
        const line = this.#heard.slice(0, end).replace(/\r$/, '');
        this.#heard = this.#heard.slice(end + 1);
        return line;
      }
      if (this.#ended) throw this.#unfit(networkWords(this.#ended) ?? this.#ended.message);
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
      this.#waiting = undefined;
    }
  }

  #unfit(why: string): DroverError {
    return new DroverError('outbound-unreachable', { detail: `${this.#host} was not reached: ${why}.` });
  }
}
