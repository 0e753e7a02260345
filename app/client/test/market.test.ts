/** A sale on the real program: listed, bought, delivered, opened, rated; or refunded. */
import { AccountRole, type Address, type KeyPairSigner } from '@solana/kit';
import { beforeEach, describe, expect, it } from 'vitest';

import {
    addBond,
    buy,
    closeListing,
    closePurchase,
    createListing,
    dataset,
    deliver,
    deliveredKey,
    delivery,
    findListingAddress,
    findLmrAddress,
    findPurchaseAddress,
    listedOf,
    market,
    penaltyOf,
    rate,
    refund,
    saleOf,
    updateListing,
    withdrawBond,
    withdrawListing,
} from '../src';
import type { Chain } from './chain';
import { DELIVERY_SECONDS, PRICE, Sales, TEXTS } from './sales';

let sales: Sales;
let chain: Chain;
let store: dataset.MemoryStore;
let seller: KeyPairSigner;
let buyer: KeyPairSigner;
let treasury: Address;

const refusal = (code: number) => new RegExp(`custom program error: 0x${code.toString(16)}`);

beforeEach(async () => {
    sales = await Sales.begin();
    ({ chain, store, seller, buyer, treasury } = sales);
});

describe('a sale', () => {
    it('moves the money in the step in which the buyer gets the key that opens', async () => {
        const { card } = await dataset.describeDataset(listedOf(await sales.listing()), store);
        expect([card.name, card.rows]).toEqual(['Two pages', 2]);

        const own = delivery.keypair();
        await chain.send(buyer, await buy(buyer, await sales.listing(), own.publicKey));
        expect(await sales.balance(buyer.address)).toBe(2n * PRICE);
        expect(deliveredKey(await sales.listing(), await sales.purchase(), own.secret)).toBeUndefined();

        await chain.send(seller, await deliver(await sales.listing(), await sales.purchase(), await sales.delivered()));
        // 5 % for the protocol, what is left rounded down.
        expect(await sales.balance(seller.address)).toBe((PRICE * 9_500n) / 10_000n);
        expect((await sales.balance(seller.address)) + sales.amount(treasury)).toBe(PRICE);

        const key = deliveredKey(await sales.listing(), await sales.purchase(), own.secret)!;
        const opened = await dataset.Dataset.open(listedOf(await sales.listing()), key, store);
        const texts: unknown[] = [];
        for await (const row of opened.rows()) texts.push(row.value.text);
        expect(texts).toEqual(TEXTS);
        expect(dataset.isComplete(opened.verification())).toBe(true);

        await chain.send(buyer, await rate(buyer, await sales.purchase(), 5));
        expect((await sales.purchase()).data.rating).toBe(5);
        const { ratingSum, ratedVolume, weightedRatings } = (await sales.listing()).data;
        expect([ratingSum, ratedVolume, weightedRatings]).toEqual([5n, PRICE, 5n * PRICE]);
    });

    it('pays for no delivery that does not open', async () => {
        await chain.send(buyer, await buy(buyer, await sales.listing(), delivery.keypair().publicKey));
        const honest = await sales.delivered();
        const bent = (part: keyof delivery.Delivery, at: number) => {
            const bytes = honest[part].slice();
            bytes[at]! ^= 1;
            return { ...honest, [part]: bytes };
        };
        const zeros = new Uint8Array(32);
        const cases: [number, delivery.DeliveryErrorCode, delivery.Delivery][] = [
            [market.LUMORA_MARKET_ERROR__PROOF_WRONG, 'WrongProof', bent('proof', 20)],
            [
                market.LUMORA_MARKET_ERROR__PROOF_SCALAR,
                'NonCanonicalScalar',
                { ...honest, proof: honest.proof.map(() => 255) },
            ],
            [market.LUMORA_MARKET_ERROR__PROOF_IDENTITY_POINT, 'IdentityPoint', { ...honest, sealed: zeros }],
            [
                market.LUMORA_MARKET_ERROR__PROOF_INVALID_POINT,
                'InvalidPoint',
                { ...honest, ephemeral: zeros.map(() => 255) },
            ],
        ];
        for (const [code, reason, hostile] of cases) {
            const sent = chain.send(seller, await deliver(await sales.listing(), await sales.purchase(), hostile));
            await expect(sent).rejects.toThrow(refusal(code));
            // The reason that this client gives is that of the program.
            const sale = saleOf(await sales.listing(), await sales.purchase());
            expect(() => delivery.verify(sale, hostile)).toThrow(expect.objectContaining({ code: reason }));
        }
        expect(sales.amount(treasury) + (await sales.balance(seller.address))).toBe(0n);
        await chain.send(seller, await deliver(await sales.listing(), await sales.purchase(), honest));
        expect((await sales.listing()).data.sales).toBe(1n);
    });

    it('that is not delivered in time is refunded, by anybody', async () => {
        await chain.send(buyer, await buy(buyer, await sales.listing(), delivery.keypair().publicKey));
        const bought = await sales.purchase();
        const early = chain.send(seller, await refund(bought));
        await expect(early).rejects.toThrow(refusal(market.LUMORA_MARKET_ERROR__TOO_EARLY_TO_REFUND));

        chain.advance(BigInt(DELIVERY_SECONDS) + 1n);
        const late = chain.send(seller, await deliver(await sales.listing(), bought, await sales.delivered()));
        await expect(late).rejects.toThrow(refusal(market.LUMORA_MARKET_ERROR__DELIVERY_LATE));
        // Somebody who pays for the buyer's LMR account too, should it be gone.
        const stranger = await chain.wallet();
        await chain.send(stranger, await refund(bought, stranger));
        expect(await sales.balance(buyer.address)).toBe(3n * PRICE);
        expect((await sales.listing()).data.openPurchases).toBe(0);
    });

    it('of a bonded listing pays the buyer a penalty when it is late, and the bond comes back in the end', async () => {
        expect(penaltyOf((await sales.listing()).data)).toBe(0n);
        await sales.giveLmr(seller.address, PRICE);
        await chain.send(seller, await addBond(seller, await sales.listing(), PRICE));
        expect(await sales.balance(seller.address)).toBe(0n);
        await chain.send(buyer, await buy(buyer, await sales.listing(), delivery.keypair().publicKey));
        chain.advance(BigInt(DELIVERY_SECONDS) + 1n);
        await chain.send(await chain.wallet(), await refund(await sales.purchase()));
        const penalty = (await sales.balance(buyer.address)) - 3n * PRICE;
        expect(penalty).toBeGreaterThan(0n);
        expect(penaltyOf((await sales.listing()).data)).toBe(penalty);

        await chain.send(seller, await withdrawListing(seller, (await sales.listing()).address));
        const last = await sales.listing();
        await chain.send(buyer, await withdrawBond(last));
        expect(await sales.balance(seller.address)).toBe(PRICE - penalty);
        await chain.send(buyer, await closeListing(last));
        expect(chain.svm.getAccount(last.address).exists).toBe(false);
    });

    it('is made at the terms that the seller changed to, and its account may be closed', async () => {
        const before = await sales.listing();
        await chain.send(seller, await updateListing(seller, before, { price: 5n }));
        const after = await sales.listing();
        expect(after.data).toEqual({
            ...before.data,
            price: 5n,
            revision: before.data.revision + 1,
            updatedAt: after.data.updatedAt,
        });
        const { secret, publicKey } = delivery.keypair();
        await expect(chain.send(buyer, await buy(buyer, before, publicKey))).rejects.toThrow(
            refusal(market.LUMORA_MARKET_ERROR__REVISION_CHANGED),
        );
        await chain.send(buyer, await buy(buyer, after, publicKey));
        await chain.send(seller, await deliver(after, await sales.purchase(), await sales.delivered()));
        const bought = await sales.purchase();
        expect(deliveredKey(after, bought, secret)).toBeDefined();
        await chain.send(buyer, await closePurchase(buyer, bought.address));
        expect(chain.svm.getAccount(bought.address).exists).toBe(false);
    });

    it('is made at the price that the buyer saw, of a listing that is not withdrawn', async () => {
        const seen = await sales.listing();
        const { publicKey } = delivery.keypair();
        const cheaper = { ...seen, data: { ...seen.data, price: PRICE - 1n } };
        await expect(chain.send(buyer, await buy(buyer, cheaper, publicKey))).rejects.toThrow(
            refusal(market.LUMORA_MARKET_ERROR__PRICE_CHANGED),
        );
        const identity = chain.send(buyer, await buy(buyer, seen, new Uint8Array(32)));
        await expect(identity).rejects.toThrow(refusal(market.LUMORA_MARKET_ERROR__BUYER_KEY_INVALID));

        await chain.send(seller, await withdrawListing(seller, seen.address));
        await expect(chain.send(buyer, await buy(buyer, seen, publicKey))).rejects.toThrow(
            refusal(market.LUMORA_MARKET_ERROR__LISTING_WITHDRAWN),
        );
        expect(await sales.balance(buyer.address)).toBe(3n * PRICE);
    });

    it('pays several payees into accounts of their choice', async () => {
        const [one, two] = [await chain.wallet(), await chain.wallet()];
        await sales.giveLmr(one.address, 0n);
        await sales.giveLmr(two.address, 0n);
        const { secret, publicKey } = delivery.keypair();
        const first = await sales.listing();
        const packaged = { ...listedOf(first), ciphertextBytes: Number(first.data.sizeBytes) };
        const payees = [
            { payee: one.address, basisPoints: 8_000 },
            { payee: two.address, basisPoints: 2_000 },
        ];
        const terms = { price: 1_000n, deliverySeconds: DELIVERY_SECONDS, listingKey: publicKey, payees };
        await chain.send(seller, await createListing(seller, 2n, packaged, terms));

        const address = await findListingAddress(seller.address, 2n);
        const second = () => market.decodeListing(chain.account(address) as never);
        const own = delivery.keypair();
        await chain.send(buyer, await buy(buyer, second(), own.publicKey, 3));
        const bought = market.decodePurchase(
            chain.account(await findPurchaseAddress(address, buyer.address, 3)) as never,
        );
        const sent = delivery.deliver(secret, saleOf(second(), bought));
        const [instruction] = await deliver(second(), bought, sent);
        const tokens = [await findLmrAddress(one.address), await findLmrAddress(two.address)];
        expect(instruction!.accounts!.slice(-2)).toEqual(
            tokens.map(address => ({ address, role: AccountRole.WRITABLE })),
        );
        expect(await deliver(second(), bought, sent, tokens)).toEqual([instruction]);
        await chain.send(two, [instruction!]);
        expect([await sales.balance(one.address), await sales.balance(two.address), sales.amount(treasury)]).toEqual([
            760n,
            190n,
            50n,
        ]);
    });
});
