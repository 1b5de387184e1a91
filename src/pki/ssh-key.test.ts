/** Against keys and certificates that OpenSSH's own tools made: test/fixtures/ssh-keys, used for nothing else. */
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { limits } from '../base/limits.ts';
import { KeyFault } from './openssh-key.ts';
import { inspectCertificate, inspectPrivateKey } from './ssh-key.ts';
import { wireString } from './ssh-wire.ts';

const PASSPHRASE = 'fixture-passphrase';
const read = (name: string): string =>
  readFileSync(new URL(`../../test/fixtures/ssh-keys/${name}`, import.meta.url), 'utf8');
const fingerprints = new Map(
  read('fingerprints.txt')
    .trim()
    .split('\n')
    .map((line) => line.split(' ') as [string, string]),
);
const PLAIN = ['ed25519', 'ecdsa-521', 'rsa', 'ecdsa-pem'];
const ENCRYPTED = ['ed25519-encrypted', 'ecdsa-gcm', 'rsa-cbc', 'rsa-pem', 'rsa-pkcs8'];

async function faultOf(text: string, passphrase?: string): Promise<string> {
  const fault = await inspectPrivateKey(text, passphrase).then(
    () => 'no fault',
    (error: unknown) => error,
  );
  expect(fault).toBeInstanceOf(KeyFault);
  return (fault as KeyFault).message;
}

describe('a private key', () => {
  it.each(PLAIN)('%s is read, and known by the fingerprint that ssh-keygen shows', async (name) => {
    expect(await inspectPrivateKey(read(name), undefined)).toMatchObject({
      fingerprint: fingerprints.get(name),
      text: read(name),
      isPassphraseNeeded: false,
    });
    expect((await inspectPrivateKey(`\n${read(name).replaceAll('\n', '\r\n')}\n\n`, undefined)).text).toBe(read(name));
    expect(await faultOf(read(name), 'x')).toContain('the key has none');
  });

  it.each(ENCRYPTED)('%s opens with its passphrase and no other', async (name) => {
    expect(await inspectPrivateKey(read(name), PASSPHRASE)).toMatchObject({
      fingerprint: fingerprints.get(name),
      isPassphraseNeeded: name !== 'rsa-pkcs8',
    });
    expect(await faultOf(read(name))).toContain('protected by a passphrase');
    for (const wrong of [`${PASSPHRASE} `, 'x'])
      expect(await faultOf(read(name), wrong)).toBe('The passphrase is wrong, or the key is damaged.');
  });

  it('in PKCS #8 comes back in a form that SSH libraries read, and is the same key', async () => {
    const rsa = await inspectPrivateKey(read('rsa-pkcs8'), PASSPHRASE);
    expect(rsa.text).toMatch(/^-----BEGIN RSA PRIVATE KEY-----/);
    const [ed, ec] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ec', { namedCurve: 'P-384' })].map(
      ({ privateKey }) => String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    );
    for (const text of [
      rsa.text,
      ...(await Promise.all([ed!, ec!].map(async (pem) => (await inspectPrivateKey(pem, undefined)).text))),
    ]) {
      const again = await inspectPrivateKey(text, undefined);
      expect(again.text).toBe(text);
    }
    const [before, after] = [
      await inspectPrivateKey(ed!, undefined),
      await inspectPrivateKey((await inspectPrivateKey(ed!, undefined)).text, undefined),
    ];
    expect(after.fingerprint).toBe(before.fingerprint);
    expect(before.text).toMatch(/^-----BEGIN OPENSSH PRIVATE KEY-----/);
  });

  it.each([...PLAIN, 'ed25519-encrypted', 'rsa-pkcs8'])(
    '%s is refused when it is damaged anywhere, with a fault and never a crash',
    async (name) => {
      const text = read(name);
      const body = text.indexOf('\n', text.indexOf('DEK-Info') + 1) + 1;
      for (let at = body; at < text.length - 40; at += 97) {
        const damaged = `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;
        const result = await inspectPrivateKey(damaged, ENCRYPTED.includes(name) ? PASSPHRASE : undefined).then(
          (key) => key.fingerprint,
          (error: unknown) => error,
        );
        if (typeof result !== 'string') expect(result).toBeInstanceOf(KeyFault);
        await inspectPrivateKey(text.slice(0, at), PASSPHRASE).then(
          () => expect.unreachable(),
          (error: unknown) => expect(error).toBeInstanceOf(KeyFault),
        );
      }
    },
  );

  it('of OpenSSH is refused when its halves are of two keys', async () => {
    for (const name of ['ed25519', 'ecdsa-521', 'rsa']) {
      const whole = Buffer.from(read(name).replace(/-----[^-]+-----/g, ''), 'base64');
      const type = name === 'ecdsa-521' ? 'ecdsa-sha2-nistp521' : `ssh-${name}`;
      const shown = whole.indexOf(type) + type.length + 20;
      // A bit of the public half, and one of the last fields of the private half.
      for (const at of [shown, whole.length - 40]) {
        const bytes = Buffer.from(whole);
        bytes[at]! ^= 1;
        expect(
          await faultOf(
            `-----BEGIN OPENSSH PRIVATE KEY-----\n${bytes.toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`,
          ),
        ).toMatch(/^The key is damaged: /);
      }
    }
  });

  it('is derived in as many rounds as there may be, and refused where it takes one more', async () => {
    const bytes = Buffer.from(read('ed25519-encrypted').replace(/-----[^-]+-----/g, ''), 'base64');
    // Behind the salt of sixteen bytes.
    const at = bytes.indexOf(Buffer.from([0, 0, 0, 16])) + 20;
    const withRounds = (rounds: number): string => {
      bytes.writeUInt32BE(rounds, at);
      return `-----BEGIN OPENSSH PRIVATE KEY-----\n${bytes.toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`;
    };
    expect(bytes.readUInt32BE(at)).toBeLessThan(limits.keyDerivationRoundsMax);
    expect(await faultOf(withRounds(limits.keyDerivationRoundsMax), PASSPHRASE)).toContain('passphrase is wrong');
    expect(await faultOf(withRounds(limits.keyDerivationRoundsMax + 1), PASSPHRASE)).toContain('more than 128 rounds');
  });

  it('of a kind that is not supported is told as what it is, with what to do', async () => {
    const pem = (type: 'dsa' | 'ed448' | 'rsa', options: object): string =>
      String(
        (
          generateKeyPairSync as unknown as (
            type: string,
            options: object,
          ) => { privateKey: { export(options: object): string } }
        )(type, options).privateKey.export({ type: 'pkcs8', format: 'pem' }),
      );
    const cases: [string, string | undefined, string][] = [
      [read('ed25519.pub'), undefined, 'This is a public key'],
      ['PuTTY-User-Key-File-3: ssh-ed25519\n', undefined, 'puttygen'],
      ['hello', undefined, 'format of the key is not known'],
      ['', undefined, 'format of the key is not known'],
      ['-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----', undefined, 'This is a certificate'],
      ['-----BEGIN DSA PRIVATE KEY-----\nAA==\n-----END DSA PRIVATE KEY-----', undefined, 'DSA keys are refused'],
      [`${read('ed25519')}and more`, undefined, 'cut off, or has something before or after it'],
      [read('ed25519-chacha'), PASSPHRASE, 'ssh-keygen -p -Z aes256-ctr'],
      [read('ed25519-slow'), PASSPHRASE, 'more than 128 rounds'],
      [pem('ed448', {}), undefined, 'no keys of the type Ed448'],
      [pem('rsa', { modulusLength: 768 }), undefined, '768 bits'],
      [
        '-----BEGIN OPENSSH PRIVATE KEY-----\n' +
          Buffer.concat([
            Buffer.from('openssh-key-v1\0'),
            ...['none', 'none', ''].map(wireString),
            Buffer.from([0, 0, 0, 1]),
            wireString(wireString('sk-ssh-ed25519@openssh.com')),
            wireString(''),
          ]).toString('base64') +
          '\n-----END OPENSSH PRIVATE KEY-----',
        undefined,
        'hardware token',
      ],
    ];
    for (const [text, passphrase, what] of cases) expect(await faultOf(text, passphrase)).toContain(what);
  });
});

describe('a certificate', () => {
  const now = Date.UTC(2026, 0, 1);
  const keyOf = async (name: string): Promise<Buffer> => (await inspectPrivateKey(read(name), undefined)).publicKey;

  it('is read, and must be of the key', async () => {
    expect(inspectCertificate(read('forever-cert.pub'), await keyOf('ed25519'), now)).toMatchObject({
      keyId: 'fixture-id',
      principals: ['ops', 'deploy'],
      validBeforeS: undefined,
    });
    expect(inspectCertificate(read('rsa-cert.pub'), await keyOf('rsa'), now)).toMatchObject({
      keyId: 'rsa-id',
      principals: ['ops'],
      validBeforeS: expect.any(Number) as number,
    });
    expect(inspectCertificate(read('ecdsa-521-cert.pub'), await keyOf('ecdsa-521'), now).keyId).toBe('ec-id');
    expect(() => inspectCertificate(read('rsa-cert.pub'), Buffer.from('x'), now)).toThrow('belongs to another key');
    const other = await keyOf('ed25519');
    other[other.length - 1]! ^= 1;
    expect(() => inspectCertificate(read('forever-cert.pub'), other, now)).toThrow('belongs to another key');
  });

  it('of a host, expired, cut off or of another kind is told as that', async () => {
    const key = await keyOf('ed25519');
    expect(() => inspectCertificate(read('host-cert.pub'), key, now)).toThrow('for a host');
    expect(() => inspectCertificate(read('expired-cert.pub'), key, now)).toThrow('has expired (2021-01-01');
    expect(() => inspectCertificate(read('forever-cert.pub').slice(0, 120), key, now)).toThrow('is damaged');
    expect(() => inspectCertificate(read('ed25519.pub'), key, now)).toThrow('not an OpenSSH user certificate');
    expect(() => inspectCertificate('', key, now)).toThrow(KeyFault);
  });
});
