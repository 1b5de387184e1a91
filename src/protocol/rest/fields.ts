/** Fields that many resources have. */
import { z } from 'zod';

export const instant = z.string().describe('RFC 3339, UTC');

/** `max`: UTF-16 units. */
export const text = (max: number): z.ZodString => z.string().max(max);
