/** Parameters of paths that several nouns have. */
import { z } from 'zod';

export const idParams = z.strictObject({ id: z.uuid() });

/** For what has a name that people know, beside its id. */
export const idOrName = z.string().max(200).describe('Id or name');
