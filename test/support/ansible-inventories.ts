/** Inventories written after real ones, for the comparison with ansible-core. The first file is the inventory, unless `path` says another. */
export interface InventoryCase {
  readonly files: Readonly<Record<string, string>>;
  /** Relative; '.' is the folder itself. */
  readonly path?: string;
}

const ini = (text: string): InventoryCase => ({ files: { hosts: text } });
const yaml = (text: string): InventoryCase => ({ files: { 'hosts.yml': text } });

export const inventories: Readonly<Record<string, InventoryCase>> = {
  'plain names': ini('web1\nweb2.example.org\n10.0.0.3\n'),
  'an empty file': ini('# nothing yet\n'),
  'groups with children and variables': ini(
    '[web]\nw1 ansible_host=10.0.0.1\nw2 ansible_host=10.0.0.2 ansible_port=2222\n[db]\nd1\n[prod:children]\nweb\ndb\n[prod:vars]\nansible_user=deploy\n[db:vars]\nansible_user=postgres\n',
  ),
  'children named before their groups': ini('[prod:children]\nweb\n[web:vars]\nansible_user=w\n[web]\na\nb\n'),
  'children of children named first': ini(
    '[top:children]\nmid\n[mid:children]\nleaf\n[leaf]\na\n[top:vars]\nansible_user=t\n',
  ),
  'a misspelt child group': ini('[web]\na\n[prod:children]\nwbe\n'),
  'variables for no group': ini('[web]\na\n[wbe:vars]\nansible_user=x\n'),
  'two bare IPv6 hosts': ini('[v6]\n2001:db8::10\n2001:db8::11\nfe80::1 ansible_user=x\n'),
  'IPv6 with a port': ini('[v6]\n[2001:db8::11]:2222\nv4host:2200\n10.1.2.3:2022\n'),
  'IPv6 as address': ini('a ansible_host=2001:db8::5 ansible_port=22\n'),
  'a bracket without a port': ini('[v6]\n[2001:db8::11]\n'),
  ranges: ini('[web]\nweb[01:12].example.org\nn[0:10:5]\ndb-[a:c]\nr[1:2]n[1:2]\n[x:vars]\n[x]\nm[08:10]:2222\n'),
  'a range of unequal width': ini('n[01:100]\n'),
  'a port counts at the first mention': ini('[a]\nh:2201\n[b]\nh:2202\n'),
  'remarks and quotes': ini(
    "[web] # the web\na ansible_user=deploy # remark\nb ansible_user='de ploy'\nc ansible_user=ab#cd\nd ansible_user=\"it # is quoted\"\n; another\n[web:vars]\nansible_port = 2222 # remark\nansible_ssh_private_key_file = 'it # is quoted'\n",
  ),
  'values of variables as Python reads them': ini(
    '[a]\nh1\n[a:vars]\nansible_user="quoted"\nansible_port=2_222\n[b]\nh2\n[b:vars]\nansible_user=deploy # no remark\nansible_ssh_private_key_file=r"\\d"\n[c]\nh3 ansible_user="\'inner\'"\n[c:vars]\nansible_port=\'2200\'\n',
  ),
  'escapes in values': ini('[a]\nh1\n[a:vars]\nansible_user=\'a\\x41\\tb\'\nansible_ssh_private_key_file="a\\"b"\n'),
  'leading zeros are text': ini('[a]\nh1 ansible_user=007\n'),
  'ssh names win over new names': ini(
    'a ansible_host=1.1.1.1 ansible_ssh_host=2.2.2.2 ansible_port=1 ansible_ssh_port=2 ansible_user=u ansible_ssh_user=s\nb ansible_private_key_file=k ansible_ssh_private_key_file=s\n',
  ),
  'group priority': ini(
    '[alpha]\nh\n[beta]\nh\n[alpha:vars]\nansible_user=alpha\nansible_group_priority=10\n[beta:vars]\nansible_user=beta\n',
  ),
  'equal groups by name': ini(
    '[zeta]\nh\n[alpha]\nh\n[zeta:vars]\nansible_user=zeta\n[alpha:vars]\nansible_user=alpha\n',
  ),
  'the deeper group wins': ini(
    '[top]\nh\n[mid:children]\nleaf\n[leaf]\nh\n[top:vars]\nansible_user=top\nansible_port=1\n[leaf:vars]\nansible_user=leaf\n[mid:vars]\nansible_port=2\n',
  ),
  'depth by the longest way': ini(
    '[a:children]\nb\nd\n[b:children]\nc\n[c:children]\nd\n[d]\nh\n[e]\nh\n[d:vars]\nansible_user=d\n[e:vars]\nansible_user=e\n[c:vars]\nansible_port=3\n[e:vars]\nansible_port=5\n',
  ),
  'all and ungrouped': ini(
    'lone\nboth\n[web]\nboth\n[ungrouped:vars]\nansible_user=un\n[all:vars]\nansible_user=everybody\nansible_port=2200\n',
  ),
  'groups in a circle': ini('[a:children]\nb\n[b:children]\na\n[c]\nh\n'),
  'a host named as its group': ini('[db]\ndb ansible_host=10.0.0.5\n[web]\nw\n'),
  'other connections': ini(
    'a\nlocalhost ansible_connection=local\nwin ansible_connection=winrm\nsw ansible_connection=network_cli\np ansible_connection=paramiko\nq ansible_connection=ansible.builtin.ssh\n',
  ),
  'a word that is no variable': ini('a b\n'),
  'a remark with a semicolon': ini('a ansible_port=22 ; remark\n'),
  'an open quote': ini("a ansible_user='x\n"),
  'an odd section': ini('[a b]\nx\n'),
  'an unknown kind of section': ini('[a:hosts2]\nx\n'),
  'dashes in group names': ini('[web-servers]\na\n[prod.eu:children]\nweb-servers\n'),
  'windows line ends': ini('[web]\r\na ansible_user=x\r\nb\r\n'),
  'files beat inventories': {
    files: {
      'inventory/hosts':
        '[web]\nw1\n[web:vars]\nansible_user=inventory\nansible_port=1\n[all:vars]\nansible_user=all\n',
      'inventory/group_vars/all.yml': 'ansible_user: files\n',
      'inventory/host_vars/w1.yml': 'ansible_port: 2\n',
    },
    path: 'inventory/hosts',
  },
  'files of groups by depth': {
    files: {
      'hosts.ini': '[web]\nw1 ansible_port=5\n[prod:children]\nweb\n',
      'group_vars/all': 'ansible_user: all\n',
      'group_vars/prod.yml': '---\nansible_user: prod\nansible_host: 9.9.9.9\n',
      'group_vars/web/main.yml': 'ansible_user: web\n',
      'group_vars/web/z.yaml': 'ansible_port: 7\n',
      'group_vars/web/notes.txt': 'ansible_user: wrong\n',
      'group_vars/web/old.yml~': 'ansible_user: wrong\n',
      'group_vars/web/.hidden.yml': 'ansible_user: wrong\n',
      'group_vars/web/sub/deep.yml': 'ansible_ssh_private_key_file: /k\n',
      'group_vars/web.yml': 'ansible_user: never\n',
    },
  },
  'json variables': {
    files: { hosts: 'a\n', 'host_vars/a.json': '{"ansible_host": "1.2.3.4", "ansible_port": 2022}\n' },
  },
  'which files of a folder count': {
    files: {
      'inv/01-web': '[web]\na\n',
      'inv/02.yml': 'web:\n  hosts:\n    b:\n',
      'inv/03.ini': '[web]\nignored-ini\n',
      'inv/04.cfg': '[web]\nignored-cfg\n',
      'inv/README.md': 'not an inventory\n',
      'inv/old.bak': '[web]\nignored-bak\n',
      'inv/hosts~': '[web]\nignored-tilde\n',
      'inv/.hidden': '[web]\nignored-hidden\n',
      'inv/group_vars/web.yml': 'ansible_user: u\n',
      'inv/sub/more': '[db]\nc\n',
      'inv/sub/group_vars/db.yml': 'ansible_user: not-read-here\n',
    },
    path: 'inv',
  },
  'a later file of a folder adds to a group': {
    files: { 'inv/a': '[web]\nw1\n', 'inv/b': '[web:vars]\nansible_user=b\n[web]\nw2\n' },
    path: 'inv',
  },
  'YAML with everything': yaml(
    'all:\n  vars:\n    ansible_user: root\n  hosts:\n    lone:\n      ansible_host: 10.0.0.9\n  children:\n    web:\n      hosts:\n        web[01:03]:\n          ansible_port: 2222\n      vars:\n        ansible_user: www\n    db:\n      children:\n        pg:\n          hosts:\n            pg1: {ansible_ssh_user: postgres}\n            pg2:\n',
  ),
  'YAML with a plain name under hosts': yaml('web:\n  hosts: w1\n  children: eu\ndb:\n  hosts:\n    d1:\n'),
  'YAML with a list under hosts': yaml('web:\n  hosts:\n    - w1\n    - w2\n'),
  'YAML with an unknown key': yaml('web:\n  hosts:\n    a:\n  comment:\n    x: y\n'),
  'YAML with anchors': yaml(
    'x: &common\n  hosts:\nweb:\n  vars: &v\n    ansible_user: u\n    ansible_port: 2200\n  hosts:\n    a:\n    b:\n      <<: *v\n      ansible_port: 1\n',
  ),
  'YAML with nothing in a group': yaml('web:\ndb:\n  hosts:\n    a:\n'),
  'YAML with a nulled variable': yaml(
    'all:\n  vars:\n    ansible_user: root\n  children:\n    web:\n      hosts:\n        a:\n          ansible_user:\n        b:\n',
  ),
  'YAML with a port and an address in the key': yaml(
    'web:\n  hosts:\n    "h1:2222":\n    "[2001:db8::1]:2200":\n    2001:db8::2:\n',
  ),
  'YAML with a key twice': yaml('web:\n  hosts:\n    a:\n      ansible_user: one\n      ansible_user: two\n'),
  'INI text under a YAML name': { files: { 'hosts.yaml': '[web]\na ansible_user=x\nb\n' } },
  'YAML without an extension': { files: { inventory: 'web:\n  hosts:\n    a:\n      ansible_user: x\n' } },
  'YAML that is broken': yaml('web:\n  hosts:\n   a: [\n'),
  'a plugin': yaml('plugin: amazon.aws.aws_ec2\nregions: [eu-west-1]\n'),
  'an encrypted variable': yaml(
    'web:\n  vars:\n    secret: !vault |\n      $ANSIBLE_VAULT;1.1;AES256\n      6162\n  hosts:\n    a:\n',
  ),
  'names that are no host names': ini(
    '[web]\nuser@h1 ansible_host=1.2.3.5\nh2_ ansible_host=1.2.3.4\n数据库-1 ansible_host=1.2.3.6\n',
  ),
};
