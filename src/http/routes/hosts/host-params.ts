/** How a host is named in a path, and one host as an answer. */
import { z } from 'zod';
import { accountNamesOf } from '../../../app/host-access.ts';
import type { Host } from '../../../protocol/rest/resources.ts';
import type { HostRecord } from '../../../store/contract/host.ts';
import type { ApiContext } from '../../operation.ts';
import { hostResource } from './host-resource.ts';
import { idOrFleetName } from '../../../protocol/rest/name-fields.ts';

export const hostParams = z.strictObject({ host: idOrFleetName });

export async function oneHost(ctx: ApiContext, host: HostRecord): Promise<z.infer<typeof Host>> {
  return hostResource(host, await accountNamesOf(ctx, [host]));
}
