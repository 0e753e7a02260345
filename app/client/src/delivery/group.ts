/** ristretto255 (RFC 9496) by @noble/curves, with exactly the encodings that the program accepts. */
import { ristretto255 } from '@noble/curves/ed25519.js';

import { type Bytes, equal, fromHex } from '../bytes';
import { DeliveryError } from './error';

/** An element of the group, decoded. */
export type Element = InstanceType<typeof ristretto255.Point>;

const { Point } = ristretto255;

/** G, the standard base point. */
export const BASE: Element = Point.BASE;

/**
 * H: SHA-512 of {@link SECOND_GENERATOR_SEED}, mapped to the group (RFC 9496, 4.3.4), so that nobody knows its logarithm
 * to the base G. A test repeats it.
 */
export const SECOND_GENERATOR_BYTES: Bytes = fromHex(
    '1025992558d659b382564b6669cf8f7193f8335c984e62fae3e00f725028a045',
);

/** The text that H is hashed from. */
export const SECOND_GENERATOR_SEED = 'lumora delivery second generator v1';

/** H, decoded. */
export const SECOND_GENERATOR: Element = /* @__PURE__ */ Point.fromBytes(SECOND_GENERATOR_BYTES);

/** The order of the group: 2^252 + 27742317777372353535851937790883648493. */
export const ORDER: bigint = Point.Fn.ORDER;

const IDENTITY: Bytes = new Uint8Array(32);

/** Whether these are the bytes of the identity, which has exactly one canonical encoding. */
export const isIdentity = (bytes: Uint8Array): boolean => equal(bytes, IDENTITY);

/** The element of a canonical encoding other than the identity's. */
export function decode(bytes: Uint8Array): Element {
    if (isIdentity(bytes)) throw new DeliveryError('IdentityPoint');
    try {
        return Point.fromBytes(bytes);
    } catch {
        throw new DeliveryError('InvalidPoint');
    }
}

/** The canonical encoding. */
export const encode = (element: Element): Bytes => new Uint8Array(element.toBytes());

/** A little-endian number of any length. */
export const number = (bytes: Uint8Array): bigint =>
    bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);

/** A number below the order as 32 bytes, little-endian. */
export const scalarBytes = (value: bigint): Bytes =>
    Uint8Array.from({ length: 32 }, (_, at) => Number((value >> BigInt(8 * at)) & 0xffn));

/** A secret scalar; refuses what is not canonical, and zero. */
export function secretScalar(bytes: Uint8Array): bigint {
    const value = number(bytes);
    if (bytes.length !== 32 || value === 0n || value >= ORDER) throw new DeliveryError('InvalidSecret');
    return value;
}
