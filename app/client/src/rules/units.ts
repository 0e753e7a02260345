/** Shares in basis points, as `lumora_core::units::Bps` computes them: integers, rounded down. */

/** All of it: 10,000 basis points. */
export const ONE = 10_000;

/** This share of `amount`; a share above one counts as one. */
export const shareOf = (basisPoints: number, amount: bigint): bigint =>
    (amount * BigInt(Math.min(basisPoints, ONE))) / BigInt(ONE);

/** `part / whole` as a share, at most one; a whole of zero gives zero. Both are at most 2^33. */
export const ratio = (part: number, whole: number): number =>
    whole === 0 ? 0 : Math.floor((Math.min(part, whole) * ONE) / whole);
