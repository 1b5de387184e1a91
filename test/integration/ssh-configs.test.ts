/** ssh_config files read by us and by ssh(1) itself (`ssh -G`): address, port, user, key file and jump host of every host are equal. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2/lib/protocol/constants.js';
import { afterAll, describe, expect, it } from 'vitest';
import { readInventory } from '../../src/cli/hosts/import/read-inventory.ts';
import { jumpFromProxyCommand, jumpFromProxyJump } from '../../src/domain/inventory/jump-argument.ts';
import { SSH_OPTIONS } from '../../src/domain/inventory/ssh-options.ts';
import { SSH_ALGORITHMS } from '../../src/domain/inventory/ssh-algorithms.ts';
import { requiring } from '../support/needs.ts';
import { sshConfigs } from '../support/ssh-configs.ts';

const folder = mkdtempSync(join(tmpdir(), 'drover-ssh-configs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The options of a host as ssh prints them, the first of each. */
function reference(config: string, name: string): Map<string, string> {
  const options = new Map<string, string>();
  for (const line of execFileSync('ssh', ['-F', config, '-G', name], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).split('\n')) {
    const [, key, value] = /^(\S+) (.*)$/.exec(line) ?? [];
    if (key !== undefined && !options.has(key)) options.set(key, value!);
  }
  return options;
}

function jumpOf(options: ReadonlyMap<string, string>): string | undefined {
  const [jump, command] = [options.get('proxyjump'), options.get('proxycommand')];
  return jump !== undefined ? jumpFromProxyJump(jump).jumpHost : jumpFromProxyCommand(command ?? 'none').jumpHost;
}

/** Younger than the ssh of some systems that these tests run on, or of one of them alone. */
const LATER = [
  'channeltimeout',
  'obscurekeystroketiming',
  'refuseconnection',
  'tag',
  'versionaddendum',
  'warnweakcrypto',
];

requiring('ssh').describe('an ssh_config', () => {
  it.each(Object.keys(sshConfigs))('%s', (title) => {
    const own = join(folder, title.replaceAll(/\W+/g, '-'));
    mkdirSync(own);
    for (const [name, text] of Object.entries(sshConfigs[title]!))
      writeFileSync(join(own, name), text.replaceAll('FOLDER', own));
    const { hosts, faults } = readInventory(join(own, 'config'), 'ssh-config', {});
    expect(faults).toEqual([]);
    expect(hosts.length).toBeGreaterThan(0);
    for (const host of hosts) {
      const options = reference(join(own, 'config'), host.name);
      const identity = options.get('identityfile');
      expect([
        title,
        host.name,
        host.address,
        host.port ?? 22,
        host.loginUser ?? userInfo().username,
        host.jumpHost,
      ]).toEqual([
        title,
        host.name,
        options.get('hostname'),
        Number(options.get('port')),
        options.get('user'),
        jumpOf(options),
      ]);
      expect(host.identityFile ?? identity).toBe(identity);
    }
  });
});

requiring('ssh').describe('the options of an ssh_config', () => {
  const config = join(folder, 'options');
  /** Those that ssh says it does not know. */
  const unknownOf = (text: string): string[] => {
    writeFileSync(config, text);
    const { stderr } = spawnSync('ssh', ['-F', config, '-G', 'a'], { encoding: 'utf8' });
    return [...stderr.matchAll(/Bad configuration option: (\S+)/g)].map(([, key]) => key!);
  };

  it('are those that ssh knows itself, but for those of later versions', () => {
    const unknown = unknownOf(SSH_OPTIONS.map((key) => `${key} x\n`).join(''));
    expect(LATER).toEqual(expect.arrayContaining(unknown));
    const printed = execFileSync('ssh', ['-F', '/dev/null', '-G', 'a'], { encoding: 'utf8' });
    for (const [, key] of printed.matchAll(/^(\S+) /gm)) expect(SSH_OPTIONS).toContain(key!.toLowerCase());
  });

  it.each([
    'Host a\n  Prot 22\n',
    'Host b\n  Prot 22\nHost a\n',
    'IgnoreUnknown Prot,x*\nHost a\n  Prot 22\n  xyz 1\n',
    'Host a\n  Prot 22\nIgnoreUnknown Prot\n',
    'Host b\n  IgnoreUnknown prot\nHost a\n  Prot 22\n',
    'IgnoreUnknown no\nIgnoreUnknown prot\nHost a\n  Prot 22\n',
    'IgnoreUnknown p*,!prot\nHost a\n  Prot 22\n  PQR 1\n',
  ])('are told where ssh refuses them: %j', (text) => {
    const expected = unknownOf(text);
    const { remarks } = readInventory(config, 'ssh-config', {});
    expect(remarks.map(({ detail }) => detail.split(' ')[0]!.toLowerCase())).toEqual(expected);
  });
});

describe('the algorithms that hosts may be given', () => {
  it('are those that the SSH library has, but for the group exchange', () =>
    expect(Object.values(SSH_ALGORITHMS).map((names) => names.toSorted())).toEqual(
      [ssh2.SUPPORTED_KEX, ssh2.SUPPORTED_CIPHER, ssh2.SUPPORTED_SERVER_HOST_KEY, ssh2.SUPPORTED_MAC].map((names) =>
        names.filter((name) => !name.includes('group-exchange')).toSorted(),
      ),
    ));
});
