/** Both ends of a delivery: the seller proves, the buyer opens. */
import { sha512 } from '@noble/hashes/sha2.js';

import { type Bytes, concat, utf8 } from '../bytes';
import { BASE, decode, encode, number, ORDER, scalarBytes, SECOND_GENERATOR, secretScalar } from './group';
import { addressesOf, challengeOf, type Delivery, type Sale } from './sale';
import { verify } from './verify';

/** Separates the hash that draws the prover's randomness from every other use of the secret. */
const NONCE_DOMAIN = utf8('lumora delivery nonce v1');

/**
 * Makes the delivery for one sale. Throws `WrongProof` if the secret is not that of the listing: the delivery is checked
 * before a transaction is paid for.
 *
 * The nonces are hashed from `entropy` (32 bytes of the platform's randomness, where nothing else is given) together with
 * the secret and the sale, so that a weak random generator cannot give the secret away (RFC 6979's idea, hedged).
 */
export function deliver(
    secret: Uint8Array,
    sale: Sale,
    entropy: Uint8Array = crypto.getRandomValues(new Uint8Array(32)),
): Delivery {
    if (entropy.length !== 32) throw new RangeError('a delivery is made from 32 bytes of randomness');
    const s = secretScalar(secret);
    const buyerKey = decode(sale.buyerKey);
    const [r, a, k] = [0, 1, 2].map(label => drawNonce(secret, sale, entropy, label)) as [bigint, bigint, bigint];

    const ephemeral = encode(BASE.multiply(r));
    const sealed = encode(SECOND_GENERATOR.multiply(s).add(buyerKey.multiply(r)));
    const challenge = challengeOf(sale, { ephemeral, sealed }, [
        encode(BASE.multiply(a)),
        encode(BASE.multiply(k)),
        encode(SECOND_GENERATOR.multiply(a).add(buyerKey.multiply(k))),
    ]);
    const c = number(challenge);
    const proof = concat(challenge, scalarBytes((a + c * s) % ORDER), scalarBytes((k + c * r) % ORDER));
    const delivery = { ephemeral, sealed, proof };
    verify(sale, delivery);
    return delivery;
}

/** Takes the seal off with the buyer's secret b: s*H = E - b*R, 32 bytes. */
export const open = (delivery: Pick<Delivery, 'ephemeral' | 'sealed'>, buyerSecret: Uint8Array): Bytes =>
    encode(decode(delivery.sealed).subtract(decode(delivery.ephemeral).multiply(secretScalar(buyerSecret))));

function drawNonce(secret: Uint8Array, sale: Sale, entropy: Uint8Array, label: number): bigint {
    const parts = [secret, entropy, ...addressesOf(sale), sale.listingKey, sale.buyerKey];
    return number(sha512(concat(NONCE_DOMAIN, Uint8Array.of(label), ...parts))) % ORDER;
}
