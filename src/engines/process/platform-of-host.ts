/** The platform of this host, or a refusal that says where things stand. */
import { DroverError } from '../../base/errors.ts';
import { linuxPlatform } from './platform-linux.ts';
import type { Platform } from './platform.ts';

export function platformOfHost(name: NodeJS.Platform = process.platform): Platform {
  if (name === 'linux') return linuxPlatform;
  throw new DroverError('platform-unsupported', {
    detail:
      `The agent runs on Linux; for ${name} its platform file is not written yet (docs/guides/agents.md, ` +
      'Portability). Reach such hosts over SSH.',
  });
}
