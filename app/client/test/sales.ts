/** A seller with a sealed dataset that is listed on the real program, and a buyer with LMR. */
import { type Address, type KeyPairSigner, lamports } from '@solana/kit';
import { AccountState, decodeToken, getTokenEncoder, TOKEN_PROGRAM_ADDRESS } from '@solana-program/token';

import {
    createListing,
    dataset,
    delivery,
    findListingAddress,
    findLmrAddress,
    findPurchaseAddress,
    market,
    registry,
    rewards,
    saleOf,
} from '../src';
import { Chain } from './chain';
import { createNetwork } from './network';

/** LMR base units for a copy. */
export const PRICE = 10_000_007n;
/** Seconds to deliver. */
export const DELIVERY_SECONDS = 600;
const DATASET_ID = new Uint8Array(32).fill(7);
/** What the rows say. */
export const TEXTS = ['one', 'two'];

export class Sales {
    private constructor(
        readonly chain: Chain,
        readonly store: dataset.MemoryStore,
        readonly seller: KeyPairSigner,
        readonly buyer: KeyPairSigner,
        readonly keys: delivery.Keypair,
        /** Where fees go. */
        readonly treasury: Address,
    ) {}

    /** Lists the dataset as the seller's number 1. */
    static async begin(): Promise<Sales> {
        const [chain, store, keys] = [new Chain(), new dataset.MemoryStore(), delivery.keypair()];
        const [authority, seller, buyer] = [await chain.wallet(), await chain.wallet(), await chain.wallet()];
        await chain.setUpgradeAuthority(registry.LUMORA_REGISTRY_PROGRAM_ADDRESS, authority.address);
        await createNetwork(chain, authority);
        const [treasury] = await rewards.findFeesPda();
        const sales = new Sales(chain, store, seller, buyer, keys, treasury);
        await sales.giveLmr(seller.address, 0n);
        await sales.giveLmr(buyer.address, 3n * PRICE);
        const [network] = await registry.findNetworkPda();
        await chain.send(authority, [await market.getInitializeInstructionAsync({ authority, network, treasury })]);

        const packaged = await seal(store, keys);
        const terms = { price: PRICE, deliverySeconds: DELIVERY_SECONDS, listingKey: keys.publicKey };
        await chain.send(seller, await createListing(seller, 1, packaged, terms));
        return sales;
    }

    /** Gives a wallet an LMR account with this much in it. */
    async giveLmr(owner: Address, amount: bigint): Promise<void> {
        const [mint] = await rewards.findMintPda();
        const data = getTokenEncoder().encode({
            mint,
            owner,
            amount,
            delegate: null,
            state: AccountState.Initialized,
            isNative: null,
            delegatedAmount: 0n,
            closeAuthority: null,
        });
        this.chain.svm.setAccount({
            address: await findLmrAddress(owner),
            data: new Uint8Array(data),
            executable: false,
            lamports: lamports(2_039_280n),
            programAddress: TOKEN_PROGRAM_ADDRESS,
            space: BigInt(data.length),
        });
    }

    /** LMR base units in a token account. */
    amount(tokens: Address): bigint {
        return decodeToken(this.chain.account(tokens) as never).data.amount;
    }

    /** LMR base units of a wallet. */
    async balance(owner: Address): Promise<bigint> {
        return this.amount(await findLmrAddress(owner));
    }

    /** The listing as it is now. */
    async listing() {
        return market.decodeListing(this.chain.account(await findListingAddress(this.seller.address, 1)) as never);
    }

    /** The buyer's first purchase of it as it is now. */
    async purchase() {
        const listing = await findListingAddress(this.seller.address, 1);
        const address = await findPurchaseAddress(listing, this.buyer.address);
        return market.decodePurchase(this.chain.account(address) as never);
    }

    /** What the seller makes for that purchase. */
    async delivered(): Promise<delivery.Delivery> {
        return delivery.deliver(this.keys.secret, saleOf(await this.listing(), await this.purchase()));
    }
}

/** Seals two rows into a store. */
export async function seal(store: dataset.Sink, keys: delivery.Keypair): Promise<dataset.Packaged> {
    const records = TEXTS.map(text => ({
        url: `https://a.example/${text}`,
        members: { text },
        fetchedAt: 1_790_000_000,
        robots: 'allowed' as const,
    }));
    return dataset.seal(
        {
            datasetId: DATASET_ID,
            key: delivery.contentKey(delivery.sharedSecret(keys.secret), DATASET_ID),
            card: {
                name: 'Two pages',
                description: 'A test.',
                licence: 'CC0-1.0',
                contact: 'mailto:ops@example.org',
                manifest: new Uint8Array(32).fill(1),
            },
            shards: [{ job: new Uint8Array(32).fill(2), shard: 0, node: new Uint8Array(32).fill(3), records }],
        },
        store,
    );
}
