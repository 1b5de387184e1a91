/** The agent goes to every host: its bundle carries what an agent needs, and nothing of a server. */
import type { Metafile } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { whyNot } from '../../tools/agent-build.ts';
import { agentBundle } from '../../tools/agent-bundle.ts';

const LAYERS = [
  'agent',
  'base',
  'bin',
  'conversation',
  'domain',
  'engines',
  'enrol',
  'ledger',
  'link',
  'pki',
  'protocol',
];
const PACKAGES = ['msgpackr', 'ws'];
const BUNDLE_BYTES_MAX = 600 * 1024;

describe('the bundle of the agent', () => {
  let bundle: { metafile: Metafile; bytes: number };
  const inputs = (): string[] => Object.keys(bundle.metafile.inputs);

  beforeAll(async () => {
    bundle = await agentBundle('dist/drover-agent.mjs', { write: false });
  });

  it('holds only layers that belong on a host', () => {
    const layers = new Set(inputs().flatMap((path) => /^src\/([a-z]+)\//.exec(path)?.[1] ?? []));
    expect([...layers].filter((layer) => !LAYERS.includes(layer))).toEqual([]);
  });

  it('holds only packages that an agent needs', () => {
    const packages = new Set(inputs().flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []));
    expect([...packages].filter((name) => !PACKAGES.includes(name))).toEqual([]);
  });

  it('is small', () => expect(bundle.bytes).toBeLessThan(BUNDLE_BYTES_MAX));
});

it('is left out for another processor with words that name the folder which may not be written', () => {
  const refused = (code: string): Error =>
    Object.assign(new Error(`${code}: no, mkdtemp '/x/.cache/drover-node/unpack-XXXXXX'`), {
      code,
      syscall: 'mkdtemp',
      path: '/x/.cache/drover-node/unpack-XXXXXX',
    });
  expect(whyNot(refused('EACCES'))).toBe('/x/.cache/drover-node: this user may not do that there');
  expect(whyNot(new Error('no registry answers\n'))).toBe('no registry answers');
});
