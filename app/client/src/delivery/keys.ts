/** Secrets of sellers and buyers, and the content key of a dataset. */
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';

import { type Bytes, utf8 } from '../bytes';
import { BASE, encode, number, ORDER, scalarBytes, SECOND_GENERATOR, secretScalar } from './group';

const CONTENT_KEY_INFO = utf8('lumora content key v1');
const RESULTS_KEY_INFO = utf8('lumora results key v1');

/** A secret scalar and its public point, 32 bytes each. */
export type Keypair = {
    /**
     * The seller's s of one dataset, or the buyer's b of one purchase; little-endian. Whoever loses s can deliver no copy
     * any more; whoever loses b cannot open what was bought.
     */
    readonly secret: Bytes;
    /** The secret times G: a listing's key, or a buyer's. */
    readonly publicKey: Bytes;
};

/** A new pair. `entropy` is 64 bytes of randomness; the platform's, where nothing else is given. */
export function keypair(entropy: Uint8Array = crypto.getRandomValues(new Uint8Array(64))): Keypair {
    if (entropy.length !== 64) throw new RangeError('a pair is made from 64 bytes of randomness');
    const secret = scalarBytes(number(entropy) % ORDER);
    return { secret, publicKey: publicKey(secret) };
}

/**
 * The pair for which nodes seal a job's results, made from a secret seed of 32 random bytes: the manifest's `results_key` is
 * its public key. `lumora job fetch --key FILE` makes the same from the seed in a keypair file.
 */
export function resultsKeypair(seed: Uint8Array): Keypair {
    if (seed.length !== 32) throw new RangeError('a results key is made from a seed of 32 bytes');
    return keypair(hkdf(sha256, seed, undefined, RESULTS_KEY_INFO, 64));
}

/** The public point of a stored secret. Throws `InvalidSecret` where the bytes are none. */
export const publicKey = (secret: Uint8Array): Bytes => encode(BASE.multiply(secretScalar(secret)));

/** s*H: what the seller derives the content key from, and the buyer gets by `open`. */
export const sharedSecret = (listingSecret: Uint8Array): Bytes =>
    encode(SECOND_GENERATOR.multiply(secretScalar(listingSecret)));

/** The AES-256 key of the dataset with this id: HKDF-SHA256 (RFC 5869) of s*H, salted with the id. */
export const contentKey = (shared: Uint8Array, datasetId: Uint8Array): Bytes =>
    new Uint8Array(hkdf(sha256, shared, datasetId, CONTENT_KEY_INFO, 32));
