/** Places in degrees, and in words. */
import { rules } from '@lumora/client';

import type { Degrees } from './model';

/** Degrees as a unit vector, as accounts hold it. */
export const vectorOf = ({ latitude, longitude }: Degrees): rules.UnitVector => rules.unitVector(latitude, longitude);

/** A place in words: `52.5° N, 13.4° E`. */
export const inDegrees = ({ latitude, longitude }: Degrees): string =>
    `${Math.abs(latitude).toFixed(1)}° ${latitude < 0 ? 'S' : 'N'}, ${Math.abs(longitude).toFixed(1)}° ${longitude < 0 ? 'W' : 'E'}`;
