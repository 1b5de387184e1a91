/** The agent goes to every host: its bundle carries what an agent needs, and nothing of a server. */
import { build, type Metafile } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { root } from '../support/source-tree.ts';

/** The codec with its optional accelerator, and WebSockets. */
const PACKAGES = ['msgpackr', 'msgpackr-extract', 'node-gyp-build-optional-packages', 'detect-libc', 'ws'];
const BUNDLE_BYTES_MAX = 600 * 1024;

describe('the bundle of the agent', () => {
  let metafile: Metafile;
  let bytes: number;

  beforeAll(async () => {
    const result = await build({ absWorkingDir: root, entryPoints: ['src/bin/drover-agent.ts'], bundle: true, platform: 'node', format: 'esm', target: 'node24', write: false, metafile: true, logLevel: 'silent' });
    metafile = result.metafile;
    bytes = result.outputFiles[0]!.contents.length;
  });

  it('holds only layers that belong on a host', () => {
    const layers = new Set(Object.keys(metafile.inputs).flatMap((path) => /^src\/([a-z]+)\//.exec(path)?.[1] ?? []));
    expect([...layers].filter((layer) => !['agent', 'base', 'bin', 'drivers', 'enrol', 'link', 'pki', 'protocol'].includes(layer))).toEqual([]);
  });

  it('holds only packages that an agent needs', () => {
    const packages = new Set(Object.keys(metafile.inputs).flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []));
    expect([...packages].filter((name) => !PACKAGES.includes(name))).toEqual([]);
  });

  it('is small', () => expect(bytes).toBeLessThan(BUNDLE_BYTES_MAX));
});
