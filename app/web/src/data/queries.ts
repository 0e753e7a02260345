/** What the rooms ask, with how long an answer is good. Keys that begin with `live` are asked anew when something happens. */
import { fetchLmrBalance } from '@lumora/client';
import type { Address } from '@solana/kit';
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';

import { useSession } from '../session';
import type { EventFilter } from './model';

const SECOND = 1_000;

/** The network as a whole. */
export function useNetwork() {
    const { source } = useSession();
    return useQuery({ queryKey: ['live', 'network'], queryFn: () => source.network(), refetchInterval: 10 * SECOND });
}

/** All nodes. A large answer, so it is not asked for with every event. */
export function useNodes() {
    const { source } = useSession();
    return useQuery({
        queryKey: ['nodes'],
        queryFn: () => source.nodes(),
        refetchInterval: 60 * SECOND,
        staleTime: 30 * SECOND,
    });
}

/** The nodes of a wallet. */
export function useNodesOf(owner: string | undefined) {
    const { source } = useSession();
    return useQuery({
        queryKey: ['live', 'nodes', owner],
        queryFn: () => source.nodesOf(owner!),
        enabled: owner !== undefined,
        refetchInterval: 15 * SECOND,
    });
}

/** The jobs of a wallet. */
export function useJobsOf(client: string | undefined) {
    const { source } = useSession();
    return useQuery({
        queryKey: ['live', 'jobs', client],
        queryFn: () => source.jobsOf(client!),
        enabled: client !== undefined,
        refetchInterval: 15 * SECOND,
    });
}

/** A job and its shards. */
export function useJob(address: string) {
    const { source } = useSession();
    return useQuery({
        queryKey: ['live', 'job', address],
        queryFn: async () => {
            const [job, shards] = await Promise.all([source.job(address), source.shards(address)]);
            return job === undefined ? null : { job, shards };
        },
        refetchInterval: 5 * SECOND,
    });
}

/** All datasets. */
export function useListings() {
    const { source } = useSession();
    return useQuery({ queryKey: ['live', 'listings'], queryFn: () => source.listings(), refetchInterval: 30 * SECOND });
}

/** The latest epochs. */
export function useEpochs() {
    const { source } = useSession();
    return useQuery({ queryKey: ['live', 'epochs'], queryFn: () => source.epochs(), refetchInterval: 20 * SECOND });
}

/** What happened, page by page, the newest first. */
export function useEvents(filter: EventFilter, live = true) {
    const { source } = useSession();
    return useInfiniteQuery({
        queryKey: [live ? 'live' : 'still', 'events', filter],
        queryFn: ({ pageParam }) => source.events(filter, pageParam),
        initialPageParam: undefined as string | undefined,
        getNextPageParam: page => page.cursor,
        placeholderData: keepPreviousData,
    });
}

/** The latest events of these names. `version` changes where more may have come. */
export function useHistory(names: readonly string[], version: string) {
    const { source } = useSession();
    return useQuery({
        queryKey: ['history', names, version],
        queryFn: async () => {
            const pages = await Promise.all(names.map(name => source.events({ name })));
            return pages.flatMap(({ events }) => events);
        },
        staleTime: Infinity,
        placeholderData: keepPreviousData,
    });
}

/** What a wallet holds: lamports and LMR base units. */
export function useBalances(wallet: Address | undefined) {
    const { rpc } = useSession();
    return useQuery({
        queryKey: ['live', 'balances', wallet],
        enabled: wallet !== undefined,
        refetchInterval: 20 * SECOND,
        queryFn: async () => {
            const [lamports, lmr] = await Promise.all([
                rpc.getBalance(wallet!, { commitment: 'confirmed' }).send(),
                fetchLmrBalance(rpc, wallet!),
            ]);
            return { lamports: BigInt(lamports.value), lmr };
        },
    });
}
