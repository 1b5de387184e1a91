import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inventoryFromAnsible } from './ansible.ts';
import { readAnsibleIni } from './ansible-ini.ts';
import { AnsibleModel } from './ansible-model.ts';
import { expandRange } from './ansible-text.ts';
import { inventoryFromCsv, parseCsv } from './csv.ts';
import { InventoryCollector, jumpPath, type Inventory } from './host-draft.ts';
import { jumpFromProxyCommand, jumpFromProxyJump, jumpFromSshArguments } from './jump-argument.ts';
import { knownHostNames, matchesKnownHost, parseKnownHosts } from './known-hosts.ts';
import { inventoryFromSshConfig } from './ssh-config.ts';

const told = (inventory: Inventory): string[] => inventory.faults.map((fault) => `${fault.line}: ${fault.detail}`);

describe('CSV', () => {
  it('gives hosts with labels, whatever the order of columns and the quoting', () => {
    const { hosts, faults } = inventoryFromCsv(
      'f.csv',
      '\ufefflabels,Name,address,PORT,label:site,"jump host"\r\n"a=1; b=2",web-1,10.0.0.1,2222,"Z\u00fcrich",' +
        'bastion\r\n\r\n,bastion,,,,\r\n',
    );
    expect(faults).toEqual([]);
    expect(hosts).toEqual([
      {
        name: 'web-1',
        address: '10.0.0.1',
        port: 2222,
        jumpHost: 'bastion',
        labels: { a: '1', b: '2', site: 'Zürich' },
        source: { file: 'f.csv', line: 2 },
      },
      { name: 'bastion', address: 'bastion', labels: {}, source: { file: 'f.csv', line: 4 } },
    ]);
  });

  it('tells every fault with its line', () => {
    const text = 'name,port,colour\nweb-1,70000,red\nweb-1,22,red\n-x,22,red\na,b\nb,0,red\n';
    expect(told(inventoryFromCsv('f', text))).toEqual([
      expect.stringMatching(/^1: "colour" is not a column/),
      expect.stringMatching(/^2: "70000" is not a port/),
      expect.stringMatching(/^3: the host web-1 is in here twice; it is on line 2/),
      expect.stringMatching(/^4: "-x" is not a name/),
      expect.stringMatching(/^5: the row has 2 cells, the header 3/),
      expect.stringMatching(/^6: "0" is not a port/),
    ]);
  });

  it('says so once when cells are parted by something else', () => {
    expect(told(inventoryFromCsv('f', 'name;address\na;b\nc;d\n'))).toEqual([
      '1: the cells are parted by ";"; they must be parted by commas',
    ]);
    expect(told(inventoryFromCsv('f', 'name\taddress\na\tb\n'))).toEqual([expect.stringContaining('tabs')]);
  });

  it('tells of a sign in another form where it was meant to part something, with its line, and takes it for no part of a name', () => {
    const text = [
      'name,labels,label：角色',
      'web-1,角色＝主库,a',
      'web-2,角色：主库,a',
      'web-3,role:db,a',
      'web-4，a=1，a',
      'web-5,role＝db=x,a',
      'web-6,role=db；zone=a,a',
    ].join('\n');
    expect(told(inventoryFromCsv('f', text)).slice(0, 1)).toEqual([
      expect.stringMatching(
        /^1: "label：角色" is not a column; .* label:NAME, with ":" and not with "：" \(U\+FF1A\)$/,
      ),
    ]);
    expect(told(inventoryFromCsv('f', text.replace('label：', 'label:')))).toEqual([
      '2: "角色＝主库" is not a label; write name=value, with "=" and not with "＝" (U+FF1D)',
      '3: "角色：主库" is not a label; write name=value, with "=" and not with "：" (U+FF1A)',
      '4: "role:db" is not a label; write name=value, with "=" and not with ":"',
      '5: the row has 1 cells, the header 3; cells are parted by commas, not by "，" (U+FF0C)',
      expect.stringMatching(/^6: "role＝db" is not a key for a label: "＝" \(U\+FF1D\) .* another form of "="/),
      expect.stringMatching(
        /^7: "db；zone=a" is not a value for the label "role": "；" \(U\+FF1B\) .* another form of ";"/,
      ),
    ]);
    expect(told(inventoryFromCsv('f', 'name，address\na，b\n'))).toEqual([
      '1: the cells are parted by "，" (U+FF0C); they must be parted by commas',
    ]);
  });

  it('takes names and labels of every script, in one form', () => {
    const { hosts, faults } = inventoryFromCsv(
      'f.csv',
      'name,address,zone,jump_host,label:角色,label:cafe\u0301\n数据库-1,10.0.0.1,上海,跳板,主库,是\n跳板,10.0.0.2,,,,\n',
    );
    expect(faults).toEqual([]);
    expect(hosts[0]).toMatchObject({
      name: '数据库-1',
      zone: '上海',
      jumpHost: '跳板',
      labels: { 角色: '主库', 'caf\u00e9': '是' },
    });
  });

  it('tells which letter of which name cannot be, a column of labels once', () => {
    const text =
      'name,address,zone,label:a b,labels\nweb１,10.0.0.1,z,x,\n数据库,,z,x,\nn,10.0.0.3,"a b",x,"r=(x);q=1"\n';
    expect(told(inventoryFromCsv('f', text))).toEqual([
      expect.stringMatching(/^1: "a b" is not a key for a label: " " \(U\+0020\) is not allowed/),
      expect.stringMatching(/^2: "web１" is not a name for a host: "１" .*another form of "1"/),
      expect.stringMatching(/^3: nothing can be dialled by the name 数据库: say at which address the host is/),
      expect.stringMatching(/^4: "\(x\)" is not a value for the label "r": "\(" /),
      expect.stringMatching(/^4: "a b" is not a name for a zone: " "/),
    ]);
    expect(told(inventoryFromCsv('f', 'name,label:\u00e9,label:e\u0301\n'))).toEqual([
      expect.stringMatching(/^1: the column .* is in here twice/),
    ]);
    expect(told(inventoryFromCsv('f', 'name,labels\nn,\u00e9=1;e\u0301=2\n'))).toEqual([
      '2: n has the label \u00e9 twice',
    ]);
    expect(
      told(inventoryFromCsv('f', 'name\n\u00e9,1.1.1.1\n'.replace('name', 'name,address').concat('e\u0301,1.1.1.2\n'))),
    ).toEqual([expect.stringMatching(/^3: the host é is in here twice/)]);
  });

  it('counts lines within quotes, and refuses what RFC 4180 does not know', () => {
    expect(parseCsv('"Z""rich, CH",b\n').rows).toEqual([{ line: 1, cells: ['Z"rich, CH', 'b'] }]);
    expect(parseCsv('"a\nb",c\nd,e').rows.map((row) => row.line)).toEqual([1, 3]);
    expect(parseCsv('a\n"b').fault).toEqual({ line: 2, detail: 'a quote is not closed' });
    expect(parseCsv('a\n"b"c').fault?.line).toBe(2);
    expect(parseCsv('a\nb"c').fault?.line).toBe(2);
    expect(told(inventoryFromCsv('f', ''))[0]).toContain('empty');
  });

  it('reads back any cells that were written', () => {
    const cell = fc.string().map((text) => text.replaceAll('\r', ''));
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            cell,
            cell.map((text) => `x${text}`),
          ),
          { minLength: 1 },
        ),
        (rows) => {
          const text = rows.map((row) => row.map((part) => `"${part.replaceAll('"', '""')}"`).join(',')).join('\r\n');
          expect(parseCsv(text.startsWith('\ufeff') ? text : `\ufeff${text}`).rows.map((row) => row.cells)).toEqual(
            rows,
          );
        },
      ),
    );
  });

  it('tells jump hosts that lead in a circle, once for each host in it', () => {
    expect(told(inventoryFromCsv('f', 'name,jump_host\na,b\nb,a\nc,c\n'))).toEqual([
      expect.stringContaining('circle: a → b → a'),
      expect.stringContaining('circle: b → a → b'),
      expect.stringContaining('circle: c → c'),
    ]);
  });
});

describe('the way through jump hosts', () => {
  const chain =
    (count: number) =>
    (name: string): string | undefined =>
      Number(name) < count ? String(Number(name) + 1) : undefined;
  it('begins at the outermost, and is not longer than it may be', () => {
    expect(jumpPath('0', chain(3))).toEqual({ path: ['3', '2', '1'] });
    expect(jumpPath('0', chain(7)).path).toHaveLength(7);
    expect(jumpPath('0', chain(8)).fault).toContain('more than 8 hops');
  });
  it('that enters a circle further on is refused as well', () =>
    expect(jumpPath('x', (name) => ({ x: 'a', a: 'b', b: 'a' })[name]).fault).toContain('circle'));
});

describe('ranges', () => {
  it.each([
    ['web[01:03]', ['web01', 'web02', 'web03']],
    ['n[8:10]', ['n8', 'n9', 'n10']],
    ['db-[a:c].x', ['db-a.x', 'db-b.x', 'db-c.x']],
    ['n[0:4:2]', ['n0', 'n2', 'n4']],
    ['[a:b][1:2]', ['a1', 'a2', 'b1', 'b2']],
    ['plain', ['plain']],
  ])('%s', (pattern, names) => expect(expandRange(pattern, 100)).toEqual(names));
  it.each(['n[3:1]', 'n[1:2', 'n[a:3]', 'n[1:1000]', 'n[0:9:0]', '[0:99][0:99]'])('%s is refused', (pattern) =>
    expect(typeof expandRange(pattern, 100)).toBe('string'),
  );
});

function ansible(text: string, options = {}): Inventory {
  const [model, collector] = [new AnsibleModel(), new InventoryCollector()];
  readAnsibleIni(model, collector, 'hosts', text);
  return inventoryFromAnsible(model, collector, options);
}

describe('an Ansible inventory', () => {
  it('gives hosts with their groups as labels, and variables as Ansible merges them', () => {
    const { hosts, faults } = ansible(
      `
lonely ansible_host=10.0.0.9
[web]
web[01:02].example.org ansible_port=2200 # remark
web02.example.org ansible_user=alice
[db]
db-1:2022 ansible_ssh_private_key_file='~/keys/my db'
[prod:children]
web
db
[prod:vars]
ansible_user=deploy
ansible_ssh_common_args="-o ProxyCommand='ssh -q -W %h:%p bastion'"
[web:vars]
ansible_user = www
site = x
[all:vars]
ansible_user=root
`,
      { labelVariables: ['site'] },
    );
    expect(faults).toEqual([]);
    expect(hosts).toEqual(
      [
        { name: 'lonely', address: '10.0.0.9', loginUser: 'root', labels: {}, source: { file: 'hosts', line: 2 } },
        {
          name: 'web01.example.org',
          address: 'web01.example.org',
          port: 2200,
          loginUser: 'www',
          jumpHost: 'bastion',
          labels: { 'group/prod': 'true', 'group/web': 'true', site: 'x' },
          source: { file: 'hosts', line: 4 },
        },
        {
          name: 'web02.example.org',
          address: 'web02.example.org',
          port: 2200,
          loginUser: 'alice',
          jumpHost: 'bastion',
          labels: { 'group/prod': 'true', 'group/web': 'true', site: 'x' },
          source: { file: 'hosts', line: 4 },
        },
        {
          name: 'db-1',
          address: 'db-1',
          port: 2022,
          loginUser: 'deploy',
          jumpHost: 'bastion',
          identityFile: '~/keys/my db',
          labels: { 'group/prod': 'true', 'group/db': 'true' },
          source: { file: 'hosts', line: 7 },
        },
      ].map((host) => ({ ...host, labels: expect.objectContaining(host.labels) as Record<string, string> })),
    );
  });

  it('refuses what cannot be dialled, and says what to write', () =>
    expect(told(ansible('a ansible_host=10.0.0.300\nb ansible_host=10.0.0.1:22\n10.0.0.256\n'))).toEqual([
      expect.stringMatching(/^1: "10\.0\.0\.300" is not an address: an IPv4 address is four numbers/),
      expect.stringMatching(/^2: "10\.0\.0\.1:22" is not an address: write 10\.0\.0\.1 alone, and 22 as the port/),
      expect.stringMatching(/^3: nothing can be dialled by the name 10\.0\.0\.256/),
    ]));

  it('tells of a sign in another form in a variable', () =>
    expect(told(ansible('[web]\na ansible_port＝22\n[web:vars]\nansible_user＝www\n'))).toEqual([
      '2: "ansible_port＝22" is not a variable; write name=value, with "=" and not with "＝" (U+FF1D), and remarks after a #',
      '4: "ansible_user＝www" is not a variable; write name=value, with "=" and not with "＝" (U+FF1D)',
    ]));

  it('knows a jump host by its address, and lets none jump through itself', () => {
    const { hosts, faults } = ansible(
      'gate ansible_host=203.0.113.7\n[web]\nw1\n[all:vars]\nansible_ssh_common_args=-J ops@203.0.113.7:22\n',
    );
    expect(faults).toEqual([]);
    expect(hosts.map(({ name, jumpHost }) => [name, jumpHost])).toEqual([
      ['gate', undefined],
      ['w1', 'gate'],
    ]);
  });

  it('refuses a host that is told to jump through itself', () =>
    expect(told(ansible("gate ansible_host=203.0.113.7 ansible_ssh_common_args='-J 203.0.113.7'\n"))).toEqual([
      expect.stringMatching(/^1: gate is its own jump host/),
    ]));

  it('takes groups of every script, and tells of each group and variable that makes no label where it stands', () => {
    const { hosts, faults } = ansible(
      '[数据库]\n库-1 ansible_host=10.0.0.1 机房=上海\n库-2 ansible_host=10.0.0.2\n[web&db]\n库-1\n库-2\n[web&db:vars]\n' +
        'site = a b\n[空:children]\n数据库\n',
      { labelVariables: ['机房', 'site'] },
    );
    expect(hosts.map(({ labels }) => labels)).toEqual([
      { 'group/数据库': 'true', 'group/空': 'true', 机房: '上海' },
      { 'group/数据库': 'true', 'group/空': 'true' },
    ]);
    expect(faults.map(({ line, detail }) => `${line}: ${detail}`)).toEqual([
      expect.stringMatching(
        /^4: no label can be made of the group web&db: "group\/web&db" is not a key for a label: "&"/,
      ),
      expect.stringMatching(/^8: site of 库-1 makes no label: "a b" is not a value for the label "site": " "/),
      expect.stringMatching(/^8: site of 库-2 makes no label/),
    ]);
  });

  it('tells what it cannot take', () => {
    const { faults, remarks } = ansible(
      '[a:children]\nb\n[b:children]\na\n[b]\nh ansible_port="{{ port }}" ansible_password=hunter2\nw ' +
        'ansible_connection=winrm\nx[3:1]\n[odd:thing]\n"open\n',
    );
    expect(faults.map((fault) => `${fault.line}: ${fault.detail}`).toSorted()).toEqual([
      expect.stringContaining('4: the group b contains itself: b → a → b'),
      expect.stringContaining('6: ansible_port of h is a template'),
      expect.stringContaining('8: [3:1] ends before'),
      expect.stringContaining('9: [odd:thing] is not a section'),
    ]);
    expect(remarks.map((remark) => remark.detail).join()).toMatch(
      /w is reached by ansible_connection=winrm.*ansible_password is not read|ansible_password is not read.*winrm/,
    );
    expect(JSON.stringify([faults, remarks])).not.toContain('hunter2');
  });
});

describe('jump hosts of other tools', () => {
  it.each([
    ['bastion', 'bastion'],
    ['ops@bastion:2222', 'bastion'],
    ['ssh://u@[fe80::1]:22', 'fe80::1'],
    ['none', undefined],
  ])('ProxyJump %s', (text, name) =>
    expect(jumpFromProxyJump(text)).toEqual(name === undefined ? {} : { jumpHost: name }),
  );
  it.each([
    ['-J b', 'b'],
    ['-o StrictHostKeyChecking=no -oProxyJump=u@b', 'b'],
    ["-o ProxyCommand='ssh -i key -W %h:%p -q u@b'", 'b'],
    ['-C', undefined],
    ['-qCJ b', 'b'],
    ['-o ControlPath=-J -o "ProxyJump b"', 'b'],
    ['-o ProxyCommand=none -J b', undefined],
    ['-J b -o ProxyJump=c', 'b'],
  ])('%s', (text, name) => expect(jumpFromSshArguments(text).jumpHost).toBe(name));
  it('options that are not taken are told', () =>
    expect(jumpFromSshArguments('-F other -p 2222 -o User=x -oIdentityFile=k -4').remarks).toEqual([
      expect.stringMatching(/^-F /),
      expect.stringMatching(/^-p /),
      expect.stringMatching(/^User /),
      expect.stringMatching(/^IdentityFile /),
    ]));
  it('policies of host keys are taken, but for none at all, which is told', () => {
    const of = (text: string) => jumpFromSshArguments(text);
    expect(of('-o StrictHostKeyChecking=yes -oStrictHostKeyChecking=no')).toMatchObject({
      hostKeyPolicy: 'strict',
      remarks: [],
    });
    expect(of('-o StrictHostKeyChecking=accept-new').hostKeyPolicy).toBe('first-use');
    expect(of("-o 'StrictHostKeyChecking no'")).toMatchObject({ remarks: [expect.stringContaining('not taken over')] });
    const { hosts, remarks } = ansible(
      '[web]\na\nb ansible_ssh_common_args="-o StrictHostKeyChecking=yes"\n[web:vars]\n' +
        'ansible_ssh_common_args="-o StrictHostKeyChecking=no"\n[all:vars]\nansible_host_key_checking=False\n',
    );
    expect(hosts.map(({ name, hostKeyPolicy }) => [name, hostKeyPolicy])).toEqual([
      ['a', undefined],
      ['b', 'strict'],
    ]);
    expect(remarks.map(({ line, detail }) => `${line} ${detail.split(':')[0]}`)).toEqual([
      '7 ansible_host_key_checking',
      '5 ansible_ssh_common_args',
    ]);
  });
  it.each(['nc %h %p', 'ssh -W %h:%p', 'ssh b nc %h %p', 'sh -c "ssh -W %h:%p b"'])(
    'the command %s is refused',
    (text) => expect(jumpFromProxyCommand(text).fault).toBeDefined(),
  );
  it('a chain is refused with what to do', () => expect(jumpFromProxyJump('a,b').fault).toContain('each jump host'));
});

describe('ssh_config', () => {
  const include = (pattern: string): { file: string; text: string }[] =>
    pattern === 'more' ? [{ file: 'more', text: 'Port 2200\nHost inner\n  HostName 10.0.0.7\n' }] : [];

  it('takes no longer for a line of many blanks than for another', () => {
    // The square of them would be minutes.
    const { hosts } = inventoryFromSshConfig('config', `Host${' '.repeat(300_000)}a\u2028b\nHost c\n`, include);
    expect(hosts.map(({ name }) => name)).toContain('c');
  });

  it('gives the named hosts, each with the first value of every option', () => {
    const { hosts, faults, remarks } = inventoryFromSshConfig(
      'config',
      `
Host bastion
  HostName=bastion.example.org
Host web-1 "web-2" !web-9 web-*
  HostName %h.example.org
  User deploy   # the usual
  ProxyJump bastion
  Ciphers aes256-gcm@openssh.com,serpent-cbc,aes128-ctr
Include more
Host *
  User root
  Port 22
  ProxyJump bastion
  IdentityFile ~/.ssh/id
  StrictHostKeyChecking no
`,
      include,
    );
    expect(faults).toEqual([]);
    expect(
      hosts.map(({ name, address, port, loginUser, jumpHost }) => [name, address, port, loginUser, jumpHost]),
    ).toEqual([
      ['bastion', 'bastion.example.org', 22, 'root', undefined],
      ['web-1', 'web-1.example.org', 2200, 'deploy', 'bastion'],
      ['web-2', 'web-2.example.org', 2200, 'deploy', 'bastion'],
    ]);
    expect(hosts[1]).toMatchObject({
      identityFile: '~/.ssh/id',
      algorithms: { cipher: ['aes256-gcm@openssh.com', 'aes128-ctr'] },
      source: { file: 'config', line: 4 },
    });
    expect(remarks.map((remark) => [remark.line, remark.detail.slice(0, 8)])).toEqual([
      [15, 'StrictHo'],
      [8, 'ciphers:'],
    ]);
    expect(told(inventoryFromSshConfig('c', 'Host a\n MACs umac-64@openssh.com\n', include))).toEqual([
      expect.stringContaining('none of macs is known'),
    ]);
  });

  it('tells which names no host can have, and which nothing can be dialled by', () => {
    expect(
      told(inventoryFromSshConfig('c', 'Host 数据库\n  HostName 10.0.0.1\nHost 网页\nHost web#1\n', include)),
    ).toEqual([
      expect.stringMatching(/^3: nothing can be dialled by the name 网页/),
      expect.stringMatching(/^4: "web#1" is not a name for a host: "#" \(U\+0023\) is not allowed/),
    ]);
  });

  it('tells an option that ssh does not know, unless what stands above lets it', () => {
    const remarksOf = (text: string): string[] =>
      inventoryFromSshConfig('c', text, include).remarks.map(({ line, detail }) => `${line}: ${detail}`);
    expect(remarksOf('Host a\n  Prot 22\n  Port 22\nHost b\n  User x\n')).toEqual([
      expect.stringMatching(/^2: Prot is no option that ssh knows, and is left out\. Did you mean port\b/),
    ]);
    expect(remarksOf('Host a\n  UseKeychain yes\nIgnoreUnknown UseKeychain\n')).toHaveLength(1);
    expect(remarksOf('IgnoreUnknown other,use*\nHost a\n  UseKeychain yes\n')).toEqual([]);
    expect(remarksOf('IgnoreUnknown use*,!usek*\nHost a\n  UseKeychain yes\n')).toHaveLength(1);
    expect(remarksOf('Host a\n  IgnoreUnknown *\n  Prot 1\nHost b\n')).toHaveLength(1);
    expect(remarksOf('Host a\n  RemoteForward 1 a:2\n  SendEnv X\n  RSAAuthentication no\n')).toEqual([]);
  });

  it('refuses a host that is its own jump host where it is named, and takes it for all others', () => {
    const read = (text: string): Inventory => inventoryFromSshConfig('c', text, include);
    for (const text of ['Host d\n  HostName 127.0.0.1\n  ProxyJump d\n', 'Host d\n  ProxyCommand ssh -W %h:%p d\n'])
      expect(told(read(text))).toEqual([expect.stringMatching(/^1: d is its own jump host/)]);
    expect(told(read('Host d\n  HostName 10.0.0.1\n  ProxyJump 10.0.0.1\n'))).toEqual([
      expect.stringMatching(/^1: d is its own jump host/),
    ]);
    const { hosts, faults } = read('Host d e\n  Port 1\nHost *\n  ProxyJump d\n');
    expect(faults).toEqual([]);
    expect(hosts.map(({ jumpHost }) => jumpHost)).toEqual([undefined, 'd']);
  });

  it('refuses Match by name, with the line, and does not mix its options into the host before', () => {
    const { hosts, faults } = inventoryFromSshConfig(
      'c',
      'Host a\nPort 1\nMatch user x\nUser evil\nHost b\nPort nine\n',
      include,
    );
    expect(faults.map((fault) => [fault.line, fault.detail.slice(0, 8)])).toEqual([
      [3, 'Match us'],
      [5, '"nine" i'],
    ]);
    expect(hosts[0]!.loginUser).toBeUndefined();
  });
});

describe('known_hosts', () => {
  const key = 'AAAAC3NzaC1lZDI1NTE5AAAAIGsRgr9DJ0XzGzgOIY1yj8lJmYq0Q0kYQW0W0e0d6m9V';
  const hashed = (name: string): string =>
    `|1|${Buffer.from('salt').toString('base64')}|${createHmac('sha1', 'salt').update(name).digest('base64')}`;

  it('is matched by name, address, port and hash', () => {
    const { lines, remarks } = parseKnownHosts(
      'k',
      `# mine\nweb-1,10.0.0.1 ssh-ed25519 ${key}\n[web-2]:2222 ssh-ed25519 ${key} me@x\n${hashed('web-3')} ` +
        `ssh-ed25519 ${key}\n*.lan,!x.lan ssh-ed25519 ${key}\n@revoked web-1 ssh-ed25519 ${key}\nweb-1 ssh-rsa ` +
        `${key}\njunk\n`,
    );
    const linesOf = (host: { name: string; address?: string; port?: number }): number[] =>
      lines.filter((line) => matchesKnownHost(line, knownHostNames(host))).map((line) => line.line);
    expect([
      linesOf({ name: 'n', address: '10.0.0.1' }),
      linesOf({ name: 'WEB-2', port: 2222 }),
      linesOf({ name: 'web-2' }),
      linesOf({ name: 'web-3' }),
      linesOf({ name: 'a.lan' }),
      linesOf({ name: 'x.lan' }),
    ]).toEqual([[2], [3], [], [4], [5], []]);
    expect(remarks.map((remark) => remark.line)).toEqual([6, 7, 8]);
  });
});
