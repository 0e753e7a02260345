/** Deliveries: the same bytes as in Rust, the same verdict on every case, and a key that opens if and only if money moves. */
import { ristretto255_hasher } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { describe, expect, it } from 'vitest';

import { fromHex, hex, utf8 } from '../src/bytes';
import {
    contentKey,
    deliver,
    type Delivery,
    DeliveryError,
    type DeliveryErrorCode,
    keypair,
    open,
    publicKey,
    resultsKeypair,
    type Sale,
    SECOND_GENERATOR_BYTES,
    SECOND_GENERATOR_SEED,
    sharedSecret,
    verify,
} from '../src/delivery';
import { readVectors } from './vectors';

type Worked = Record<
    | 'listing_secret'
    | 'buyer_secret'
    | 'entropy'
    | 'network'
    | 'program'
    | 'listing'
    | 'purchase'
    | 'buyer'
    | 'listing_key'
    | 'buyer_key'
    | 'ephemeral'
    | 'sealed'
    | 'proof'
    | 'shared_secret'
    | 'dataset_id'
    | 'content_key',
    string
>;
const worked = readVectors<{ deliveries: Worked[]; second_generator: string }>('delivery.json');

const saleOf = (vector: Worked): Sale => ({
    network: fromHex(vector.network),
    program: fromHex(vector.program),
    listing: fromHex(vector.listing),
    purchase: fromHex(vector.purchase),
    buyer: fromHex(vector.buyer),
    listingKey: fromHex(vector.listing_key),
    buyerKey: fromHex(vector.buyer_key),
});

/** The code of the {@link DeliveryError} that `act` throws, or `accepted`. */
function verdict(act: () => unknown): DeliveryErrorCode | 'accepted' {
    try {
        act();
        return 'accepted';
    } catch (error) {
        if (error instanceof DeliveryError) return error.code;
        throw error;
    }
}

describe('a delivery', () => {
    it.each(worked.deliveries)('is made byte for byte as in Rust ($entropy)', vector => {
        const [secret, buyerSecret] = [fromHex(vector.listing_secret), fromHex(vector.buyer_secret)];
        expect(hex(publicKey(secret))).toBe(vector.listing_key);
        expect(hex(publicKey(buyerSecret))).toBe(vector.buyer_key);

        const delivery = deliver(secret, saleOf(vector), fromHex(vector.entropy));
        expect(hex(delivery.ephemeral)).toBe(vector.ephemeral);
        expect(hex(delivery.sealed)).toBe(vector.sealed);
        expect(hex(delivery.proof)).toBe(vector.proof);

        const shared = open(delivery, buyerSecret);
        expect(hex(shared)).toBe(vector.shared_secret);
        expect(hex(sharedSecret(secret))).toBe(vector.shared_secret);
        expect(hex(contentKey(shared, fromHex(vector.dataset_id)))).toBe(vector.content_key);
    });

    it('uses the second generator that nobody knows the logarithm of', () => {
        const hashed = ristretto255_hasher.deriveToCurve!(sha512(utf8(SECOND_GENERATOR_SEED)));
        expect(hex(hashed.toBytes())).toBe(hex(SECOND_GENERATOR_BYTES));
        expect(hex(SECOND_GENERATOR_BYTES)).toBe(worked.second_generator);
    });

    it('is different each time, and opens each time', () => {
        const [seller, buyer] = [keypair(), keypair()];
        const sale = { ...saleOf(worked.deliveries[0]!), listingKey: seller.publicKey, buyerKey: buyer.publicKey };
        const [first, second] = [deliver(seller.secret, sale), deliver(seller.secret, sale)];
        expect(hex(first.ephemeral)).not.toBe(hex(second.ephemeral));
        for (const delivery of [first, second]) {
            verify(sale, delivery);
            expect(hex(open(delivery, buyer.secret))).toBe(hex(sharedSecret(seller.secret)));
            expect(hex(open(delivery, keypair().secret))).not.toBe(hex(sharedSecret(seller.secret)));
        }
    });

    it('cannot be made without the listing’s secret, nor for a key that is none', () => {
        const vector = worked.deliveries[0]!;
        const secret = fromHex(vector.listing_secret);
        expect(verdict(() => deliver(keypair().secret, saleOf(vector)))).toBe('WrongProof');
        const identity = { ...saleOf(vector), buyerKey: new Uint8Array(32) };
        expect(verdict(() => deliver(secret, identity))).toBe('IdentityPoint');
        const noPoint = { ...saleOf(vector), buyerKey: new Uint8Array(32).fill(0xff) };
        expect(verdict(() => deliver(secret, noPoint))).toBe('InvalidPoint');
    });

    it('takes no secret that is zero, not below the order, or of another length', () => {
        const order = fromHex('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010');
        for (const bytes of [new Uint8Array(32), order, new Uint8Array(32).fill(0xff), Uint8Array.of(1)]) {
            expect(verdict(() => publicKey(bytes))).toBe('InvalidSecret');
        }
    });

    it('is refused with a proof of another length, and never checked against parts of another length', () => {
        const vector = worked.deliveries[0]!;
        const [ephemeral, sealed] = [fromHex(vector.ephemeral), fromHex(vector.sealed)];
        const cut = { ephemeral, sealed, proof: fromHex(vector.proof).slice(0, 79) };
        expect(verdict(() => verify(saleOf(vector), cut))).toBe('WrongProof');
        // The transcript would be read in two ways if its parts could have any length.
        const delivery = { ephemeral, sealed, proof: fromHex(vector.proof) };
        const { network, program } = saleOf(vector);
        const shifted = { ...saleOf(vector), network: network.slice(0, 31), program };
        expect(() => verify(shifted, delivery)).toThrow(RangeError);
    });
});

type Case = { what: string; parties: number; sale?: string; delivery: string; verdict: string; opens: boolean };
type Parties = { sale: string; buyer_secret: string; shared_secret: string };
const money = readVectors<{ parties: Parties[]; cases: Case[] }>('money_iff_key.json');

function readSale(text: string): Sale {
    const bytes = fromHex(text);
    const part = (index: number) => bytes.slice(32 * index, 32 * index + 32);
    return {
        network: part(0),
        program: part(1),
        listing: part(2),
        purchase: part(3),
        buyer: part(4),
        listingKey: part(5),
        buyerKey: part(6),
    };
}

function readDelivery(text: string): Delivery {
    const bytes = fromHex(text);
    return { ephemeral: bytes.slice(0, 32), sealed: bytes.slice(32, 64), proof: bytes.slice(64) };
}

it('a results key is made from its seed as by `ResultsSecretKey::from_seed`', () => {
    // The same seed and key stand in `crates/data/tests/typescript.rs`.
    const { publicKey } = resultsKeypair(new Uint8Array(32).fill(7));
    expect(hex(publicKey)).toBe('6eb77eec4ff223ecd6fa0c335c74dce994eea5ce9b9b0224840db4654f3b883b');
    expect(() => resultsKeypair(new Uint8Array(31))).toThrow(RangeError);
});

describe('money moves if and only if the key opens', () => {
    const judged = money.cases.map(({ what, parties, sale, delivery: text, ...rust }) => {
        const { sale: own, buyer_secret, shared_secret } = money.parties[parties]!;
        const delivery = readDelivery(text);
        let opens = false;
        const opened = verdict(() => {
            opens = hex(open(delivery, fromHex(buyer_secret))) === shared_secret;
        });
        expect(['accepted', 'IdentityPoint', 'InvalidPoint']).toContain(opened);
        return { what, rust, here: { verdict: verdict(() => verify(readSale(sale ?? own), delivery)), opens } };
    });

    it(`agrees with Rust on each of ${money.cases.length} cases`, () => {
        expect(judged.length).toBeGreaterThanOrEqual(200);
        for (const { what, rust, here } of judged) expect(here, what).toEqual(rust);
    });

    it('accepts what an honest seller sends, which opens, and nothing else', () => {
        for (const { what, here } of judged) {
            expect(here.verdict === 'accepted', what).toBe(what === 'honest');
            if (here.verdict === 'accepted') expect(here.opens, what).toBe(true);
        }
    });
});
