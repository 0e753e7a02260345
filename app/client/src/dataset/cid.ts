/** Content identifiers: CIDv1 of raw bytes under SHA-256, written in base32 as IPFS does (`bafkrei...`). */
import { base32nopad } from '@scure/base';

import { type Bytes, concat, digestOf } from '../bytes';
import { malformed } from './error';

/** Names an object by the SHA-256 of its bytes; 59 characters. */
export type Cid = string & { readonly brand: unique symbol };

/** CID version 1, codec `raw` (0x55), multihash `sha2-256` (0x12) of 32 bytes (0x20). */
const PREFIX = Uint8Array.of(0x01, 0x55, 0x12, 0x20);

/** The identifier of the bytes whose SHA-256 is `digest` (as accounts on chain store it). */
export const cidOfDigest = (digest: Uint8Array): Cid =>
    `b${base32nopad.encode(concat(PREFIX, digest)).toLowerCase()}` as Cid;

/** The identifier of `bytes`. */
export const cidOf = async (bytes: Bytes): Promise<Cid> => cidOfDigest(await digestOf(bytes));

/** Reads an identifier; refuses every other spelling, version, codec and hash, since one object has one name. */
export function parseCid(text: string): Cid {
    const refused = () => malformed('a content identifier', 'expected CIDv1, raw, SHA-256 in lower-case base32');
    if (!/^b[a-z2-7]{58}$/.test(text)) throw refused();
    let bytes: Uint8Array;
    try {
        bytes = base32nopad.decode(text.slice(1).toUpperCase());
    } catch {
        throw refused();
    }
    if (bytes.length !== 36 || PREFIX.some((byte, at) => bytes[at] !== byte)) throw refused();
    return text as Cid;
}

/** SHA-256 of the bytes that an identifier names. */
export const digestOfCid = (cid: Cid): Bytes => new Uint8Array(base32nopad.decode(cid.slice(1).toUpperCase()).slice(4));
