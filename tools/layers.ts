/**
 * Who may import whom, and which packages a folder may use. `test/tidy.test.ts` holds the code against it.
 * `bin` wires contracts to implementations and may import everything; tests, benches and tools may too.
 */
export interface Layer {
  readonly imports: readonly string[];
  readonly packages: readonly string[];
}

export const layers: Readonly<Record<string, Layer>> = {
  base: { imports: [], packages: [] },
  domain: { imports: ['base'], packages: [] },
  'domain/job': { imports: ['base', 'domain', 'shape'], packages: ['yaml', 'zod'] },
  shape: { imports: ['base', 'domain'], packages: ['zod'] },
  outbound: { imports: ['base'], packages: [] },
  channels: { imports: ['base', 'domain', 'outbound', 'shape'], packages: ['zod'] },
  protocol: { imports: ['base', 'channels', 'domain', 'shape'], packages: ['zod', 'msgpackr'] },
  backup: { imports: ['base'], packages: [] },
  'store/contract': { imports: ['base', 'domain'], packages: [] },
  store: { imports: ['base', 'domain', 'backup', 'store/contract'], packages: ['pg', 'msgpackr', 'pg-copy-streams'] },
  pki: { imports: ['base'], packages: ['@peculiar/x509', 'reflect-metadata'] },
  link: { imports: ['base', 'pki', 'protocol'], packages: ['ws', 'msgpackr'] },
  app: {
    imports: [
      'agent-install',
      'base',
      'channels',
      'domain',
      'outbound',
      'protocol',
      'store/contract',
      'pki',
      'fleet/fleet.ts',
    ],
    packages: [],
  },
  fleet: { imports: ['base', 'domain', 'protocol', 'store/contract', 'pki', 'link', 'app'], packages: [] },
  owner: {
    imports: ['base', 'domain', 'app', 'fleet', 'protocol', 'store/contract'],
    packages: [],
  },
  loops: {
    imports: ['base', 'domain', 'app', 'fleet', 'protocol', 'store/contract'],
    packages: [],
  },
  ledger: { imports: ['base', 'domain/run', 'domain/work', 'protocol'], packages: ['msgpackr'] },
  engines: { imports: ['base', 'domain/run', 'domain/work', 'protocol', 'ledger'], packages: ['msgpackr'] },
  'engines/ssh': {
    imports: ['base', 'domain/run', 'domain/work', 'protocol', 'ledger', 'engines'],
    packages: ['msgpackr', 'ssh2'],
  },
  'engines/calls': {
    imports: ['base', 'domain/run', 'domain/work', 'outbound', 'protocol', 'ledger', 'engines'],
    packages: ['pg'],
  },
  http: {
    imports: [
      'base',
      'domain',
      'protocol',
      'app',
      'fleet',
      'loops',
      'outbound',
      'pki',
      'store/contract',
      'agent-install',
    ],
    packages: ['fastify', 'zod', 'prom-client'],
  },
  conversation: { imports: ['base', 'protocol', 'ledger'], packages: [] },
  worker: {
    imports: ['base', 'domain', 'protocol', 'link', 'pki', 'conversation', 'ledger'],
    packages: [],
  },
  enrol: { imports: ['base', 'pki'], packages: [] },
  'agent-install': { imports: [], packages: [] },
  agent: { imports: ['base', 'protocol', 'conversation', 'ledger', 'link', 'pki'], packages: [] },
  embedded: { imports: ['base'], packages: ['pg'] },
  convert: { imports: ['base', 'domain'], packages: ['yaml', '@xmldom/xmldom', 'fflate'] },
  cli: { imports: ['base', 'convert', 'domain'], packages: ['commander', '@drover/sdk', 'yaml'] },
};
