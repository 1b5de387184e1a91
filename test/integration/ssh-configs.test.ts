/** ssh_config files read by us and by ssh(1) itself (`ssh -G`): address, port, user, key file and jump host of every host are equal. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2/lib/protocol/constants.js';
import { afterAll, describe, expect, it } from 'vitest';
import { readInventory } from '../../src/cli/hosts/import/read-inventory.ts';
import { jumpFromProxyCommand, jumpFromProxyJump } from '../../src/domain/inventory/jump-argument.ts';
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

describe('the algorithms that hosts may be given', () => {
  it('are those that the SSH library has', () =>
    expect(Object.values(SSH_ALGORITHMS).map((names) => names.toSorted())).toEqual(
      [ssh2.SUPPORTED_KEX, ssh2.SUPPORTED_CIPHER, ssh2.SUPPORTED_SERVER_HOST_KEY, ssh2.SUPPORTED_MAC].map((names) =>
        names.toSorted(),
      ),
    ));
});
