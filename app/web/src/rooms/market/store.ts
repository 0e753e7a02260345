/** What the store tells of a dataset: its card, the package behind it, the free sample. */
import { dataset, listedOf, type ListingAccount } from '@lumora/client';
import {
    type Address,
    getAddressEncoder,
    getBase16Encoder,
    getBase58Encoder,
    type Rpc,
    type Signature,
    signature as asSignature,
    type SolanaRpcApi,
} from '@solana/kit';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';

import type { ListingView, Source } from '../../data/model';
import { useSession } from '../../session';

/** Pages of a listing's events that are looked through for its beginning. */
const MOST_PAGES = 40;

/** A sample and what was found of it. */
export type CheckedSample = {
    readonly sample: dataset.Sample;
    /** Why it is not to be trusted; `undefined` where every check passed. */
    readonly problem: string | undefined;
    /** Whether the block was found whose hash chooses the rows. */
    readonly beaconKnown: boolean;
};

/** The configured store. */
export function useStore(): dataset.HttpStore | undefined {
    const { config } = useSession();
    return useMemo(
        () => (config.storeUrl === undefined ? undefined : new dataset.HttpStore(config.storeUrl)),
        [config.storeUrl],
    );
}

/** The card of a listing in a list. Its bytes are those that the listing names; its package is not looked at yet. */
export function useCard(listing: ListingView) {
    const store = useStore();
    return useQuery({
        queryKey: ['card', listing.metadataHash],
        enabled: store !== undefined,
        staleTime: Infinity,
        queryFn: (): Promise<dataset.Card> => {
            const digest = new Uint8Array(getBase16Encoder().encode(listing.metadataHash));
            return dataset.peekCard(dataset.cidOfDigest(digest), store!);
        },
    });
}

/** Card and package, held against the listing and each other. */
export function useDescribed(listing: ListingAccount | undefined) {
    const store = useStore();
    return useQuery({
        queryKey: ['described', listing?.address, listing?.data.revision],
        enabled: store !== undefined && listing !== undefined,
        staleTime: Infinity,
        queryFn: () => dataset.describeDataset(listedOf(listing!), store!),
    });
}

/** The free sample, checked; `null` where none was published. */
export function useSample(listing: ListingAccount | undefined) {
    const store = useStore();
    const { rpc, source } = useSession();
    return useQuery({
        queryKey: ['sample', listing?.address],
        enabled: store !== undefined && listing !== undefined,
        staleTime: Infinity,
        queryFn: async (): Promise<CheckedSample | null> => {
            const address = new Uint8Array(getAddressEncoder().encode(listing!.address));
            const sample = await dataset.findSample(address, store!);
            if (sample === undefined) return null;
            const beacon = await beaconOf(rpc, source, listing!.address).catch(() => undefined);
            try {
                dataset.verifySample(sample, listedOf(listing!), address, beacon ?? sample.beacon);
                return { sample, problem: undefined, beaconKnown: beacon !== undefined };
            } catch (error) {
                const problem = error instanceof Error ? error.message : String(error);
                return { sample, problem, beaconKnown: beacon !== undefined };
            }
        },
    });
}

/** The hash of the first block after the one in which the dataset was listed. */
async function beaconOf(rpc: Rpc<SolanaRpcApi>, source: Source, listing: Address): Promise<Uint8Array | undefined> {
    const signature = await createdBy(source, listing);
    if (signature === undefined) return undefined;
    const created = await rpc
        .getTransaction(signature, { encoding: 'json', maxSupportedTransactionVersion: 0, commitment: 'confirmed' })
        .send();
    if (created === null) return undefined;
    const [slot] = await rpc.getBlocksWithLimit(created.slot + 1n, 1).send();
    if (slot === undefined) return undefined;
    const block = await rpc
        .getBlock(slot, { transactionDetails: 'none', rewards: false, maxSupportedTransactionVersion: 0 })
        .send();
    return block === null ? undefined : new Uint8Array(getBase58Encoder().encode(block.blockhash));
}

/** The transaction that made the listing; others may have named its address before. */
async function createdBy(source: Source, listing: Address): Promise<Signature | undefined> {
    let cursor: string | undefined;
    for (let page = 0; page < MOST_PAGES; page++) {
        const { events, cursor: next } = await source.events({ address: listing, name: 'ListingCreated' }, cursor);
        const found = events.at(-1);
        if (found !== undefined) return asSignature(found.signature);
        if (next === undefined) return undefined;
        cursor = next;
    }
    return undefined;
}
