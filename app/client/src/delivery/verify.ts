/** The check that the program makes before money moves. */
import { equal } from '../bytes';
import { DeliveryError } from './error';
import { BASE, decode, type Element, encode, isIdentity, number, ORDER, SECOND_GENERATOR } from './group';
import { challengeOf, type Delivery, PROOF_LENGTH, type Sale } from './sale';

/**
 * Returns only if the delivery gives the buyer of `sale`, and nobody else, the key of the listing; throws a
 * {@link DeliveryError} with the reason that the program would give, in the order in which it looks.
 *
 * Sees public values only, and so may take variable time.
 */
export function verify(sale: Sale, delivery: Delivery): void {
    const points = [sale.listingKey, sale.buyerKey, delivery.ephemeral, delivery.sealed] as const;
    if (points.some(isIdentity)) throw new DeliveryError('IdentityPoint');
    if (delivery.proof.length !== PROOF_LENGTH) throw new DeliveryError('WrongProof');
    const challenge = delivery.proof.subarray(0, 16);
    const z1 = number(delivery.proof.subarray(16, 48));
    const z2 = number(delivery.proof.subarray(48));
    if (z1 >= ORDER || z2 >= ORDER) throw new DeliveryError('NonCanonicalScalar');

    const [p, b, r, e] = points.map(decode) as [Element, Element, Element, Element];
    const c = number(challenge);
    const t1 = times(BASE, z1).subtract(times(p, c));
    const t2 = times(BASE, z2).subtract(times(r, c));
    const t3 = times(SECOND_GENERATOR, z1).add(times(b, z2)).subtract(times(e, c));
    const expected = challengeOf(sale, delivery, [encode(t1), encode(t2), encode(t3)]);
    if (!equal(expected, challenge)) throw new DeliveryError('WrongProof');
}

/** In variable time, and with zero allowed. */
const times = (element: Element, scalar: bigint): Element => element.multiplyUnsafe(scalar);
