/** Pages of lists: what every list takes, and how it is handed on. */
import { z } from 'zod';
import { given } from '../../base/given.ts';
import { limits } from '../../base/limits.ts';

export const page = {
  limit: z.coerce.number().int().min(1).max(limits.pageSizeMax).default(limits.pageSizeDefault),
  cursor: z.string().max(500).optional(),
};

export function pageOfQuery({ limit, cursor }: { limit: number; cursor?: string | undefined }): {
  limit: number;
  cursor?: string;
} {
  return given({ limit, cursor });
}
