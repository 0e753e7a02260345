/** Why a delivery, or a part of one, was refused: the reasons of `lumora_core::delivery`, and one of this side alone. */

const sentences = {
    IdentityPoint: 'a point of the delivery is the identity; draw new randomness and prove again',
    InvalidPoint: 'a point of the delivery is not a canonical ristretto255 encoding',
    NonCanonicalScalar: 'a response of the proof is not below the group order; reduce it',
    WrongProof: 'the proof does not hold for this listing, purchase, buyer and these points',
    InvalidSecret: 'a secret is 32 bytes, little-endian, above zero and below the group order; this is none',
} as const;

/** Names of the reasons. */
export type DeliveryErrorCode = keyof typeof sentences;

/** See {@link DeliveryErrorCode}. */
export class DeliveryError extends Error {
    override readonly name = 'DeliveryError';

    constructor(readonly code: DeliveryErrorCode) {
        super(sentences[code]);
    }
}
