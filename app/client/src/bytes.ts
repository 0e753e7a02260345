/** Byte strings: what both the deliveries and the datasets are made of. */
import { sha256 as hasher } from '@noble/hashes/sha2.js';

/** Bytes that are not shared with other threads: what WebCrypto takes. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** Bytes that are only read: such as the accounts' fields that `@solana/kit` decodes. */
export type ReadonlyBytes = ArrayLike<number> & Iterable<number>;

/** All parts, one after the other. */
export function joined(parts: readonly Uint8Array[]): Bytes {
    const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
    let at = 0;
    for (const part of parts) {
        all.set(part, at);
        at += part.length;
    }
    return all;
}

/** {@link joined} for a few parts. */
export const concat = (...parts: readonly Uint8Array[]): Bytes => joined(parts);

/** Whether two byte strings are the same. Not constant-time: for public values. */
export const equal = (a: ReadonlyBytes, b: ReadonlyBytes): boolean => {
    if (a.length !== b.length) return false;
    for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
    return true;
};

/** The order of byte strings: by the first byte that differs, and the shorter first. */
export function compare(a: Uint8Array, b: Uint8Array): number {
    const shared = Math.min(a.length, b.length);
    for (let at = 0; at < shared; at++) {
        const difference = a[at]! - b[at]!;
        if (difference !== 0) return difference;
    }
    return a.length - b.length;
}

const encoder = new TextEncoder();
// Without `ignoreBOM` a byte order mark would vanish, and what was hashed would not be what was read.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text as UTF-8. */
export const utf8 = (text: string): Bytes => encoder.encode(text);

/** UTF-8 as text; throws a `TypeError` where it is none. */
export const fromUtf8 = (bytes: Uint8Array): string => decoder.decode(bytes);

/** Lower-case hexadecimal. */
export const hex = (bytes: ReadonlyBytes): string =>
    Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('');

/** The bytes of an even number of hexadecimal digits. */
export function fromHex(text: string): Bytes {
    if (!/^([0-9a-f]{2})*$/i.test(text)) throw new TypeError('expected pairs of hexadecimal digits');
    return Uint8Array.from({ length: text.length / 2 }, (_, at) => parseInt(text.slice(2 * at, 2 * at + 2), 16));
}

/** A 32-bit number, little-endian. */
export function u32(value: number): Bytes {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    return bytes;
}

/** A 64-bit number, little-endian; negative ones as two's complement. */
export function u64(value: number | bigint): Bytes {
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    if (typeof value === 'number' && value >= 0) {
        // Without big integers, which take several times as long: this is done for every row.
        view.setUint32(0, value % 2 ** 32, true);
        view.setUint32(4, value / 2 ** 32, true);
    } else {
        view.setBigUint64(0, BigInt.asUintN(64, BigInt(value)), true);
    }
    return bytes;
}

// One state for all hashes, since making one takes longer than hashing a few blocks. No hash is interrupted by another.
const fresh = /* @__PURE__ */ hasher.create();
const state = /* @__PURE__ */ hasher.create();

/** SHA-256 of all parts, one after the other. */
export function sha256(...parts: readonly Uint8Array[]): Bytes {
    fresh._cloneInto(state);
    for (const part of parts) state.update(part);
    const digest = new Uint8Array(32);
    state.digestInto(digest);
    return digest;
}

/** SHA-256 by the platform: faster than in JavaScript for long byte strings. */
export const digestOf = async (...parts: readonly Uint8Array[]): Promise<Bytes> =>
    new Uint8Array(await crypto.subtle.digest('SHA-256', concat(...parts)));
