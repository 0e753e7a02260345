/** Everything that is derived from a content key. */
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 as hasher } from '@noble/hashes/sha2.js';

import { type Bytes, sha256, u64, utf8 } from '../bytes';
import { leafHash, leafHashOfLong } from './merkle';

/** HKDF-SHA256 (RFC 5869) to 32 bytes. */
export const derive = (secret: Uint8Array, salt: Uint8Array, info: string): Bytes =>
    new Uint8Array(hkdf(hasher, secret, salt, utf8(info), 32));

/**
 * The blinding values of one tree of one dataset. Roots and paths are public, and a hash of content that can be guessed
 * tells whether the guess is right: so every leaf is hashed with a value that only who has the content key can compute.
 */
export class Blinding {
    readonly #secret: Bytes;

    constructor(key: Uint8Array, datasetId: Uint8Array, tree: 'plaintext' | 'provenance') {
        this.#secret = derive(key, datasetId, `lumora ${tree} blinding v1`);
    }

    /** The value of leaf `index`, 32 bytes. It may be shown without giving away the others. */
    value(index: number): Bytes {
        return sha256(this.#secret, u64(index));
    }

    /** The hashed leaf `index` with this content. */
    leaf(index: number, content: Uint8Array): Bytes {
        return blindedLeaf(this.value(index), content);
    }

    /** The same for as much as a segment. */
    leafOfLong(index: number, content: Uint8Array): Promise<Bytes> {
        return leafHashOfLong(this.value(index), content);
    }
}

/** The leaf hash of the blinding value followed by the content. */
export const blindedLeaf = (value: Uint8Array, content: Uint8Array): Bytes => leafHash(value, content);
