/** What a seller and a buyer of datasets do. Each function gives the instructions of one transaction. */
import {
    type Account,
    AccountRole,
    type Address,
    getAddressEncoder,
    type Instruction,
    type ReadonlyUint8Array,
    type TransactionSigner,
} from '@solana/kit';

import {
    findBondVaultAddress,
    findLmrAddress,
    findPurchaseAddress,
    findPurchaseVaultAddress,
    NETWORK,
} from './addresses';
import { type Bytes, sha256, utf8 } from './bytes';
import { type Cid, cidOfDigest, digestOfCid } from './dataset/cid';
import type { Listed } from './dataset/package';
import type { Packaged } from './dataset/seal';
import { contentKey, type Delivery, open, type Sale } from './delivery';
import {
    getAddBondInstructionAsync,
    getBuyInstructionAsync,
    getCloseListingInstruction,
    getClosePurchaseInstruction,
    getCreateListingInstructionAsync,
    getDeliverInstructionAsync,
    getRateInstruction,
    getRefundInstructionAsync,
    getUpdateListingInstruction,
    getWithdrawBondInstructionAsync,
    getWithdrawListingInstruction,
    type Listing,
    LUMORA_MARKET_PROGRAM_ADDRESS,
    type Purchase,
    type ShareArgs,
} from './generated/market';
import { shareOf } from './rules/units';
import { createLmrAccount } from './tokens';

/** A listing as last read. */
export type ListingAccount = Pick<Account<Listing>, 'address' | 'data'>;

/** A purchase as last read. */
export type PurchaseAccount = Pick<Account<Purchase>, 'address' | 'data'>;

/** Values of `Listing.state`. */
export const listingState = {
    /** It can be bought. */
    active: 1,
    /** Its seller sells it no more; what was bought is still delivered or refunded. */
    withdrawn: 2,
} as const;

/** Values of `Purchase.state`. A refunded purchase is closed. */
export const purchaseState = {
    /** Paid into the vault; the key is awaited. */
    open: 1,
    /** The key was delivered and the money paid out. */
    delivered: 2,
} as const;

/** Seconds after a delivery in which the buyer may rate: 30 days. */
export const RATING_SECONDS = 30 * 24 * 3_600;
/** Basis points of the price that a buyer gets on top of it, from the seller's bond, when a sale is not delivered in time. */
const LATE_PENALTY = 1_000;

/** The address of zeros: no job. */
const NO_JOB = '11111111111111111111111111111111' as Address;

/** The terms of a sale. */
export type Terms = {
    /** LMR base units for one copy, the protocol's fee included. */
    readonly price: number | bigint;
    /** Seconds in which a sale must be delivered: one to 604,800. */
    readonly deliverySeconds: number;
    /** P: the seller's public key of this dataset, 32 bytes (`delivery.keypair`). */
    readonly listingKey: ReadonlyUint8Array;
    /** Where the data card is; its content's name where nothing else is given. */
    readonly uri?: string;
    /** Job that the records were collected by, if there was one. */
    readonly job?: Address;
    /** Who is paid, in basis points that sum to 10,000; the seller alone where nothing else is given. */
    readonly payees?: readonly ShareArgs[];
};

/** Puts a sealed dataset up for sale as the seller's listing number `id`. */
export async function createListing(
    seller: TransactionSigner,
    id: number | bigint,
    packaged: Omit<Packaged, 'description'>,
    terms: Terms,
): Promise<Instruction[]> {
    const { price, deliverySeconds, listingKey, uri = `ipfs://${packaged.card}`, job = NO_JOB } = terms;
    const { payees = [{ payee: seller.address, basisPoints: 10_000 }] } = terms;
    const { datasetId, ciphertextRoot, plaintextRoot, provenanceRoot, rows, segments, ciphertextBytes } = packaged;
    return [
        await getCreateListingInstructionAsync({
            seller,
            network: NETWORK,
            id,
            price,
            deliverySeconds,
            listingKey,
            datasetId,
            metadataHash: digestOfCid(packaged.card),
            uriHash: sha256(utf8(uri)),
            contentHash: digestOfCid(packaged.package),
            ciphertextRoot,
            plaintextRoot,
            provenanceRoot,
            job,
            rows,
            sizeBytes: ciphertextBytes,
            segments,
            payees: [...payees],
        }),
    ];
}

/** What a seller may change of a listing; what was bought before keeps its terms. */
export type NewTerms = Partial<Pick<Terms, 'price' | 'deliverySeconds' | 'uri'>> & {
    /** Name of the new data card. */
    readonly card?: Cid;
};

/** Changes the terms of a listing and leaves everything else as it is. `listing` is the account as last read. */
export async function updateListing(
    seller: TransactionSigner,
    { address: listing, data }: ListingAccount,
    terms: NewTerms,
): Promise<Instruction[]> {
    const { price = data.price, deliverySeconds = data.deliverySeconds, card } = terms;
    const uri = terms.uri ?? (card === undefined ? undefined : `ipfs://${card}`);
    const metadataHash = card === undefined ? data.metadataHash : digestOfCid(card);
    const uriHash = uri === undefined ? data.uriHash : sha256(utf8(uri));
    return [getUpdateListingInstruction({ seller, listing, price, deliverySeconds, metadataHash, uriHash })];
}

/** Puts up this many LMR base units, of which buyers are paid a penalty when a sale is not delivered in time. */
export async function addBond(
    seller: TransactionSigner,
    { address: listing, data }: ListingAccount,
    amount: number | bigint,
): Promise<Instruction[]> {
    return [
        await getAddBondInstructionAsync({
            seller,
            listing,
            bondVault: await findBondVaultAddress(listing),
            lmrMint: data.lmrMint,
            sellerTokens: await findLmrAddress(seller.address),
            program: LUMORA_MARKET_PROGRAM_ADDRESS,
            amount,
        }),
    ];
}

/**
 * Gives the bond of a withdrawn listing back to its seller. Anybody may do it for the seller, whose LMR account must exist,
 * unless `payer` pays for it where it does not.
 */
export async function withdrawBond(
    { address: listing, data }: ListingAccount,
    payer?: TransactionSigner,
): Promise<Instruction[]> {
    return [
        ...(payer === undefined ? [] : [await createLmrAccount(payer, data.seller)]),
        await getWithdrawBondInstructionAsync({
            listing,
            bondVault: await findBondVaultAddress(listing),
            seller: data.seller,
            sellerTokens: await findLmrAddress(data.seller),
            program: LUMORA_MARKET_PROGRAM_ADDRESS,
        }),
    ];
}

/** Closes a withdrawn listing, so that its rent goes back to who paid it. Anybody may do it, once the program lets. */
export async function closeListing({ address: listing, data }: ListingAccount): Promise<Instruction[]> {
    return [getCloseListingInstruction({ listing, rentPayer: data.rentPayer })];
}

/**
 * Closes a delivered purchase, so that its rent goes back to its buyer. **With it goes the delivery**: whoever still wants
 * to download keeps the content key first.
 */
export async function closePurchase(buyer: TransactionSigner, purchase: Address): Promise<Instruction[]> {
    return [getClosePurchaseInstruction({ buyer, purchase })];
}

/** Stops further sales. What was bought is still delivered or refunded. */
export async function withdrawListing(seller: TransactionSigner, listing: Address): Promise<Instruction[]> {
    return [getWithdrawListingInstruction({ seller, listing })];
}

/**
 * Pays for a copy at the price and revision that the buyer has seen: where the seller changed them meanwhile, nothing is
 * paid. `buyerKey` is B, the public key of a pair drawn for this purchase alone (`delivery.keypair`): **store its secret
 * before the transaction is sent**, for nothing else opens what is delivered. `index` is the buyer's own number of this
 * purchase of the listing.
 */
export async function buy(
    buyer: TransactionSigner,
    listing: ListingAccount,
    buyerKey: ReadonlyUint8Array,
    index = 0,
): Promise<Instruction[]> {
    const { price, revision, lmrMint } = listing.data;
    const purchase = await findPurchaseAddress(listing.address, buyer.address, index);
    return [
        await getBuyInstructionAsync({
            buyer,
            network: NETWORK,
            listing: listing.address,
            purchase,
            vault: await findPurchaseVaultAddress(purchase),
            lmrMint,
            buyerTokens: await findLmrAddress(buyer.address),
            program: LUMORA_MARKET_PROGRAM_ADDRESS,
            index,
            revision,
            price,
            buyerKey,
        }),
    ];
}

/**
 * Hands over the sealed key (`delivery.deliver` of {@link saleOf}), upon which the program pays the payees and the fee.
 * Nobody need sign but who pays the transaction. The payees are paid into their associated LMR accounts, which must
 * exist, unless `payeeTokens` names other LMR accounts of theirs in the listing's order.
 */
export async function deliver(
    listing: ListingAccount,
    purchase: PurchaseAccount,
    delivery: Delivery,
    payeeTokens?: readonly Address[],
): Promise<Instruction[]> {
    const { payees, payeeCount, treasury } = listing.data;
    const tokens = payeeTokens ?? (await Promise.all(payees.slice(0, payeeCount).map(findLmrAddress)));
    const instruction = await getDeliverInstructionAsync({
        listing: listing.address,
        purchase: purchase.address,
        vault: await findPurchaseVaultAddress(purchase.address),
        buyer: purchase.data.buyer,
        treasury,
        program: LUMORA_MARKET_PROGRAM_ADDRESS,
        ...delivery,
    });
    const payeeAccounts = tokens.map(address => ({ address, role: AccountRole.WRITABLE }));
    return [{ ...instruction, accounts: [...instruction.accounts, ...payeeAccounts] }];
}

/**
 * Gives the buyer the money back once the deadline has passed, and the penalty that the seller's bond holds for it. Anybody
 * may do it for the buyer, whose LMR account must exist, unless `payer` pays for it where it does not.
 */
export async function refund(purchase: PurchaseAccount, payer?: TransactionSigner): Promise<Instruction[]> {
    const { listing, buyer } = purchase.data;
    return [
        ...(payer === undefined ? [] : [await createLmrAccount(payer, buyer)]),
        await getRefundInstructionAsync({
            listing,
            purchase: purchase.address,
            vault: await findPurchaseVaultAddress(purchase.address),
            buyer,
            buyerTokens: await findLmrAddress(buyer),
            bondVault: await findBondVaultAddress(listing),
            program: LUMORA_MARKET_PROGRAM_ADDRESS,
        }),
    ];
}

/**
 * LMR base units that a buyer gets on top of the price when a purchase made now is not delivered in time; none of a listing
 * that was never bonded. An open purchase has its own in `Purchase.penalty`.
 */
export const penaltyOf = ({ bondBump, price }: Pick<Listing, 'bondBump' | 'price'>): bigint =>
    bondBump === 0 ? 0n : shareOf(LATE_PENALTY, price);

/** Rates what was delivered, from 1 to 5, once. */
export async function rate(
    buyer: TransactionSigner,
    purchase: PurchaseAccount,
    rating: number,
): Promise<Instruction[]> {
    return [getRateInstruction({ buyer, listing: purchase.data.listing, purchase: purchase.address, rating })];
}

/** What the listing promises, for `dataset.describeDataset` and `dataset.Dataset.open`. */
export const listedOf = ({ data }: ListingAccount): Listed => ({
    datasetId: bytes(data.datasetId),
    package: cidOfDigest(bytes(data.contentHash)),
    card: cidOfDigest(bytes(data.metadataHash)),
    ciphertextRoot: bytes(data.ciphertextRoot),
    plaintextRoot: bytes(data.plaintextRoot),
    provenanceRoot: bytes(data.provenanceRoot),
    rows: data.rows,
    segments: data.segments,
});

/** What a delivery for this purchase is bound to, for `delivery.deliver` and `delivery.verify`. */
export const saleOf = (listing: ListingAccount, purchase: PurchaseAccount): Sale => ({
    network: bytes(listing.data.networkId),
    program: addressBytes(LUMORA_MARKET_PROGRAM_ADDRESS),
    listing: addressBytes(listing.address),
    purchase: addressBytes(purchase.address),
    buyer: addressBytes(purchase.data.buyer),
    listingKey: bytes(listing.data.listingKey),
    buyerKey: bytes(purchase.data.buyerKey),
});

/**
 * The content key of the dataset that was bought, 32 bytes, for `dataset.Dataset.open`; `undefined` until it is
 * delivered. The program checked the delivery when the money moved: with the secret of the purchase's `buyerKey` it gives
 * the right key.
 */
export function deliveredKey(
    listing: ListingAccount,
    purchase: PurchaseAccount,
    buyerSecret: Uint8Array,
): Bytes | undefined {
    const { state, ephemeral, sealed } = purchase.data;
    if (state !== purchaseState.delivered) return undefined;
    const shared = open({ ephemeral: bytes(ephemeral), sealed: bytes(sealed) }, buyerSecret);
    return contentKey(shared, bytes(listing.data.datasetId));
}

const bytes = (value: ReadonlyUint8Array): Bytes => new Uint8Array(value);

const addressBytes = (address: Address): Bytes => bytes(getAddressEncoder().encode(address));
