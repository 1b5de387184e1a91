/** ssh_config files as people write them, for the comparison with `ssh -G`. `config` is read; the others stand beside it. */
export const sshConfigs: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'the first value wins': {
    config: 'Host a\n  Port 2201\nHost a b\n  Port 2202\n  User x\nHost *\n  User y\n  Port 22\n',
  },
  'patterns and negations': {
    config: 'Host web-1 web-2 !web-2 w*\n  User w\nHost web-2\n  Port 5\nHost !web-1 *\n  User other\n',
  },
  'equals signs and case': { config: 'host=a\n hostNAME = 10.0.0.1\n\tPORT=2222\nUSER  u\n' },
  'tokens in the address': { config: 'Host web-1\n  HostName %h.example.org\nHost p\n  HostName fe80::1%%x\n' },
  'an Include below a Host is bounded by it': {
    config: 'Host a\n  Include FOLDER/inner\n  User a\nHost b\n  Port 1\nHost *\n  User z\n',
    inner: 'Port 2222\nHost a\n  HostName 10.0.0.9\nHost b\n  HostName 10.9.9.9\nHost *\n  User inner\n',
  },
  'an Include at the top': {
    config: 'Include FOLDER/*.conf\nHost a\n  User late\nHost c\n  User c\n',
    '1.conf': 'Host a\n  User early\n',
    '2.conf': 'Host *\n  Port 2200\n',
  },
  'what stands before any Host': { config: 'User everybody\nHost a\n  User never\n  Port 7\n' },
  'ProxyCommand none before ProxyJump': { config: 'Host a\n  ProxyCommand none\nHost *\n  ProxyJump gate\n' },
  'ProxyJump none before ProxyCommand': {
    config: 'Host a\n  ProxyJump none\nHost *\n  ProxyCommand ssh -W %h:%p gate\n',
  },
  'ProxyJump before ProxyCommand': { config: 'Host a\n  ProxyJump j1\n  ProxyCommand ssh -W %h:%p j2\n' },
  'ProxyCommand before ProxyJump': { config: 'Host a\n  ProxyCommand ssh -W %h:%p j2\n  ProxyJump j1\n' },
  'quotes and remarks': {
    config:
      'Host "a" b # the two\n  User "de ploy" # usual\nHost c\n  IdentityFile "/keys/with # sign"\n  User x#y\nHost d\n  IdentityFile \'/k/it"s\'\n',
  },
  'Match all and Match originalhost': {
    config: 'Host a\n  Port 3\nMatch originalhost a,b*\n  User m\nMatch all\n  User z\nHost b1\n  Port 4\n',
  },
  'a jump with user and port': { config: 'Host a\n  ProxyJump ops@gate:2222\n' },
  'windows line ends': { config: 'Host a\r\n  User x\r\n  Port 2222\r\n' },
};
