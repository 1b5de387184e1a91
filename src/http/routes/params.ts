/** Parameters of paths that several nouns have. */
import { z } from 'zod';

export const idParams = z.strictObject({
  id: z.uuid({ error: 'not an id: ids are as 0c5e0a4e-5e0b-4d0e-9f0a-1b2c3d4e5f60' }),
});

/** For what has a name that people know, beside its id. */
export const idOrName = z.string().max(200).describe('Id or name');
