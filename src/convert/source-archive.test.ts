import { strToU8, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { jobLimits } from '../base/job-limits.ts';
import { ConversionFault } from './conversion.ts';
import { archiveFiles, isArchive } from './source-archive.ts';

const faultOf = (bytes: Uint8Array): string => {
  try {
    archiveFiles('p.zip', bytes);
  } catch (error) {
    if (error instanceof ConversionFault) return error.faults[0]!.what;
    throw error;
  }
  return '';
};

describe('an archive', () => {
  it('is read by what it begins with; of what is no text the name is told', () => {
    const bytes = zipSync({
      'p/b.job': strToU8('type=noop'),
      'p/a.properties': strToU8('x=中'),
      'p/lib.jar': strToU8('PK'),
    });
    expect([isArchive(bytes), isArchive(strToU8('PK')), isArchive(strToU8('type=noop'))]).toEqual([true, false, false]);
    expect(archiveFiles('p.zip', bytes)).toEqual([
      { path: 'p/a.properties', text: 'x=中' },
      { path: 'p/b.job', text: 'type=noop' },
      { path: 'p/lib.jar', text: '' },
    ]);
  });

  it('is refused before it becomes more than is allowed', () => {
    const large = zipSync({ 'a.xml': new Uint8Array(jobLimits.convertBytesMax + 1) });
    expect(large.length).toBeLessThan(jobLimits.convertBytesMax / 100);
    expect(faultOf(large)).toContain(`more than ${jobLimits.convertBytesMax} bytes`);
    expect(
      archiveFiles('p.zip', zipSync({ 'a.xml': new Uint8Array(jobLimits.convertBytesMax).fill(32) })),
    ).toHaveLength(1);
    const names = (count: number) =>
      zipSync(Object.fromEntries(Array.from({ length: count }, (_, n) => [`${n}.txt`, new Uint8Array()])));
    expect(faultOf(names(jobLimits.convertFilesMax + 1))).toContain(`more than ${jobLimits.convertFilesMax} files`);
    expect(archiveFiles('p.zip', names(jobLimits.convertFilesMax))).toHaveLength(jobLimits.convertFilesMax);
  });

  it('that lies about its sizes takes no more memory than it says', () => {
    const bytes = zipSync({ 'a.xml': new Uint8Array(1 << 20) });
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    // The size in the list of files at its end: what is inflated counts on it.
    for (let at = 0; at < bytes.length - 4; at++)
      if (view.getUint32(at, true) === 0x02014b50) view.setUint32(at + 24, 10, true);
    const found = ((): number => {
      try {
        return archiveFiles('p.zip', bytes)[0]!.text.length;
      } catch (error) {
        if (error instanceof ConversionFault) return 0;
        throw error;
      }
    })();
    expect(found).toBeLessThanOrEqual(10);
  });

  it('that is broken, or no text, is refused', () => {
    const bytes = zipSync({ 'a.xml': strToU8('<a/>') });
    expect(faultOf(bytes.subarray(0, 20))).toContain('no ZIP archive that can be read');
    expect(faultOf(zipSync({ 'a.xml': new Uint8Array([0xff, 0xfe]) }))).toBe('It is not text in UTF-8.');
  });
});
