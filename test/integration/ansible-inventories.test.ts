/** Ansible inventories as people write them, read by us and by ansible-core itself: every host, address, port, user, key and group is equal. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readInventory } from '../../src/cli/hosts/import/read-inventory.ts';
import { programPath } from '../../tools/test-needs.ts';
import { inventories } from '../support/ansible-inventories.ts';
import { requiring } from '../support/needs.ts';

interface ReferenceHost {
  readonly address: string;
  readonly port: number | null;
  readonly user: string | null;
  readonly key: string | null;
  readonly connection: string | null;
  readonly groups: readonly string[];
}
type Reference = { readonly hosts: Record<string, ReferenceHost> } | { readonly refused: string };

const SSH = [null, 'ssh', 'smart', 'paramiko', 'paramiko_ssh', 'ansible.builtin.ssh'];
const program = fileURLToPath(new URL('../fixtures/inventories/ansible-reference.py', import.meta.url));

requiring('ansible-inventory').describe('an Ansible inventory', () => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-inventories-'));
  let references: Record<string, Reference>;
  const pathOf = (name: string): string => {
    const { files, path } = inventories[name]!;
    return join(folder, name.replaceAll(/\W+/g, '-'), path ?? Object.keys(files)[0]!);
  };

  beforeAll(() => {
    for (const [name, { files }] of Object.entries(inventories))
      for (const [file, text] of Object.entries(files)) {
        const target = join(folder, name.replaceAll(/\W+/g, '-'), file);
        mkdirSync(dirname(target), { recursive: true });
        writeFileSync(target, text);
      }
    writeFileSync(join(folder, 'ansible.cfg'), '');
    const output = execFileSync(pythonOfAnsible(), [program, ...Object.keys(inventories).map(pathOf)], {
      cwd: folder,
      env: { PATH: process.env['PATH'], HOME: folder, LANG: 'C.UTF-8', ANSIBLE_CONFIG: join(folder, 'ansible.cfg') },
      maxBuffer: 16 << 20,
      encoding: 'utf8',
    });
    references = JSON.parse(output) as Record<string, Reference>;
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(Object.keys(inventories))('%s', (name) => {
    const reference = references[pathOf(name)]!;
    const ours = readInventory(pathOf(name), 'ansible', {});
    if ('refused' in reference) {
      expect({ refused: reference.refused, faults: ours.faults }).not.toMatchObject({ faults: [] });
      return;
    }
    expect(ours.faults).toEqual([]);
    const hosts = Object.fromEntries(
      ours.hosts.map((host) => [
        host.name,
        {
          address: host.address,
          port: host.port ?? null,
          user: host.loginUser ?? null,
          key: host.identityFile ?? null,
          groups: Object.keys(host.labels)
            .map((label) => label.replace(/^group\//, ''))
            .toSorted(),
        },
      ]),
    );
    const bySsh = Object.entries(reference.hosts).filter(([, host]) => SSH.includes(host.connection));
    expect(hosts).toEqual(Object.fromEntries(bySsh.map(([name, { connection: _, ...host }]) => [name, host])));
    // What Ansible reaches in another way is told by name, and left out.
    for (const [host] of Object.entries(reference.hosts).filter(([, { connection }]) => !SSH.includes(connection)))
      expect(ours.remarks.map((remark) => remark.detail).join('\n')).toContain(`${host} is reached by`);
  });
});

/** The machine may have several; Ansible's own program names the one that has its library. */
function pythonOfAnsible(): string {
  return /^#!\s*(\S+)/.exec(readFileSync(programPath('ansible-inventory')!, 'utf8'))?.[1] ?? 'python3';
}
