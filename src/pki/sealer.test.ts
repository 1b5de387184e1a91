import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { limits } from '../base/limits.ts';
import { openEnvelope, sealEnvelope } from './envelope.ts';
import { createMasterKey, loadMasterKey } from './sealer.ts';

const key = (fill: number): Buffer => Buffer.alloc(32, fill);
const folder = mkdtempSync(join(tmpdir(), 'drover-key-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a master key', () => {
  it('opens what it sealed, for its purpose only, and nothing that was touched or cut', () => {
    const master = createMasterKey(key(1));
    const sealed = Buffer.from(master.seal('a', Buffer.from('secret')));
    expect(Buffer.from(master.open('a', sealed)).toString()).toBe('secret');
    expect(() => master.open('b', sealed)).toThrow();
    for (let i = 0; i < sealed.length; i++) {
      const touched = Buffer.from(sealed);
      touched[i]! ^= 1;
      expect(() => master.open('a', touched)).toThrow();
      expect(() => master.open('a', sealed.subarray(0, i))).toThrow();
    }
    expect(() => createMasterKey(key(2)).open('a', sealed)).toThrow();
  });

  it('of several seals with the first and opens with all', () => {
    const [old, both, young] = [createMasterKey(key(1)), createMasterKey(key(2), key(1)), createMasterKey(key(2))];
    const before = old.seal('p', Buffer.from('x'));
    expect(Buffer.from(both.open('p', before)).toString()).toBe('x');
    expect(both.keyIdOf('p', before)).toBe(old.currentKeyId);
    expect(both.keyIdOf('p', both.seal('p', Buffer.from('y')))).toBe(young.currentKeyId);
    expect(both.currentKeyId).toBe(young.currentKeyId);
  });

  it('makes dispatch keys and digests of a root that stays when the key is replaced', () => {
    const old = createMasterKey(key(1));
    const kept = createMasterKey(key(2)).withDispatchRoot(
      createMasterKey(key(2), key(1)).dispatchRootOf(old.currentKeyId),
    );
    expect(kept.dispatchKey('agent')).toEqual(old.dispatchKey('agent'));
    expect(kept.digest('x')).toEqual(old.digest('x'));
    expect(createMasterKey(key(2)).dispatchKey('agent')).not.toEqual(old.dispatchKey('agent'));
  });
});

describe('keys from a file or the environment', () => {
  it('are made once, for nobody else to read, and read again', () => {
    const file = join(folder, 'made', 'master.key');
    const made = loadMasterKey(file, undefined);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(loadMasterKey(file, undefined).currentKeyId).toBe(made.currentKeyId);
    writeFileSync(file, `${key(5).toString('base64')}\n${readFileSync(file, 'utf8')}\n`);
    const two = loadMasterKey(file, undefined);
    expect(two.currentKeyId).toBe(createMasterKey(key(5)).currentKeyId);
    expect(two.keyIdOf('p', made.seal('p', Buffer.from('x')))).toBe(made.currentKeyId);
  });

  it('are several by commas, and refused without being shown when one is not a key', () => {
    const texts = Array.from({ length: limits.masterKeysMax + 1 }, (_, i) => key(i).toString('base64'));
    expect(loadMasterKey('', texts.slice(0, limits.masterKeysMax).join(',')).currentKeyId).toBe(
      createMasterKey(key(0)).currentKeyId,
    );
    expect(() => loadMasterKey('', texts.join(','))).toThrow(/8 are allowed/);
    for (const bad of ['', 'c2hvcnQ=', `${texts[0]},c2hvcnQ=`]) {
      expect(() => loadMasterKey('', bad)).toThrow(/32 bytes in Base64/);
      expect(() => loadMasterKey('', bad)).not.toThrow(/c2hvcnQ/);
    }
  });
});

describe('an envelope', () => {
  it('has a data key of its own each time, and opens for its purpose only', () => {
    const master = createMasterKey(key(1));
    const [one, two] = [
      sealEnvelope(master, 'p', Buffer.from('secret')),
      sealEnvelope(master, 'p', Buffer.from('secret')),
    ];
    expect(openEnvelope(master, 'p', one).toString()).toBe('secret');
    expect(() => openEnvelope(master, 'q', one)).toThrow();
    expect(() => openEnvelope(master, 'p', { ...one, dataKey: two.dataKey })).toThrow();
    expect(one.keyId).toBe(master.currentKeyId);
  });
});
