/** What servers ask of strange machines, over real sockets: nobody gets them to speak to what the installation has not named, by any name. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createTlsServer } from 'node:https';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { othersTurn, systemClock } from '../../src/base/clock.ts';
import type { NameLookups } from '../../src/base/node-names.ts';
import { noticeLimits } from '../../src/base/notice-limits.ts';
import { parseAllowList, type AllowList } from '../../src/outbound/allow-list.ts';
import { createOutbound, type Outbound, type OutboundOptions } from '../../src/outbound/outbound.ts';
import { CertificateAuthority } from '../../src/pki/ca.ts';
import { certificateRequest, newKey } from '../../src/pki/identity.ts';
import { HandClock } from '../support/hand-clock.ts';
import { receiver, type Receiver } from '../support/receiver.ts';
import { until } from '../support/until.ts';

const LOOPBACK = parseAllowList('127.0.0.0/8');
const NOBODY = parseAllowList('');

let far: Receiver;
beforeAll(async () => {
  far = await receiver();
});
afterAll(() => far.end());

/** A name service that answers so, one answer after the other; the last stays. */
function names(...answers: readonly (readonly string[])[]): { names: Pick<NameLookups, 'lookup'>; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    names: {
      lookup(name, _options, callback) {
        asked.push(name);
        const found = answers[Math.min(asked.length, answers.length) - 1]!;
        callback(
          null,
          found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
        );
      },
    },
  };
}

function outbound(allowed: AllowList, more: Partial<OutboundOptions> = {}): Outbound {
  return createOutbound({ allowed, clock: systemClock, ...more });
}

const get = (url: string, more = {}) => ({ method: 'GET' as const, url, headers: {}, ...more });

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'done',
    (error: { code?: unknown }) => error.code,
  );
}

describe('a strange machine', () => {
  it.each([
    '127.0.0.1',
    'localhost',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[64:ff9b::7f00:1]',
    '0.0.0.0',
    '[::]',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '169.254.169.254',
    '[fe80::1]',
    '[fd00:ec2::254]',
    '224.0.0.1',
    '255.255.255.255',
    '[2002:7f00:1::]',
  ])('at %s is not spoken to, with TLS or without', async (host) => {
    const before = far.received.length;
    for (const protocol of ['http', 'https'])
      expect(await codeOf(outbound(NOBODY).request(get(`${protocol}://${host}:${far.port}/`)))).toBe(
        'address-not-allowed',
      );
    expect(await codeOf(outbound(NOBODY).dial({ host: host.replace(/[[\]]/g, ''), port: far.port }))).toMatch(
      // Mail takes a server's name as it is: what no system reads as an address is looked up, and leads nowhere.
      /^(address-not-allowed|outbound-unreachable)$/,
    );
    expect(far.received).toHaveLength(before);
  });

  it('is spoken to where the installation has named it', async () => {
    const answer = await outbound(LOOPBACK).request(get(`${far.url}/a?b=c`));
    expect([answer.status, answer.body.toString(), answer.isCut]).toEqual([200, 'ok', false]);
    expect(far.received.at(-1)!.url.href).toBe(`${far.url}/a?b=c`);
  });

  it('is not spoken to by a name that leads there, and no refusal tells where the name leads', async () => {
    const service = names(['10.20.30.40']);
    const refused = outbound(NOBODY, service).request(get('https://inner.example/'));
    await expect(refused).rejects.toMatchObject({ code: 'address-not-allowed' });
    await expect(refused).rejects.not.toThrow(/10\.20/);
  });

  it('is refused in the same words wherever its name leads; of an address it is told what everybody sees', async () => {
    const said = async (host: string, address: string): Promise<string> => {
      const refused = outbound(NOBODY, names([address])).request(get(`https://${host}/`));
      return refused.then(
        () => 'asked',
        (error: { code: string; detail: string }) => `${error.code}: ${error.detail}`,
      );
    };
    const inner = ['10.20.30.40', '127.0.0.9', '100.64.0.1', '169.254.169.254', '169.254.1.1', '224.0.0.1', '0.0.0.1'];
    const words: string[] = [];
    for (const address of inner) words.push(await said('inner.example', address));
    expect(new Set(words)).toEqual(
      new Set([
        'address-not-allowed: inner.example leads where this server speaks to nobody unless the installation names it ' +
          'in DROVER_OUTBOUND_ALLOW.',
      ]),
    );
    expect(await said('10.20.30.40', '10.20.30.40')).toContain('10.20.30.40 is of a private network, where');
    expect(await said('127.0.0.9', '127.0.0.9')).toContain('127.0.0.9 is this machine itself, where');
  });

  it('is looked up once, and dialled at that very address: a name that leads elsewhere a moment later leads nowhere', async () => {
    const service = names(['127.0.0.1'], ['127.0.0.9']);
    const only = parseAllowList('127.0.0.1');
    const answer = await outbound(only, service).request(get(`http://rebinding.example:${far.port}/x`));
    expect(answer.status).toBe(200);
    expect(service.asked).toEqual(['rebinding.example']);
    expect(far.received.at(-1)!.headers.host).toBe(`rebinding.example:${far.port}`);
    expect(await codeOf(outbound(only, service).request(get(`http://rebinding.example:${far.port}/y`)))).toBe(
      'address-not-allowed',
    );
    expect(far.received.at(-1)!.url.pathname).toBe('/x');
  });

  it('of several addresses is dialled at those alone that it may be spoken to at', async () => {
    const service = names(['127.0.0.9', '::1', '127.0.0.1']);
    const answer = await outbound(parseAllowList('127.0.0.1'), service).request(get(`http://two.example:${far.port}/`));
    expect(answer.status).toBe(200);
  });

  it('of several addresses is found at one that answers, though another takes no connection and refuses none', async () => {
    // A process that stands still takes as many connections as its queue holds; who comes then hears nothing.
    const listen = `require('net').createServer().listen({ host: '127.0.0.9', port: ${far.port}, backlog: 1 }, () => console.log('ready'))`;
    const child = spawn(process.execPath, ['-e', listen], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    child.kill('SIGSTOP');
    const waiting = Array.from({ length: 8 }, () => connect(far.port, '127.0.0.9').on('error', () => undefined));
    try {
      await until('the queue to be full', () => waiting.filter(({ connecting }) => !connecting).length >= 2);
      const service = names(['127.0.0.9', '127.0.0.1']);
      const answer = await outbound(LOOPBACK, service).request(get(`http://two.example:${far.port}/`));
      expect(answer.status).toBe(200);
    } finally {
      for (const socket of waiting) socket.destroy();
      child.kill('SIGKILL');
    }
  });

  it('that leads elsewhere is not followed', async () => {
    far.answer = (response) => void response.writeHead(302, { location: `${far.url}/secret` }).end();
    const before = far.received.length;
    const answer = await outbound(LOOPBACK).request(get(`${far.url}/first`));
    far.answer = (response) => void response.end('ok');
    expect([answer.status, answer.headers['location']]).toEqual([302, `${far.url}/secret`]);
    expect(far.received).toHaveLength(before + 1);
  });

  it('is spoken to in clear only where the installation has named it', async () => {
    const everywhere: AllowList = { refusalOf: () => undefined, isNamed: () => false };
    const before = far.received.length;
    expect(await codeOf(outbound(everywhere).request(get(far.url)))).toBe('address-not-allowed');
    expect(far.received).toHaveLength(before);
  });

  it.each([
    'ftp://127.0.0.1/',
    'file:///etc/passwd',
    'https://user:secret@127.0.0.1/',
    'nonsense',
    'https://127.0.0.1/#x',
    'gopher://x/',
  ])('is not asked for by %s, and the refusal does not repeat it', async (url) => {
    const refused = (async () => outbound(LOOPBACK).request(get(url)))();
    await expect(refused).rejects.toMatchObject({ code: 'bad-input' });
    await expect(refused).rejects.not.toThrow(/secret|passwd/);
  });

  it('that is not there, or says nothing at all, is told so', async () => {
    const gone = createServer().listen(0, '127.0.0.1');
    await once(gone, 'listening');
    const { port } = gone.address() as AddressInfo;
    await new Promise((resolve) => gone.close(resolve));
    await expect(outbound(LOOPBACK).request(get(`http://127.0.0.1:${port}/`))).rejects.toMatchObject({
      code: 'outbound-unreachable',
      detail: expect.stringContaining('nothing listens') as unknown,
    });
    const deaf: NonNullable<OutboundOptions['names']> = { lookup: () => undefined };
    expect(await codeOf(outbound(LOOPBACK, { names: deaf, withinMs: 50 }).request(get('https://a.example/')))).toBe(
      'outbound-timeout',
    );
  });
});

it('has so long in all, and not longer', async () => {
  const clock = new HandClock();
  const silent: NonNullable<OutboundOptions['names']> = { lookup: () => undefined };
  let code: unknown;
  const asked = codeOf(outbound(LOOPBACK, { clock, names: silent }).request(get('https://a.example/'))).then((told) => {
    code = told;
  });
  clock.advance(noticeLimits.outboundMsMax - 1);
  await othersTurn();
  expect(code).toBeUndefined();
  clock.advance(1);
  await asked;
  expect(code).toBe('outbound-timeout');
});

describe('an answer', () => {
  /** Says what it is told to, whatever it is asked. */
  async function speaker(
    speak: (write: (text: string | Buffer) => boolean, end: () => void) => void,
  ): Promise<Server & { url: string }> {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () =>
        speak(
          (text) => !socket.destroyed && socket.write(text),
          () => socket.end(),
        ),
      );
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return Object.assign(server, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` });
  }

  it('is read up to a bound, and says that it is cut', async () => {
    for (const [bytes, isCut] of [
      [noticeLimits.outboundAnswerBytesMax, false],
      [noticeLimits.outboundAnswerBytesMax + 1, true],
      [50 * noticeLimits.outboundAnswerBytesMax, true],
    ] as const) {
      far.answer = (response) => void response.end(Buffer.alloc(bytes, 'x'));
      const answer = await outbound(LOOPBACK).request(get(far.url));
      expect([answer.body.length, answer.isCut]).toEqual([noticeLimits.outboundAnswerBytesMax, isCut]);
    }
    far.answer = (response) => void response.end('ok');
  });

  it.each([
    [
      'heads without end',
      (write: (text: string) => boolean) => {
        write('HTTP/1.1 200 OK\r\n');
        for (let i = 0; i < 2_000; i++) write(`x-${i}: ${'y'.repeat(100)}\r\n`);
      },
      'outbound-unreachable',
    ],
    ['no HTTP', (write: (text: string) => boolean) => void write('220 mail.example ESMTP\r\n'), 'outbound-unreachable'],
    [
      'half an answer',
      (write: (text: string) => boolean, end: () => void) => {
        write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf');
        end();
      },
      'outbound-unreachable',
    ],
  ] as const)('that is %s is told as none', async (_what, speak, code) => {
    const server = await speaker(speak);
    expect(await codeOf(outbound(LOOPBACK).request(get(server.url)))).toBe(code);
    server.close();
  });

  it('that comes drop by drop ends with the time for all of it', async () => {
    const server = await speaker((write) => {
      write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n');
      const drop = (): void => {
        if (write('x')) systemClock.after(10, drop, { unref: true });
      };
      drop();
    });
    expect(await codeOf(outbound(LOOPBACK, { withinMs: 200 }).request(get(server.url)))).toBe('outbound-timeout');
    server.close();
  });

  it('over TLS counts from whom an authority vouches for, by the name that was asked for', async () => {
    const authority = await CertificateAuthority.load(await CertificateAuthority.create(systemClock.nowMs()));
    const key = newKey();
    const signed = await authority.sign(
      {
        csr: certificateRequest(key),
        id: 'far',
        role: 'server',
        lifetimeMs: 60_000,
        names: ['far.example', '127.0.0.1'],
      },
      systemClock.nowMs(),
    );
    const server = createTlsServer({ key, cert: signed!.certificate }, (_request, response) =>
      response.end('safe'),
    ).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const ask = (host: string, authorities?: string): Promise<unknown> =>
      outbound(LOOPBACK, names(['127.0.0.1']))
        .request(get(`https://${host}:${port}/`, authorities === undefined ? {} : { authorities }))
        .then(
          ({ body }) => body.toString(),
          (error: { code: string; detail: string }) => `${error.code}: ${error.detail}`,
        );
    expect(await ask('far.example', authority.certificate)).toBe('safe');
    expect(await ask('127.0.0.1', authority.certificate)).toBe('safe');
    expect(await ask('far.example')).toMatch(/^outbound-unreachable: .*vouches/);
    expect(await ask('other.example', authority.certificate)).toMatch(/^outbound-unreachable: .*another name/);
    server.close();
  });
});
