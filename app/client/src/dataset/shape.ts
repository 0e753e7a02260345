/** Shapes that several stored objects have in common. */
import * as v from 'valibot';

import { fromHex } from '../bytes';
import { malformed } from './error';

/** Bytes in hexadecimal, of one length. */
export const fixedBytes = (length: number) =>
    v.pipe(
        v.string(),
        v.regex(/^[0-9a-f]*$/i, 'expected hexadecimal digits'),
        v.length(2 * length, `expected ${length} bytes in hexadecimal`),
        v.transform(fromHex),
    );

/** A number of things, as far as JavaScript counts exactly. */
export const safeCount = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** A 32-bit number. */
export const u32Count = v.pipe(safeCount, v.maxValue(0xffff_ffff));

/** Reads `value` as that shape, or says what in `what` is wrong. */
export function parseShape<S extends v.GenericSchema>(what: string, shape: S, value: unknown): v.InferOutput<S> {
    const result = v.safeParse(shape, value);
    if (result.success) return result.output;
    const issue = result.issues[0];
    throw malformed(what, `${v.getDotPath(issue) ?? 'it'}: ${issue.message}`);
}
