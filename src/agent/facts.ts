/** What the agent tells of its host. Cheap: files of /proc and what Node knows; no program is run. */
import { readFileSync, statfsSync } from 'node:fs';
import { arch, cpus, hostname, networkInterfaces, platform, release, totalmem, userInfo } from 'node:os';
import { limits } from '../base/limits.ts';
import type { HostFacts } from '../protocol/link/agent-v1.ts';

export function hostFacts(name: string, labels: Record<string, string>, version: string): HostFacts {
  const processors = cpus();
  return {
    name,
    labels,
    agentVersion: version,
    os: platform(),
    arch: arch(),
    kernel: release(),
    distribution: distribution(),
    cpus: processors.length,
    cpuModel: processors[0]?.model.trim() ?? '',
    memoryBytes: totalmem(),
    disks: disks(),
    addresses: addresses(),
    agentUser: userInfo().username,
  };
}

export function hostName(): string {
  return hostname().toLowerCase();
}

function distribution(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? '';
  } catch {
    return '';
  }
}

function addresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter((address) => !address.internal && !address.address.startsWith('fe80:'))
    .map((address) => address.address)
    .slice(0, limits.factsAddressesMax);
}

function disks(): NonNullable<HostFacts['disks']> {
  let mounts: string[];
  try {
    mounts = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('/dev/'))
      .map((line) => line.split(' ')[1]!.replaceAll('\\040', ' '));
  } catch {
    mounts = ['/'];
  }
  return [...new Set(mounts)].slice(0, limits.factsDisksMax).flatMap((mount) => {
    try {
      const { bsize, blocks, bavail } = statfsSync(mount);
      return [{ mount, totalBytes: blocks * bsize, freeBytes: bavail * bsize }];
    } catch {
      return [];
    }
  });
}

/** Tells one machine from another with the same name; not secret, not unique among clones. */
export function machineId(): string {
  for (const path of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    try {
      return readFileSync(path, 'utf8').trim();
    } catch {
      continue;
    }
  }
  return hostname();
}
