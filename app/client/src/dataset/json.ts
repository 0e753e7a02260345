/**
 * Canonical JSON, as `crates/data` hashes it: RFC 8785 (JSON Canonicalization Scheme) with one difference: integers of 64
 * bits are written exactly, where the RFC would first squeeze them into a double.
 */
import { isInteger, parse as parseLossless } from 'lossless-json';

import { type Bytes, fromUtf8, utf8 } from '../bytes';

/** A JSON value. Integers that a double does not hold exactly are `bigint`. */
export type Json = null | boolean | number | bigint | string | readonly Json[] | JsonObject;

/** A JSON object. */
export type JsonObject = { readonly [name: string]: Json };

const MAX_U64 = (1n << 64n) - 1n;
const MIN_I64 = -(1n << 63n);

/** The canonical text of `value`. Throws a `TypeError` where it has none. */
export function canonicalText(value: Json): string {
    switch (typeof value) {
        case 'string':
            return textOf(value);
        case 'number':
            if (!Number.isFinite(value)) throw new TypeError(`JSON has no number ${value}`);
            // As RFC 8785 says: ECMAScript's own form of a double.
            return JSON.stringify(value);
        case 'bigint':
            if (value > MAX_U64 || value < MIN_I64) throw new TypeError(`the integer ${value} has more than 64 bits`);
            return value.toString();
        case 'object':
            if (value === null) return 'null';
            if (isList(value)) return `[${value.map(canonicalText).join(',')}]`;
            // The order of UTF-16 units, which is that of JavaScript's sort.
            return `{${Object.keys(value)
                .sort()
                .map(name => `${textOf(name)}:${canonicalText(value[name]!)}`)
                .join(',')}}`;
        case 'boolean':
            return value ? 'true' : 'false';
        default:
            throw new TypeError(`JSON has no ${typeof value}`);
    }
}

/** The canonical bytes of `value`. */
export const canonical = (value: Json): Bytes => utf8(canonicalText(value));

/** Reads JSON without changing integers; throws a `SyntaxError` or `TypeError` where it is none. */
export const parseExactly = (bytes: Uint8Array): Json =>
    parseLossless(fromUtf8(bytes), undefined, { parseNumber }) as Json;

const isList = (value: Json): value is readonly Json[] => Array.isArray(value);

/** Half a character cannot be written as UTF-8. */
function textOf(text: string): string {
    if (/\p{Surrogate}/u.test(text)) throw new TypeError('a text holds half a character');
    return JSON.stringify(text);
}

function parseNumber(text: string): number | bigint {
    if (isInteger(text)) {
        const integer = BigInt(text);
        const fits = integer <= MAX_U64 && integer >= MIN_I64;
        if (fits && !Number.isSafeInteger(Number(text))) return integer;
    }
    return Number(text);
}
