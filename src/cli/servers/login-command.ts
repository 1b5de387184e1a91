/**
 * `drover login|logout|whoami`. A server's certificate is signed by its own authority; whom to believe is decided here once, by file, by
 * fingerprint, or by asking, before the token is sent, and kept with the credentials.
 */
import { canAsk } from '../out.ts';
import { createHash, X509Certificate } from 'node:crypto';
import { connect as connectPlain } from 'node:net';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { assertNotInClear, createClient, dataOf, DroverUnreachableError } from '@drover/sdk';
import type { Command } from 'commander';
import { given } from '../../base/given.ts';
import { trustAuthority } from '../../base/node-trust.ts';
import { answer, command, withUtc, type AnswerFlags } from '../command.ts';
import { checkContextName, forgetContext, LOCAL, readContexts, storeContext } from './contexts.ts';
import { UsageError } from '../exit.ts';
import { ask, confirm } from '../prompt.ts';
import { timeText } from '../render.ts';
import { checkToken, clientOptions, normalUrl, openSession, readAuthority } from './session.ts';
import { plainText } from '../text-width.ts';

interface LoginFlags extends AnswerFlags {
  readonly name?: string;
  readonly ca?: string;
  readonly fingerprint?: string;
}

const CONNECT_MS = 10_000;
const CHAIN_MAX = 5;

export function addLoginCommands(program: Command): void {
  command(program, 'login', {
    summary: 'remember a server and a token',
    description:
      'Remember a server, its authority and a token, for this user alone. The token is asked for, or read from ' +
      'standard input, or from DROVER_TOKEN; never from the command line, where others could see it.',
    examples: [
      'drover login https://drover.example:7400',
      'drover login https://10.0.0.5:7400 --fingerprint SHA256 <token.txt',
    ],
  })
    .argument('<url>', 'such as https://drover.example:7400')
    .option('--name <name>', 'what to call it in drover context and --context (default: its host and port)')
    .option('--ca <file>', "certificate of the server's authority")
    .option(
      '--fingerprint <sha256>',
      "fingerprint of the server's authority, as `drover whoami` tells it on the server's own machine",
    )
    .action(login);
  command(program, 'logout', { summary: 'forget the stored server and token', examples: ['drover logout'] }).action(
    async (flags: AnswerFlags) => {
      const { current } = readContexts();
      const wasStored = current !== undefined && current !== LOCAL;
      if (wasStored) forgetContext(current);
      await answer(flags, { loggedOut: wasStored, ...given({ context: wasStored ? current : undefined }) }, () =>
        wasStored
          ? 'the stored token is forgotten; it stays valid until it expires or is revoked'
          : nothingForgotten(readContexts()),
      );
    },
  );
  withUtc(
    command(program, 'whoami', {
      summary: 'who am I, what may I do, and whose certificate counts',
      examples: ['drover whoami'],
    }),
  ).action(async (flags: AnswerFlags) => {
    const {
      client,
      credentials: { url, ca },
    } = openSession();
    const self = dataOf(await client.GET('/api/v1/self'));
    const fingerprint = ca === undefined ? undefined : fingerprintOf(new X509Certificate(ca));
    await answer(
      flags,
      { ...self, url, ...given({ fingerprint: fingerprint || undefined }) },
      () =>
        `${plainText(self.name)} (${self.role}) at ${url}, until ${timeText(self.expiresAt, flags.utc === true)}` +
        `\n${fingerprint ? `fingerprint of its authority: ${fingerprint}\n` : ''}${self.permissions.join('\n')}`,
    );
  });
}

/** Why `logout` had nothing to forget: what is stored may be another's than the one that is spoken to. */
function nothingForgotten({ current, contexts }: ReturnType<typeof readContexts>): string {
  const others = [...contexts.keys()].filter((name) => name !== LOCAL);
  if (others.length === 0) return 'no server and no token were stored';
  const why =
    current === LOCAL
      ? 'commands speak to the server of this machine (local), which is not stored'
      : 'no stored server is chosen';
  return `nothing was forgotten: ${why}. Stored are ${others.join(', ')}; drover context remove NAME forgets one`;
}

async function login(text: string, flags: LoginFlags): Promise<void> {
  const url = normalUrl(text);
  const name = flags.name ?? new URL(url).host;
  checkContextName(name);
  const ca = url.startsWith('https:') ? await authorityOf(url, flags) : undefined;
  if (ca) trustAuthority(ca);
  // Nor for one that will not be sent.
  assertNotInClear(clientOptions({ url }));
  // Nobody is asked for a token that there is no server for. Over TLS it was found while its certificate was looked at.
  if (url.startsWith('http:')) await assertListening(url);
  const token = process.env.DROVER_TOKEN || (await ask('Token: ', { hidden: true }));
  if (token === '')
    throw new UsageError(
      'No token was given. An administrator makes one: drover tokens create --name YOU --role operator',
    );
  checkToken(token);
  const self = dataOf(await createClient({ ...clientOptions({ url }), token }).GET('/api/v1/self'));
  const path = storeContext(name, { url, token, ...given({ ca: ca || undefined }) });
  await answer(
    flags,
    { url, name: self.name, role: self.role, context: name, stored: path },
    () => `logged in to ${url} as ${plainText(self.name)} (${self.role}); stored as ${name} in ${path}`,
  );
}

/** Its certificate as PEM; nothing when a public authority vouches for the server already. */
async function authorityOf(url: string, flags: LoginFlags): Promise<string | undefined> {
  if (flags.ca) return readAuthority(flags.ca);
  const { isTrusted, authority } = await probe(url);
  if (isTrusted && !flags.fingerprint) return undefined;
  const fingerprint = fingerprintOf(authority);
  if (flags.fingerprint) {
    if (
      flags.fingerprint
        .replace(/^sha256:/i, '')
        .replaceAll(':', '')
        .toLowerCase() !== fingerprint
    )
      throw new UsageError(
        `The authority of ${url} has another fingerprint: ${fingerprint}. Somebody may stand in between. Nothing was sent.`,
      );
  } else {
    if (!canAsk())
      throw new UsageError(
        `${url} has an authority of its own, with the fingerprint ${fingerprint}. If that is right, say ` +
          `--fingerprint ${fingerprint}, or give its certificate with --ca FILE.`,
      );
    if (
      !(await confirm(
        `${url} has an authority of its own, with the fingerprint\n  ${fingerprint}\nIs it the one that \`drover ` +
          "whoami` tells on the server's own machine?",
      ))
    )
      throw new UsageError('Nothing was stored.');
  }
  return new X509Certificate(authority.raw).toString();
}

function fingerprintOf({ raw }: { readonly raw: Uint8Array }): string {
  return createHash('sha256').update(raw).digest('hex');
}

/** Connects and says nothing. */
function assertListening(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connectPlain({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port || 80),
      timeout: CONNECT_MS,
    });
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('timeout', () => socket.destroy(new Error('no answer in time')));
    socket.once('error', (error) => reject(unreached(url, error)));
  });
}

function unreached(url: string, error: Error): DroverUnreachableError {
  return new DroverUnreachableError(`${url} was not reached: ${error.message}`, { cause: error });
}

/** Shakes hands and says nothing. */
function probe(url: string): Promise<{ isTrusted: boolean; authority: DetailedPeerCertificate }> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connect(
      {
        host,
        port: Number(port || 443),
        ...given({ servername: /^[\d.]+$|:/.test(host) ? undefined : host }),
        rejectUnauthorized: false,
        timeout: CONNECT_MS,
      },
      () => {
        let authority = socket.getPeerCertificate(true);
        for (
          let depth = 0;
          depth < CHAIN_MAX && authority.issuerCertificate && authority.issuerCertificate !== authority;
          depth++
        )
          authority = authority.issuerCertificate;
        socket.end();
        resolve({ isTrusted: socket.authorized, authority });
      },
    );
    socket.once('timeout', () => socket.destroy(new Error('no answer in time')));
    socket.once('error', (error) => reject(unreached(url, error)));
  });
}
