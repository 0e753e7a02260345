/** What a delivery is, what it is bound to, and the challenge that binds the two. */
import { concat, sha256, utf8 } from '../bytes';
import type { Bytes } from '../bytes';

/** First bytes of every transcript. A change of the protocol changes this text. */
const TRANSCRIPT_DOMAIN = utf8('lumora delivery proof v1');

/** What a delivery is bound to, so that a proof made for one purchase is worth nothing for another. All of 32 bytes. */
export type Sale = {
    /** Network id of the registry: keeps a proof made on a test network off the real one. */
    readonly network: Uint8Array;
    /** Address of the market program. */
    readonly program: Uint8Array;
    /** Address of the listing account. */
    readonly listing: Uint8Array;
    /** Address of the purchase account. */
    readonly purchase: Uint8Array;
    /** Wallet that pays. */
    readonly buyer: Uint8Array;
    /** P = s*G, from the listing. */
    readonly listingKey: Uint8Array;
    /** B = b*G, from the purchase. */
    readonly buyerKey: Uint8Array;
};

/** What the seller sends. The chain keeps the two points; the proof is not needed once it was checked. */
export type Delivery = {
    /** R = r*G, 32 bytes. */
    readonly ephemeral: Uint8Array;
    /** E = s*H + r*B, 32 bytes. */
    readonly sealed: Uint8Array;
    /** Challenge (16 bytes), response for s, response for r (32 bytes each). */
    readonly proof: Uint8Array;
};

/** Bytes of a {@link Delivery.proof}. */
export const PROOF_LENGTH = 80;

/** The parts of a sale that nonces and transcripts begin with, in order. */
export const addressesOf = (sale: Sale): Uint8Array[] => [
    sale.network,
    sale.program,
    sale.listing,
    sale.purchase,
    sale.buyer,
];

/** c: the first 128 bits of a SHA-256. Every part has a fixed length, so the transcript can be read in one way only. */
export function challengeOf(
    sale: Sale,
    { ephemeral, sealed }: Pick<Delivery, 'ephemeral' | 'sealed'>,
    commitments: readonly [Uint8Array, Uint8Array, Uint8Array],
): Bytes {
    const transcript = concat(
        TRANSCRIPT_DOMAIN,
        ...addressesOf(sale),
        sale.listingKey,
        ephemeral,
        sale.buyerKey,
        sealed,
        ...commitments,
    );
    if (transcript.length !== TRANSCRIPT_DOMAIN.length + 12 * 32) throw new RangeError('every part has 32 bytes');
    return sha256(transcript).slice(0, 16);
}
