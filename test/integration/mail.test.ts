/** Mail to a real SMTP server, a process of its own: what arrives, by which protections, and what is told when it does not. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { noticeLimits } from '../../src/base/notice-limits.ts';
import { createOutbound } from '../../src/outbound/outbound.ts';
import { smtpSend } from '../../src/outbound/smtp.ts';
import { CertificateAuthority } from '../../src/pki/ca.ts';
import { certificateRequest, newKey } from '../../src/pki/identity.ts';
import type { MailServerConfig, TakenMail } from '../support/mail-server.ts';
import { NoticeWorld } from '../support/notice-world.ts';
import { until } from '../support/until.ts';

let world: NoticeWorld;
let authority: CertificateAuthority;
let certificate: { readonly key: string; readonly cert: string };
beforeAll(async () => {
  world = await NoticeWorld.start();
  authority = await CertificateAuthority.load(await CertificateAuthority.create(systemClock.nowMs()));
  const key = newKey();
  const names = ['127.0.0.1'];
  const signed = await authority.sign(
    { csr: certificateRequest(key), id: 'mail', role: 'server', lifetimeMs: 600_000, names },
    systemClock.nowMs(),
  );
  certificate = { key, cert: signed!.certificate };
  SECURE = { tls: 'starttls', authorities: authority.certificate };
});
const running: ChildProcess[] = [];
beforeEach(() => world.forget());
afterEach(() => {
  for (const child of running.splice(0)) child.kill();
});
afterAll(() => world.end());

interface MailServer {
  readonly port: number;
  readonly taken: TakenMail[];
}

async function mailServer(config: Partial<MailServerConfig> = {}): Promise<MailServer> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('../support/mail-server.ts', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, MAIL_SERVER: JSON.stringify({ ...certificate, ...config }) },
  });
  running.push(child);
  const taken: TakenMail[] = [];
  let port = 0;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const said = JSON.parse(line) as { port?: number; mail?: TakenMail };
    if (said.port !== undefined) port = said.port;
    if (said.mail) taken.push(said.mail);
  });
  await until('the mail server', () => port !== 0);
  return { port, taken };
}

const TO = ['ann@example.com', 'bob@example.com'];
/** By STARTTLS, to whom the authority of this test vouches for. */
let SECURE: { readonly tls: 'starttls'; readonly authorities: string };
let count = 0;
/** Its name. */
async function made(port: number, more: object = {}): Promise<string> {
  const name = `mail-${++count}`;
  const endpoint = { kind: 'mail', host: '127.0.0.1', port, tls: 'none', from: 'drover@example.com', to: TO, ...more };
  const { status, body } = await world.call('POST', '/channels', { name, endpoint });
  expect([status, body]).toEqual([201, expect.anything()]);
  return name;
}

interface Tested {
  readonly taken: boolean;
  readonly message: string;
  readonly answer?: string;
  readonly code?: string;
  readonly detail?: string;
}
const tested = async (name: string): Promise<Tested> =>
  (await world.call<Tested>('POST', `/channels/${name}/test`)).body;

/** The first. */
const arrived = ({ taken }: MailServer): Promise<TakenMail> => until('the mail', () => taken[0]);

function partsOf({ content }: TakenMail): { head: string; text: string } {
  const [head = '', body = ''] = content.split(/\r\n\r\n(.*)/s);
  return { head, text: Buffer.from(body, 'base64').toString() };
}

/** Encoded words, read. */
function subjectOf(head: string): string {
  const subject = /^Subject: ((?:.*\r\n )*.*)$/m.exec(head)![1]!;
  return subject
    .split('\r\n ')
    .map((word) => word.replace(/^=\?UTF-8\?B\?(.*)\?=$/, (_, text: string) => Buffer.from(text, 'base64').toString()))
    .join('');
}

describe('a mail', () => {
  it('of a failed run arrives whole, with its id, in any script', async () => {
    const server = await mailServer();
    const channel = await made(server.port);
    await world.rule({ channel, on: ['failed'] });
    const name = `夜间备份-${'长'.repeat(40)}`;
    await world.ended({ name, said: '.\n..\nfehlgeschlagen: Gerät voll\n' });
    await world.look();
    const mail = await arrived(server);
    expect(mail).toMatchObject({ from: 'drover@example.com', to: TO, isSecure: false });
    const { head, text } = partsOf(mail);
    expect(subjectOf(head)).toBe(`[failed] ${name}: 1 failed of 1`);
    expect(text).toContain('\n  .\n  ..\n  fehlgeschlagen: Gerät voll\n');
    expect(text).toMatch(/https:\/\/drover\.example\/api\/v1\/runs\//);
    const { items } = (await world.call<{ items: { state: string; message: string }[] }>('GET', '/notices')).body;
    expect(items).toMatchObject([{ state: 'delivered' }]);
    expect(head).toContain(`\r\nMessage-ID: <${items[0]!.message}@example.com>\r\n`);
    expect(head).toContain('\r\nAuto-Submitted: auto-generated\r\n');
    for (const line of mail.content.split('\r\n')) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(78);
  });

  it.each([
    ['STARTTLS and PLAIN', { hasStartTls: true, auth: ['PLAIN', 'LOGIN'] }, 'starttls'],
    ['STARTTLS and LOGIN', { hasStartTls: true, auth: ['LOGIN'] }, 'starttls'],
    ['TLS from the start and PLAIN', { isTls: true, auth: ['PLAIN'] }, 'tls'],
  ] as const)('goes by %s', async (_how, config, tls) => {
    const server = await mailServer({ ...config, user: 'drover', password: 'pä ss' });
    const login = { user: 'drover', password: 'pä ss' };
    const more = { tls, authorities: authority.certificate };
    const name = await made(server.port, { ...more, ...login });
    expect(await tested(name)).toMatchObject({ taken: true, answer: '250 2.0.0 taken as 4711' });
    expect(await arrived(server)).toMatchObject({ isSecure: true, user: 'drover' });
    const wrong = await made(server.port, { ...more, ...login, password: 'another' });
    expect(await tested(wrong)).toMatchObject({
      taken: false,
      code: 'channel-refused',
      detail: 'The mail server refuses the login with 535.',
    });
    expect(server.taken).toHaveLength(1);
  });

  it('goes to nobody whom no known authority vouches for, and nothing is said in clear instead', async () => {
    for (const [config, tls] of [
      [{ hasStartTls: true }, 'starttls'],
      [{ isTls: true }, 'tls'],
      // Somebody on the way takes the offer away.
      [{ hasStartTls: false }, 'starttls'],
    ] as const) {
      const server = await mailServer({ ...config, auth: ['PLAIN'], user: 'u', password: 'p' });
      const told = await tested(await made(server.port, { tls, user: 'u', password: 'p' }));
      expect(told).toMatchObject({ taken: false, code: 'outbound-unreachable' });
      expect(told.detail).toMatch(/vouches|offers no STARTTLS/);
      expect(server.taken).toEqual([]);
    }
  });

  it('is refused in words: a sender, every recipient, the text, a login that is not known here', async () => {
    for (const [refuse, detail, answer] of [
      [{ 'MAIL FROM': '550 5.7.1 who are you?' }, /the sender with 550/, '550 5.7.1 who are you?'],
      [
        { RCPT: '550 5.1.1 nobody here' },
        /the recipient ann@example.com with 550|bob@example.com with 550/,
        '550 5.1.1 nobody here',
      ],
      [{ DATA: '451 4.3.0 later' }, /the text with 451/, '451 4.3.0 later'],
    ] as const) {
      const server = await mailServer({ refuse });
      const told = await tested(await made(server.port));
      expect(told).toMatchObject({ taken: false, code: 'channel-refused', answer });
      expect(told.detail).toMatch(detail);
    }
    const server = await mailServer({ hasStartTls: true, auth: ['CRAM-MD5'] });
    const told = await tested(await made(server.port, { ...SECURE, user: 'u', password: 'p' }));
    expect(told).toMatchObject({ taken: false, code: 'outbound-unreachable' });
    expect(told.detail).toContain('CRAM-MD5');
  });

  it('tells nothing of the login, whatever a mail server repeats of it, and whenever', async () => {
    const login = { user: 'drover', password: 'pä55-of-the-mail' };
    const plain = Buffer.from(`\0${login.user}\0${login.password}`).toString('base64');
    const [user, password] = [login.user, login.password].map((text) => Buffer.from(text).toString('base64'));
    for (const [auth, refuse, answer] of [
      [['PLAIN'], { 'AUTH PLAIN': `500 5.5.1 Unrecognized command "AUTH PLAIN ${plain}"` }, '500 5.5.1'],
      [['PLAIN'], { 'AUTH PLAIN': `500 Unrecognized command "AUTH PLAIN ${plain.slice(0, 24)}..."` }, '500'],
      [['LOGIN'], { [password!.toUpperCase()]: `535 5.7.8 bad: ${user} ${password}` }, '535 5.7.8'],
      [['PLAIN'], { RCPT: `550 not with ${login.password.toUpperCase()} (${plain})` }, '550 not with ****** (******)'],
      [['LOGIN'], { 'MAIL FROM': `550 not after ${password}` }, '550 not after ******'],
    ] as const) {
      const server = await mailServer({ ...login, hasStartTls: true, auth: [...auth], refuse });
      const told = await tested(await made(server.port, { ...SECURE, ...login }));
      expect(told).toMatchObject({ taken: false, code: 'channel-refused', answer });
    }
  });

  it('to a server that offers what no column holds is on record as not delivered, as is what others are told', async () => {
    const server = await mailServer({
      hasStartTls: true,
      offers: `AUTH \0NUL \u001b]0;title\u0007 ${'Y'.repeat(60_000)} NTLM`,
    });
    const channel = await made(server.port, { ...SECURE, user: 'u', password: 'p' });
    const told = await tested(channel);
    expect(told).toMatchObject({ taken: false, code: 'outbound-unreachable' });
    expect(told.detail).toBe('127.0.0.1 offers no login that is known here (PLAIN, LOGIN): NTLM.');
    await world.rule({ channel, on: ['failed'] });
    await world.channel({ on: ['failed'] });
    await world.ended();
    await world.look();
    const { items } = (await world.call<{ items: object[] }>('GET', '/notices')).body;
    const states = items.map((item) => item as { state: string; detail?: string });
    expect(states.map(({ state, detail }) => [state, detail]).sort()).toEqual([
      ['delivered', undefined],
      ['waiting', told.detail],
    ]);
  });

  it('reaches those recipients that the server takes, and says whom it does not', async () => {
    const server = await mailServer({ refuse: { 'RCPT TO:<ANN': '550 5.1.1 moved away' } });
    const told = await tested(await made(server.port));
    expect(told).toMatchObject({
      taken: true,
      answer: '250 2.0.0 taken as 4711; not for ann@example.com: 550 5.1.1 moved away',
    });
    expect(await arrived(server)).toMatchObject({ to: ['bob@example.com'] });
  });

  it('goes to no server at an address that is not allowed', async () => {
    const server = await mailServer();
    for (const host of ['127.0.0.2', '10.0.0.1', '169.254.169.254', '::1', '::ffff:127.0.0.3'])
      expect(await tested(await made(server.port, { host }))).toMatchObject({
        taken: false,
        code: 'address-not-allowed',
      });
  });

  it('goes in clear to no server but those that the installation has named', async () => {
    const server = await mailServer();
    const allowed = { refusalOf: () => undefined, isNamed: () => false };
    const to = { host: '127.0.0.1', port: server.port, tls: 'none' } as const;
    const sent = smtpSend(createOutbound({ allowed, clock: systemClock }), to, { from: 'a@b', to: TO, content: '' });
    await expect(sent).rejects.toMatchObject({ code: 'address-not-allowed' });
    expect(server.taken).toEqual([]);
  });

  it.each([
    ['speaks no SMTP', (socket: Socket) => void socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['greets without end', (socket: Socket) => void socket.write('220-hello\r\n'.repeat(10_000))],
    ['says one line without end', (socket: Socket) => void socket.write(`220 ${'x'.repeat(200_000)}`)],
    ['hangs up', (socket: Socket) => void socket.end()],
  ])('to what %s is told as not delivered', async (_what, speak) => {
    const server = createServer((socket) => speak(socket.on('error', () => undefined))).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const told = await tested(await made((server.address() as AddressInfo).port));
    expect(told).toMatchObject({ taken: false, code: 'outbound-unreachable' });
    server.close();
  });
});

describe('where a mail goes', () => {
  it('shows no password, and needs it anew with each change', async () => {
    const server = await mailServer();
    const name = await made(server.port, { tls: 'starttls', user: 'drover', password: 's3cr3t-of-the-mail' });
    const shown = await world.call('GET', `/channels/${name}`);
    expect(shown.body).toMatchObject({
      leads: {
        to: TO.join(' '),
        server: `127.0.0.1:${server.port}`,
        tls: 'starttls',
        from: 'drover@example.com',
        user: 'drover',
      },
    });
    expect(JSON.stringify(shown.body)).not.toContain('s3cr3t');
    const rows = await world.api.database.query('SELECT channel::text AS row FROM channel');
    expect(JSON.stringify(rows)).not.toContain('s3cr3t');
  });

  it.each([
    ['a recipient with a line break', { to: ['ann@example.com\r\nRCPT TO:<eve@example.com>'] }],
    ['a recipient that closes its bracket', { to: ['ann@example.com> <eve@example.com'] }],
    ['a sender that is none', { from: 'nobody' }],
    ['a server with a path', { host: 'mail.example/x' }],
    ['a user without a password', { user: 'u' }],
    ['a password without a user', { password: 'p' }],
    ['a password with a line break', { user: 'u', password: 'p\r\nQUIT' }],
    ['spoken to in no way that is known', { tls: 'plain' }],
    ['logged in to in clear', { tls: 'none', user: 'u', password: 'p' }],
  ])('is not %s', async (_what, more) => {
    const endpoint = {
      kind: 'mail',
      host: 'mail.example',
      port: 25,
      tls: 'none',
      from: 'a@example.com',
      to: TO,
      ...more,
    };
    const { status, body } = await world.call('POST', '/channels', { name: 'wrong', endpoint });
    expect([status, body['code']]).toEqual([400, 'bad-input']);
  });

  it('has so many recipients at most', async () => {
    const to = (n: number): string[] => Array.from({ length: n }, (_, i) => `u${i}@example.com`);
    await made(25, { to: to(noticeLimits.channelRecipientsMax) });
    const endpoint = { kind: 'mail', host: 'a.example', port: 25, tls: 'tls', from: 'a@example.com' };
    const { body } = await world.call('POST', '/channels', {
      name: 'many',
      endpoint: { ...endpoint, to: to(noticeLimits.channelRecipientsMax + 1) },
    });
    expect(body).toMatchObject({ code: 'bad-input' });
  });
});
