/** Reads straight from the chain, for networks without an indexer: all accounts of a kind at once, and transactions one by one. */
import {
    adaptationOf,
    asEmission,
    asEpoch,
    asNetwork,
    asOracleSet,
    assignmentState,
    bandwidth,
    EMISSION,
    fetchAs,
    fetchAssignments,
    fetchAttestations,
    fetchJob,
    fetchJobs,
    fetchListings,
    fetchNodes,
    fetchRewards,
    fetchWorks,
    findEpochAddress,
    type JobAccount,
    listingState,
    type LumoraEvent,
    market,
    NETWORK,
    NODE_ACTIVE,
    ORACLE_SET,
    registry,
    rewards,
    rules,
    type ShardState,
    tasks,
} from '@lumora/client';
import {
    type Account,
    type Address,
    address,
    createSolanaRpcSubscriptions,
    fetchEncodedAccounts,
    type Rpc,
    type Signature,
    type SolanaRpcApi,
} from '@solana/kit';

import { hex } from '../text/units';
import type {
    AdaptationView,
    AssignmentView,
    EpochView,
    EventFilter,
    EventPage,
    EventView,
    Follower,
    JobView,
    ListingView,
    NetworkView,
    NodeView,
    ShardView,
    Source,
} from './model';

/** Signatures of one page of events: each is a question to the RPC node. */
const EVENT_PAGE = 25;
/** Epochs that are looked back. */
const EPOCHS = 24n;
const PAUSES = ['registering', 'claiming work', 'buying'] as const;
const NO_JOB = '11111111111111111111111111111111';
const PROGRAMS = [
    registry.LUMORA_REGISTRY_PROGRAM_ADDRESS,
    bandwidth.LUMORA_BANDWIDTH_PROGRAM_ADDRESS,
    rewards.LUMORA_REWARDS_PROGRAM_ADDRESS,
    tasks.LUMORA_TASKS_PROGRAM_ADDRESS,
    market.LUMORA_MARKET_PROGRAM_ADDRESS,
] as const;

/** See the module. */
export class Chain implements Source {
    readonly kind = 'chain';

    constructor(
        private readonly rpc: Rpc<SolanaRpcApi>,
        private readonly wsUrl: string,
    ) {}

    async network(): Promise<NetworkView> {
        const [network, oracles, emission, nodes, jobs, listings] = await Promise.all([
            fetchAs(this.rpc, NETWORK, asNetwork),
            fetchAs(this.rpc, ORACLE_SET, asOracleSet),
            fetchAs(this.rpc, EMISSION, asEmission),
            this.nodes(),
            fetchJobs(this.rpc),
            fetchListings(this.rpc),
        ]);
        const active = nodes.filter(node => node.active);
        const sum = (values: readonly number[]) => BigInt(values.reduce((total, value) => total + value, 0));
        return {
            parameters: network
                ? {
                      paused: PAUSES.filter((_, bit) => (network.data.paused >> bit) & 1),
                      minimumBond: network.data.minimumBond,
                      shardBond: network.data.shardBond,
                      unbondingSeconds: Number(network.data.unbondingSeconds),
                      weights: [
                          network.data.weightBandwidth,
                          network.data.weightProximity,
                          network.data.weightLatency,
                          network.data.weightReputation,
                      ],
                      maxWaitSeconds: network.data.maxWaitSeconds,
                      protocolFeeBps: network.data.protocolFee,
                      adaptation: adaptation(network.data),
                  }
                : undefined,
            epochSeconds: oracles?.data.epochSeconds ?? 0,
            oracles: oracles ? [...oracles.data.states].filter(state => state === 1).length : 0,
            nodes: nodes.length,
            activeNodes: active.length,
            offeredKbps: sum(active.map(node => node.limitKbps)),
            attestedDownKbps: sum(active.map(node => node.attestation?.downKbps ?? 0)),
            attestedUpKbps: sum(active.map(node => node.attestation?.upKbps ?? 0)),
            inUseKbps: sum(active.map(inUse)),
            shardCapacity: active.reduce((total, node) => total + node.shardCapacity, 0),
            activeAssignments: nodes.reduce((total, node) => total + (node.work?.active ?? 0), 0),
            minted: emission?.data.minted ?? 0n,
            claimed: emission?.data.claimed ?? 0n,
            burned: emission?.data.burned ?? 0n,
            cap: emission?.data.cap ?? 0n,
            openJobs: jobs.filter(account => job(account).state === 'open').length,
            activeListings: listings.filter(({ data }) => data.state === listingState.active).length,
            openPurchases: listings.reduce((total, { data }) => total + data.openPurchases, 0),
        };
    }

    nodes(): Promise<readonly NodeView[]> {
        return this.#nodes();
    }

    nodesOf(owner: string): Promise<readonly NodeView[]> {
        return this.#nodes(address(owner));
    }

    async jobsOf(client: string): Promise<readonly JobView[]> {
        const found = await fetchJobs(this.rpc, address(client));
        return found.map(job).sort((a, b) => b.openedAt - a.openedAt);
    }

    async job(jobAddress: string): Promise<JobView | undefined> {
        const found = await fetchJob(this.rpc, address(jobAddress));
        return found && job(found);
    }

    async shards(jobAddress: string): Promise<readonly ShardView[]> {
        const [found, assignments] = await Promise.all([
            fetchJob(this.rpc, address(jobAddress)),
            fetchAssignments(this.rpc, { job: address(jobAddress) }),
        ]);
        if (found === undefined) return [];
        const ofShard = Map.groupBy(assignments, ({ data }) => data.shard);
        return found.shards.map((state, shard) => ({
            shard,
            state: stateOf(state, found.data.replicas),
            winners: state.isSettled ? state.replicas : [],
            assignments: (ofShard.get(shard) ?? []).map(assignment),
        }));
    }

    async listings(): Promise<readonly ListingView[]> {
        const found = await fetchListings(this.rpc);
        return found.map(listing).sort((a, b) => b.createdAt - a.createdAt);
    }

    async epochs(): Promise<readonly EpochView[]> {
        const oracles = await fetchAs(this.rpc, ORACLE_SET, asOracleSet);
        if (oracles === undefined) return [];
        const latest = oracles.data.nextEpoch;
        const numbers = Array.from(
            { length: Number(latest < EPOCHS ? latest : EPOCHS) },
            (_, back) => latest - 1n - BigInt(back),
        );
        const addresses = await Promise.all(numbers.map(findEpochAddress));
        const found = await fetchEncodedAccounts(this.rpc, addresses, { commitment: 'confirmed' });
        return found.flatMap(account => (account.exists ? [epoch(asEpoch(account))] : []));
    }

    async events({ address: about, name }: EventFilter, cursor?: string): Promise<EventPage> {
        const page = async (subject: Address) =>
            this.rpc
                .getSignaturesForAddress(subject, {
                    limit: EVENT_PAGE,
                    commitment: 'confirmed',
                    before: cursor as Signature,
                })
                .send();
        const lists = await Promise.all((about === undefined ? PROGRAMS : [address(about)]).map(page));
        const listed = [...new Map(lists.flat().map(entry => [entry.signature, entry])).values()];
        const order = listed
            .filter(({ err }) => err === null)
            .sort((a, b) => Number(b.slot - a.slot))
            .slice(0, EVENT_PAGE);
        // Loaded when the first events are read: the first page is there without it.
        const { fetchEvents } = await import('./told');
        const pages = await Promise.all(
            order.map(async ({ signature, blockTime }): Promise<readonly EventView[]> => {
                const told = await fetchEvents(this.rpc, signature);
                const time = blockTime === null ? undefined : Number(blockTime);
                return (told?.events ?? []).map((event, at) => view(event, `${signature}:${at}`, signature, time));
            }),
        );
        const events = pages.flatMap(told =>
            told
                .filter(event => name === undefined || event.name === name)
                .filter(({ fields }) => about === undefined || Object.values(fields).includes(about))
                .reverse(),
        );
        // Only a single subject can be read on from a signature.
        const more = about !== undefined && order.length === EVENT_PAGE;
        return { events, cursor: more ? order.at(-1)?.signature : undefined };
    }

    follow({ happened, state }: Follower): () => void {
        const ended = new AbortController();
        state('connecting');
        void this.#listen(ended.signal, happened, state);
        return () => ended.abort();
    }

    /** Notifications only say that something happened; a socket that breaks is opened again. */
    async #listen(abortSignal: AbortSignal, happened: Follower['happened'], state: Follower['state']): Promise<void> {
        while (!abortSignal.aborted) {
            try {
                const subscriptions = createSolanaRpcSubscriptions(this.wsUrl);
                const streams = await Promise.all(
                    PROGRAMS.map(program =>
                        subscriptions
                            .logsNotifications({ mentions: [program] }, { commitment: 'confirmed' })
                            .subscribe({ abortSignal }),
                    ),
                );
                state('live');
                await Promise.race(
                    streams.map(async stream => {
                        for await (const _ of stream) happened(undefined);
                    }),
                );
            } catch {
                // What broke shows in the state; the loop tries again.
            }
            if (abortSignal.aborted) return;
            state('lost');
            await new Promise(resolve => setTimeout(resolve, 3_000));
        }
    }

    async #nodes(owner?: Address): Promise<readonly NodeView[]> {
        const [nodes, attestations, works, claims] = await Promise.all([
            fetchNodes(this.rpc, owner),
            fetchAttestations(this.rpc),
            fetchWorks(this.rpc),
            fetchRewards(this.rpc),
        ]);
        const byNode = <T extends { node: Address }>(accounts: readonly { data: T }[]) =>
            new Map(accounts.map(({ data }) => [data.node, data]));
        const [attested, worked, claimed] = [byNode(attestations), byNode(works), byNode(claims)];
        return nodes.map(account =>
            node(account, attested.get(account.address), worked.get(account.address), claimed.get(account.address)),
        );
    }
}

/** An event as an indexer tells it: members named as in the IDL, 64-bit integers as texts, bytes in hexadecimal. */
export const view = (
    { program, name, data }: LumoraEvent,
    id: string,
    signature: string,
    time: number | undefined,
): EventView => ({ id, signature, time, program, name, fields: membersOf(data) });

const membersOf = (data: object): Record<string, unknown> =>
    Object.fromEntries(
        Object.entries(data).map(([name, value]) => [
            name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`),
            told(value),
        ]),
    );

function told(value: unknown): unknown {
    if (typeof value === 'bigint') return value.toString();
    if (value instanceof Uint8Array) return hex(value);
    if (Array.isArray(value)) return value.map(told);
    return typeof value === 'object' && value !== null ? membersOf(value) : value;
}

/** A free replica makes a shard open. */
const stateOf = ({ isSettled, replicas }: ShardState, wanted: number): ShardView['state'] =>
    isSettled ? 'settled' : replicas.length >= wanted ? 'assigned' : 'open';

const time = (seconds: bigint): number | undefined => (seconds === 0n ? undefined : Number(seconds));

function adaptation(network: registry.Network): AdaptationView {
    const { count, frozen, base } = adaptationOf(network);
    return { count, lastAt: time(network.adaptedAt), frozen, base };
}

/** Of a node's attested rate, the part that corresponds to the shards it works on, as the indexer counts it. */
const inUse = ({ attestation, work, shardCapacity }: NodeView): number =>
    Math.floor(
        ((attestation?.downKbps ?? 0) * Math.min(work?.active ?? 0, shardCapacity)) / Math.max(shardCapacity, 1),
    );

type Found<T extends object> = Pick<Account<T>, 'address' | 'data'>;

const node = (
    { address, data }: Found<registry.Node>,
    attestation: bandwidth.Attestation | undefined,
    work: tasks.Work | undefined,
    reward: rewards.Reward | undefined,
): NodeView => ({
    address,
    owner: data.owner,
    operator: data.operator,
    index: data.index,
    active: data.status === NODE_ACTIVE,
    region: data.h3Cell.toString(16),
    centre: rules.degreesOf(data.location as unknown as rules.UnitVector),
    limitKbps: data.limitKbps,
    shardCapacity: data.shardCapacity,
    bond: data.bond,
    unbonding: data.unbonding,
    unbondsAt: time(data.unbondsAt),
    slashed: data.slashed,
    registeredAt: Number(data.registeredAt),
    claimed: reward?.claimed ?? 0n,
    attestation: attestation && { ...attestation, measuredAt: Number(attestation.measuredAt) },
    work,
});

const job = ({ address, data }: Pick<JobAccount, 'address' | 'data'>): JobView => ({
    address,
    state: data.settledShards === data.shardCount ? 'settled' : data.cancelled !== 0 ? 'cancelled' : 'open',
    client: data.client,
    manifestHash: hex(data.manifestHash),
    replicas: data.replicas,
    shardCount: data.shardCount,
    settledShards: data.settledShards,
    liveAssignments: data.liveAssignments,
    price: data.price,
    escrowed: data.escrowed,
    paid: data.paid,
    fees: data.fees,
    refunded: data.refunded,
    openedAt: Number(data.openedAt),
    deadline: Number(data.deadline),
});

const STATE_NAMES = new Map(
    (Object.entries(assignmentState) as [AssignmentView['state'], number][]).map(([name, state]) => [state, name]),
);

const assignment = ({ data }: Found<tasks.Assignment>): AssignmentView => ({
    replica: data.replica,
    node: data.node,
    state: STATE_NAMES.get(data.state) ?? 'claimed',
    scoreBps: data.score,
    claimedAt: Number(data.claimedAt),
    commitDeadline: Number(data.commitDeadline),
    committedAt: time(data.committedAt),
    revealedAt: time(data.revealedAt),
});

const listing = ({ address, data }: Found<market.Listing>): ListingView => ({
    address,
    active: data.state === listingState.active,
    seller: data.seller,
    price: data.price,
    deliverySeconds: data.deliverySeconds,
    metadataHash: hex(data.metadataHash),
    contentHash: hex(data.contentHash),
    job: data.job === NO_JOB ? undefined : data.job,
    rows: data.rows,
    sizeBytes: data.sizeBytes,
    sales: data.sales,
    refunds: data.refunds,
    ratings: data.ratings,
    meanRating: data.ratings === 0n ? undefined : Number((data.ratingSum * 100n) / data.ratings),
    createdAt: Number(data.createdAt),
});

const epoch = ({ data }: Found<bandwidth.Epoch>): EpochView => ({
    epoch: data.epoch,
    attested: data.attestedAt !== 0n,
    startsAt: Number(data.startsAt),
    endsAt: Number(data.endsAt),
    nodes: data.leafCount,
    totalContribution: data.totalContribution,
    reward: data.epochReward,
});
