/** What a wallet bought of a listing. */
import { fetchPurchases, purchaseState } from '@lumora/client';
import type { Address } from '@solana/kit';
import { useQuery } from '@tanstack/react-query';

import { useSession } from '../../session';

const SECOND = 1_000;

/** The wallet's purchases of a listing, the latest first. While one is open it is looked at every two seconds. */
export function usePurchases(listing: Address, buyer: Address | undefined) {
    const { rpc } = useSession();
    return useQuery({
        queryKey: ['live', 'purchases', listing, buyer],
        enabled: buyer !== undefined,
        queryFn: async () => {
            const purchases = await fetchPurchases(rpc, { listing, buyer: buyer! });
            return purchases.sort((a, b) => b.data.index - a.data.index);
        },
        refetchInterval: ({ state }) =>
            state.data?.some(({ data }) => data.state === purchaseState.open) ? 2 * SECOND : 30 * SECOND,
    });
}
