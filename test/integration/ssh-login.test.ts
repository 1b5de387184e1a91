/** Every way to log in, and every way in which it fails, against real sshd. */
import { execFileSync, spawn } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { DroverError } from '../../src/base/errors.ts';
import { limits } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { runBriefly, shellFault } from '../../src/engines/ssh/remote/shell-probe.ts';
import { SshPool } from '../../src/engines/ssh/connection/ssh-pool.ts';
import type { SshCredential, SshHop } from '../../src/protocol/link/ssh-access.ts';
import { accessOf, SshWorld, type KeyPair, type Sshd } from '../support/sshd.ts';
import { listenWith, type Proxy } from '../support/ssh-proxy.ts';
import { requiring } from '../support/needs.ts';

requiring('sshd').describe('logging in', () => {
  let world: SshWorld;
  let sshd: Sshd;
  let keys: Record<'rsa' | 'ecdsa' | 'locked' | 'pemRsa' | 'pemEcdsa' | 'pkcs8', KeyPair>;
  beforeAll(async () => {
    world = new SshWorld();
    keys = {
      rsa: world.makeKey('rsa'),
      ecdsa: world.makeKey('ecdsa'),
      locked: world.makeKey('ed25519', { passphrase: 'right one' }),
      pemRsa: world.makeKey('rsa', { format: 'PEM', passphrase: 'right one' }),
      pemEcdsa: world.makeKey('ecdsa', { format: 'PEM' }),
      pkcs8: world.makeKey('rsa', { format: 'PKCS8', passphrase: 'right one' }),
    };
    sshd = await world.start({ keys: Object.values(keys) });
  });
  afterAll(() => world.end());

  async function withShell<T>(hop: SshHop, work: (pool: SshPool) => Promise<T>): Promise<T> {
    const pool = new SshPool({
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      recordHostKey: async () => 'recorded',
      access: async () => accessOf(hop),
    });
    try {
      return await work(pool);
    } finally {
      pool.stop();
    }
  }
  const whoAmI = (hop: SshHop): Promise<string> =>
    withShell(hop, async (pool) =>
      (await runBriefly((await pool.shell({ hostId: 'h' })).shell, 'id -un', '', systemClock)).stdout!.trim(),
    );
  const fault = (hop: SshHop): Promise<unknown> =>
    whoAmI(hop).then(
      (who) => who,
      (error: unknown) => error,
    );
  const hopWith = (...credentials: SshCredential[]): SshHop => world.hop(sshd, { credentials });

  it('takes Ed25519, RSA and ECDSA keys, OpenSSH, PEM and PKCS#8, with and without passphrase', async () => {
    for (const [name, key] of Object.entries(keys)) {
      const passphrase = ['locked', 'pemRsa', 'pkcs8'].includes(name) ? { passphrase: 'right one' } : {};
      expect([name, await whoAmI(hopWith(world.credential(key, passphrase)))]).toEqual([name, world.user]);
    }
  });

  it('takes Ed25519 keys as PKCS#8, as openssl makes them', async () => {
    const path = join(world.folder, 'openssl-key');
    execFileSync('openssl', ['genpkey', '-algorithm', 'ed25519', '-out', path]);
    const {
      default: { utils },
    } = await import('ssh2');
    const { usableKey } = await import('../../src/engines/ssh/connection/private-key.ts');
    const { readFileSync } = await import('node:fs');
    const usable = usableKey({ name: 'k', privateKey: readFileSync(path, 'utf8') });
    const key = 'key' in usable ? usable.key : expect.fail(usable.detail);
    const pub = utils.parseKey(`ssh-ed25519 ${key.getPublicSSH().toString('base64')}`);
    expect(pub instanceof Error ? pub : pub.verify('data', key.sign('data'))).toBe(true);
  });

  it('logs in with user certificates of every kind of key', async () => {
    const ca = world.makeKey('ed25519');
    const trusting = await world.start({ lines: [`TrustedUserCAKeys ${ca.path}.pub`] });
    for (const type of ['ed25519', 'rsa', 'ecdsa'] as const) {
      const key = world.makeKey(type);
      execFileSync('ssh-keygen', ['-q', '-s', ca.path, '-I', 'test', '-n', world.user, `${key.path}.pub`]);
      const certificate = execFileSync('cat', [`${key.path}-cert.pub`], { encoding: 'utf8' });
      const got = await fault(world.hop(trusting, { credentials: [world.credential(key, { certificate })] }));
      expect([type, got]).toEqual([type, world.user]);
      expect(await fault(world.hop(trusting, { credentials: [world.credential(key)] }))).toMatchObject({
        code: 'ssh-auth-failed',
      });
      expect(
        await fault(world.hop(trusting, { credentials: [world.credential(world.makeKey(type), { certificate })] })),
      ).toMatchObject({ code: 'ssh-key-unreadable', detail: expect.stringContaining('another key') });
    }
  });

  it('logs in with an ssh-agent, and goes on without one that is not there', async () => {
    const socket = join(world.folder, 'agent');
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] });
    await new Promise((resolve) => agent.stdout.once('data', resolve));
    execFileSync('ssh-add', ['-q', world.userKey.path], {
      env: { ...process.env, SSH_AUTH_SOCK: socket },
      stdio: 'ignore',
    });
    expect(await whoAmI(hopWith({ kind: 'agent', name: 'a', socket }))).toBe(world.user);
    agent.kill();
    expect(await whoAmI(hopWith({ kind: 'agent', name: 'a', socket: '/no/such/socket' }, world.credential()))).toBe(
      world.user,
    );
    const error = (await fault(hopWith({ kind: 'agent', name: 'mine', socket: '/no/such/socket' }))) as DroverError;
    expect([error.code, error.detail]).toEqual([
      'ssh-auth-failed',
      expect.stringMatching(
        /Tried: nothing\. ssh-agent "mine" could not be tried: the socket "\/no\/such\/socket" on the worker's machine/,
      ),
    ]);
    expect(error.detail).not.toContain('authorized_keys');
    // Of two, the host has looked at one.
    const wrong = { ...world.credential(world.makeKey('ed25519')), name: 'wrong' } as SshCredential;
    expect(await fault(hopWith(wrong, { kind: 'agent', name: 'mine', socket: '/no/such/socket' }))).toMatchObject({
      detail: expect.stringMatching(
        /Tried: key "wrong" \([^)]*\)\. ssh-agent "mine" could not be tried.*authorized_keys/,
      ),
    });
  });

  it('tells a wrong passphrase, a missing one, and keys that it cannot read, before it dials', async () => {
    const nobody = { address: '127.0.0.1', port: 1 };
    const told = (credential: SshCredential): Promise<unknown> =>
      fault(world.hop(nobody, { credentials: [credential] }));
    for (const key of [keys.locked, keys.pemRsa, keys.pkcs8]) {
      expect(await told(world.credential(key, { passphrase: 'wrong one' }))).toMatchObject({
        code: 'ssh-key-passphrase',
        detail: expect.stringContaining('right passphrase'),
      });
      expect(await told(world.credential(key))).toMatchObject({ code: 'ssh-key-passphrase' });
    }
    for (const privateKey of [
      'not a key',
      keys.rsa.text.slice(0, 200),
      'PuTTY-User-Key-File-3: ssh-ed25519\n',
      keys.rsa.publicLine,
    ]) {
      expect(await told({ kind: 'key', name: 'deploy', privateKey })).toMatchObject({
        code: 'ssh-key-unreadable',
        detail: expect.stringContaining('"deploy"'),
      });
    }
    expect(
      await told(world.credential(keys.locked, { passphrase: 'wrong one' })).then((error) => JSON.stringify(error)),
    ).not.toContain('wrong one');
  });

  it('tries what it has in order, and names all of it when nothing is taken', async () => {
    const [first, second] = [world.makeKey('ed25519'), world.makeKey('ecdsa')];
    expect(await whoAmI(hopWith(world.credential(first), world.credential(second), world.credential()))).toBe(
      world.user,
    );
    const error = await fault(
      hopWith(
        { ...world.credential(first), name: 'one' } as SshCredential,
        { kind: 'password', name: 'pw', password: 'secret-thing' },
        { ...world.credential(second), name: 'two' } as SshCredential,
      ),
    );
    expect(error).toMatchObject({
      code: 'ssh-auth-failed',
      detail: expect.stringMatching(
        /Tried: key "one" \(SHA256:.*key "two" \(SHA256:.*Not tried.*password "pw".*takes publickey/,
      ),
    });
    expect(String((error as Error).message)).not.toContain('secret-thing');
  });

  it('says of a kind that the host does not take only that', async () => {
    const error = (await fault(
      hopWith({ kind: 'keyboard-interactive', name: 'pin', password: 'secret-thing' }),
    )) as DroverError;
    expect(error.detail).toMatch(
      /Tried: nothing\. Not tried, because the host does not take that kind: keyboard-interactive "pin"\. The host takes publickey\. Give the account a credential of a kind that the host takes\.$/,
    );
    const wrong = { ...world.credential(world.makeKey('ed25519')), name: 'wrong' } as SshCredential;
    const both = (await fault(
      hopWith({ kind: 'keyboard-interactive', name: 'pin', password: 'secret-thing' }, wrong),
    )) as DroverError;
    expect(both.detail).toMatch(
      /Tried: key "wrong" \([^)]*\)\. Not tried.*: keyboard-interactive "pin"\..*authorized_keys/,
    );
  });

  it('says of an ssh-agent without keys that it had none', async () => {
    const socket = join(world.folder, 'empty-agent');
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] });
    await new Promise((resolve) => agent.stdout.once('data', resolve));
    const error = await fault(hopWith({ kind: 'agent', name: 'empty', socket })).finally(() => agent.kill());
    expect(error).toMatchObject({
      detail: expect.stringMatching(/Tried: nothing\. ssh-agent "empty" had nothing to offer/),
    });
  });

  it('tells a server that hangs up during the login, with what it said', async () => {
    const few = await world.start({ lines: ['MaxAuthTries 1'] });
    const error = await fault(
      world.hop(few, {
        credentials: [world.credential(world.makeKey('ed25519')), world.credential(world.makeKey('ecdsa'))],
      }),
    );
    expect(error).toMatchObject({
      code: 'ssh-auth-failed',
      detail: expect.stringContaining('Too many authentication failures'),
    });
  });

  /** In front of a server: cuts a connection once the login is under way and the client says what `isIt`, with how often it has spoken. Says how often. */
  async function cuttingProxy(
    behind: Sshd,
    isIt: (spoken: number, bytes: Buffer) => boolean,
    cutsMax = Number.POSITIVE_INFINITY,
  ): Promise<Proxy & { cuts(): number }> {
    let cuts = 0;
    const proxy = await listenWith((socket) => {
      const server = connect(behind.port, behind.address);
      let [isEncrypted, spoken, held] = [false, 0, ''];
      server
        .on('error', () => undefined)
        .on('close', () => socket.destroy())
        .pipe(socket);
      socket.on('close', () => server.destroy());
      socket.on('data', (bytes) => {
        held += bytes.toString('latin1');
        // NEWKEYS: a packet of that one byte, the last that is not encrypted. What follows is the request to log in, and its credentials.
        if (isEncrypted) spoken++;
        isEncrypted ||= /\x00\x00\x00\x0c\x0a\x15/.test(held);
        if (!isEncrypted || !isIt(spoken, bytes) || cuts >= cutsMax) return server.write(bytes);
        cuts++;
        socket.destroy();
      });
    });
    return Object.assign(proxy, { cuts: () => cuts });
  }

  it('tells a line that is cut during the login as that, and tries it again', async () => {
    const dead = await cuttingProxy(sshd, (spoken) => spoken === 2);
    expect(await fault(world.hop(dead))).toMatchObject({
      code: 'ssh-lost',
      detail: expect.stringMatching(/during the login.*not answered yet to key "test"/),
    });
    expect(dead.cuts()).toBe(1 + limits.sshCutLoginTriesMax);
    const bad = await cuttingProxy(sshd, (spoken) => spoken === 2, 2);
    expect(await whoAmI(world.hop(bad))).toBe(world.user);
    expect(bad.cuts()).toBe(2);
    await Promise.all([dead.stop(), bad.stop()]);
  });

  it('does not go on by itself where a credential was refused before the line went, or a password is under way', async () => {
    const proxy = await cuttingProxy(sshd, (spoken) => spoken === 3);
    const credentials = [
      { ...world.credential(world.makeKey('ed25519')), name: 'old' } as SshCredential,
      world.credential(),
    ];
    expect(await fault(world.hop(proxy, { credentials }))).toMatchObject({
      code: 'ssh-lost',
      detail: expect.stringMatching(/had refused key "old"/),
    });
    expect(proxy.cuts()).toBe(1);
    const asking = await world.start({ lines: ['PasswordAuthentication yes'] });
    // Long, so that it is known by its length.
    const password = 'secret-thing'.repeat(200);
    const other = await cuttingProxy(asking, (_, bytes) => bytes.length > password.length);
    expect(await fault(world.hop(other, { credentials: [{ kind: 'password', name: 'pw', password }] }))).toMatchObject({
      code: 'ssh-lost',
      detail: expect.stringMatching(/not answered yet to password "pw"/),
    });
    expect(other.cuts()).toBe(1);
    await Promise.all([proxy.stop(), other.stop()]);
  });

  it("names the algorithms when there is none in common, and takes those of the host's own list", async () => {
    const old = await world.start({ lines: ['KexAlgorithms diffie-hellman-group14-sha1'] });
    expect(await fault(world.hop(old))).toMatchObject({ code: 'ssh-no-common-algorithm' });
    expect(await whoAmI(world.hop(old, { algorithms: { kex: ['diffie-hellman-group14-sha1'] } }))).toBe(world.user);
    expect(await fault(world.hop(old, { algorithms: { kex: ['rot13'] } }))).toMatchObject({
      code: 'ssh-no-common-algorithm',
      detail: expect.stringContaining('rot13'),
    });
  });

  it('says so when a login does not end', async () => {
    let passed = 0;
    const stalling = await listenWith((socket) => {
      const behind = connect(sshd.port, sshd.address);
      behind.on('error', () => undefined);
      socket.pipe(behind);
      behind.on('data', (bytes) => {
        // The greeting and no more, in however many pieces it comes.
        if (passed < 60) socket.write(bytes.subarray(0, 60 - passed));
        passed += bytes.length;
      });
    });
    const pool = new SshPool({
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      recordHostKey: async () => 'recorded',
      access: async () => accessOf(world.hop(stalling)),
      dial: { handshakeMs: 3_000 },
    });
    await expect(pool.shell({ hostId: 'h' })).rejects.toMatchObject({
      code: 'ssh-timeout',
      detail: expect.stringContaining('key exchange'),
    });
    pool.stop();
    await stalling.stop();
  });

  requiring('root').describe('as users made for it', () => {
    it('logs in with passwords, asked for either way', async () => {
      const user = world.makeUser({ password: 'correct horse' });
      const byPassword = await world.start({ lines: ['PasswordAuthentication yes'] });
      expect(
        await whoAmI(
          world.hop(byPassword, { user, credentials: [{ kind: 'password', name: 'pw', password: 'correct horse' }] }),
        ),
      ).toBe(user);
      expect(
        await fault(
          world.hop(byPassword, { user, credentials: [{ kind: 'password', name: 'pw', password: 'wrong' }] }),
        ),
      ).toMatchObject({ code: 'ssh-auth-failed' });
      const both = await world.start({
        lines: ['PasswordAuthentication yes', 'AuthenticationMethods publickey,password'],
      });
      expect(
        await whoAmI(
          world.hop(both, {
            user,
            credentials: [{ kind: 'password', name: 'pw', password: 'correct horse' }, world.credential()],
          }),
        ),
      ).toBe(user);
      const asking = await world.start({ lines: ['UsePAM yes', 'KbdInteractiveAuthentication yes'] });
      expect(
        await whoAmI(
          world.hop(asking, {
            user,
            credentials: [{ kind: 'keyboard-interactive', name: 'k', password: 'correct horse' }],
          }),
        ),
      ).toBe(user);
      expect(
        await whoAmI(
          world.hop(asking, { user, credentials: [{ kind: 'password', name: 'pw', password: 'correct horse' }] }),
        ),
      ).toBe(user);
      expect(
        await fault(
          world.hop(asking, { user, credentials: [{ kind: 'keyboard-interactive', name: 'k', password: 'wrong' }] }),
        ),
      ).toMatchObject({ code: 'ssh-auth-failed' });
    });

    const shellFaultOf = (hop: SshHop): Promise<unknown> =>
      withShell(hop, async (pool) => shellFault((await pool.shell({ hostId: 'h' })).shell, hop, systemClock)).catch(
        (error: unknown) => error,
      );

    it('names an expired password, whether the host says so at the login or after it', async () => {
      const user = world.makeUser({ password: 'correct horse' });
      execFileSync('chage', ['-d', '0', user]);
      const plain = await world.start({ lines: ['PasswordAuthentication yes'] });
      expect(
        await shellFaultOf(
          world.hop(plain, { user, credentials: [{ kind: 'password', name: 'pw', password: 'correct horse' }] }),
        ),
      ).toMatchObject({ code: 'ssh-password-expired' });
      const asking = await world.start({ lines: ['UsePAM yes', 'KbdInteractiveAuthentication yes'] });
      expect(
        await shellFaultOf(
          world.hop(asking, {
            user,
            credentials: [{ kind: 'keyboard-interactive', name: 'k', password: 'correct horse' }],
          }),
        ),
      ).toMatchObject({ code: 'ssh-password-expired' });
    });

    it('says what PAM said of an account that has expired, though sshd hangs up without a word', async () => {
      const user = world.makeUser({ password: 'correct horse' });
      execFileSync('chage', ['-E', '1', user]);
      const asking = await world.start({ lines: ['UsePAM yes', 'PasswordAuthentication yes'] });
      expect(await fault(world.hop(asking, { user }))).toMatchObject({
        code: 'ssh-auth-failed',
        detail: expect.stringMatching(/expired/),
      });
      expect(
        await fault(
          world.hop(asking, { user, credentials: [{ kind: 'password', name: 'pw', password: 'correct horse' }] }),
        ),
      ).toMatchObject({ code: 'ssh-auth-failed' });
    });

    it('says that a locked account looks like a wrong key from outside', async () => {
      const user = world.makeUser();
      execFileSync('usermod', ['-L', user]);
      expect(await fault(world.hop(sshd, { user }))).toMatchObject({
        code: 'ssh-auth-failed',
        detail: expect.stringContaining('locked'),
      });
    });

    it('names shells that run nothing, and what a forced command said', async () => {
      for (const shell of ['/bin/false', '/usr/sbin/nologin']) {
        expect(await shellFaultOf(world.hop(sshd, { user: world.makeUser({ shell }) }))).toMatchObject({
          code: 'ssh-no-shell',
          detail: expect.stringContaining('chsh'),
        });
      }
      const forced = await world.start({ lines: ['ForceCommand echo only backups here'] });
      expect(await shellFaultOf(world.hop(forced))).toMatchObject({
        code: 'ssh-no-shell',
        detail: expect.stringContaining('only backups here'),
      });
    });
  });
});
