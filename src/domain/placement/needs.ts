/** What a task without hosts wants for itself, as people write it: `cpus=2 memory=4GiB disk=10GiB`, in any order, each once at most. */
import { NO_NEEDS, type Resources } from './plugins.ts';

const UNITS = { MiB: 1, GiB: 1_024, TiB: 1_024 ** 2 } as const;
/** More than any machine has. */
const CPUS_MAX = 10_000;
const MIB_MAX = 1_024 ** 3;

export type ReadNeeds =
  | { readonly ok: true; readonly needs: Resources }
  | { readonly ok: false; readonly detail: string };

export function parseNeeds(text: string): ReadNeeds {
  const needs = { ...NO_NEEDS };
  const seen = new Set<string>();
  const fault = (detail: string): ReadNeeds => ({ ok: false, detail });
  for (const word of text.split(/[\s,]+/).filter(Boolean)) {
    const [name = '', value = '', ...more] = word.split('=');
    if (!['cpus', 'memory', 'disk'].includes(name) || more.length > 0)
      return fault(`expected cpus=NUMBER, memory=SIZE or disk=SIZE, not ${JSON.stringify(word)}`);
    if (seen.has(name)) return fault(`${name} is there twice`);
    seen.add(name);
    const read = name === 'cpus' ? milliCpusOf(value) : mebibytesOf(value);
    if (read === undefined)
      return fault(
        name === 'cpus'
          ? `cpus is a number such as 2 or 0.5, up to ${CPUS_MAX}, not ${JSON.stringify(value)}`
          : `${name} is a size such as 512MiB or 4GiB, not ${JSON.stringify(value)}`,
      );
    if (name === 'cpus') needs.milliCpus = read;
    else if (name === 'memory') needs.memoryMiB = read;
    else needs.diskMiB = read;
  }
  return seen.size === 0 ? fault('it names nothing') : { ok: true, needs };
}

/** In the form that is read. */
export function needsText({ milliCpus, memoryMiB, diskMiB }: Resources): string {
  const size = (mib: number): string => {
    const unit = mib % UNITS.TiB === 0 ? 'TiB' : mib % UNITS.GiB === 0 ? 'GiB' : 'MiB';
    return `${mib / UNITS[unit]}${unit}`;
  };
  return [
    ...(milliCpus > 0 ? [`cpus=${milliCpus / 1_000}`] : []),
    ...(memoryMiB > 0 ? [`memory=${size(memoryMiB)}`] : []),
    ...(diskMiB > 0 ? [`disk=${size(diskMiB)}`] : []),
  ].join(' ');
}

function milliCpusOf(text: string): number | undefined {
  if (!/^\d{1,5}(?:\.\d{1,3})?$/.test(text)) return undefined;
  const milli = Math.round(Number(text) * 1_000);
  return milli > 0 && milli <= CPUS_MAX * 1_000 ? milli : undefined;
}

function mebibytesOf(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,9})(MiB|GiB|TiB)$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const mib = Number(digits) * UNITS[unit as keyof typeof UNITS];
  return mib > 0 && mib <= MIB_MAX ? mib : undefined;
}
