/** Reads from an indexer: REST for what is, server-sent events for what happens. */
import { rules } from '@lumora/client';

import { EVENT_NAMES } from '../text/events';
import { Told } from '../transactions/explain';
import type {
    AssignmentView,
    EpochView,
    EventFilter,
    EventPage,
    EventView,
    Follower,
    JobState,
    JobView,
    ListingView,
    NetworkView,
    NodeView,
    ShardView,
    Source,
    Weights,
} from './model';

/** Items of a page when all of a list is read: the most that an indexer gives. */
const PAGE = 500;
/** Most items of a list that are read for one view. */
const MOST_ITEMS = 20_000;

/** What an event of a newer program is called. */
const UNKNOWN = 'Unknown';

/** The indexer refused or cannot be reached; the message says what to do. */
export class IndexerError extends Told {
    override readonly name = 'IndexerError';
}

type Query = Readonly<Record<string, string | number | undefined>>;
type Page<T> = { readonly items: readonly T[]; readonly next: string | null };

/** The documents of the indexer's OpenAPI description, as far as they are shown. */
type NodeDocument = {
    address: string;
    owner: string;
    operator: string;
    index: number;
    active: boolean;
    region: string;
    location: rules.UnitVector;
    limit_kbps: number;
    shard_capacity: number;
    bond: string;
    unbonding: string;
    unbonds_at: number | null;
    slashed: string;
    registered_at: number;
    claimed: string;
    attestation: null | {
        epoch: string;
        reason: number;
        uptime_bps: number;
        reputation_bps: number;
        down_kbps: number;
        up_kbps: number;
        rtt_us: number;
        contribution: string;
        cumulative_reward: string;
        measured_at: number;
    };
    work: null | { active: number; completed: string; failed: string; expired: string; earned: string };
};
type NetworkDocument = {
    parameters: null | {
        paused: string[];
        minimum_bond: string;
        shard_bond: string;
        unbonding_seconds: number;
        weights_bps: Weights;
        max_wait_seconds: number;
        protocol_fee_bps: number;
        adaptation: {
            count: number;
            last_at: number | null;
            frozen: boolean;
            base: { weights_bps: Weights; max_wait_seconds: number };
        };
    };
    oracles: null | { active: string[]; epoch_seconds: number };
    emission: null | { cap: string; minted: string; claimed: string; burned: string };
    bandwidth: {
        nodes: number;
        active_nodes: number;
        offered_kbps: string;
        attested_down_kbps: string;
        attested_up_kbps: string;
        in_use_kbps: string;
        shard_capacity: number;
        active_assignments: number;
    };
    jobs: Record<string, number>;
    listings: Record<string, number>;
    purchases: Record<string, number>;
};
type JobDocument = {
    address: string;
    state: JobState;
    client: string;
    manifest_hash: string;
    replicas: number;
    shard_count: number;
    settled_shards: number;
    live_assignments: number;
    price: string;
    escrowed: string;
    paid: string;
    fees: string;
    refunded: string;
    opened_at: number;
    deadline: number;
};
type ShardDocument = {
    shard: number;
    state: ShardView['state'];
    winners: number[];
    assignments: {
        replica: number;
        node: string;
        state: AssignmentView['state'];
        score: number;
        claimed_at: number;
        commit_deadline: number;
        committed_at: number | null;
        revealed_at: number | null;
    }[];
};
type ListingDocument = {
    address: string;
    state: string;
    seller: string;
    price: string;
    delivery_seconds: number;
    metadata_hash: string;
    content_hash: string;
    job: string | null;
    rows: string;
    size_bytes: string;
    sales: string;
    refunds: string;
    ratings: string;
    mean_rating: number | null;
    created_at: number;
};
type EpochDocument = {
    epoch: string;
    state: string;
    starts_at: number;
    ends_at: number;
    leaf_count: number;
    total_contribution: string;
    epoch_reward: string;
};
type EventDocument = {
    seq: string;
    signature: string;
    time: number | null;
    program: string;
    name: string;
    fields: Record<string, unknown>;
};

/** See the module. */
export class Indexer implements Source {
    readonly kind = 'indexer';

    /** `base` is the indexer's address, without a slash at its end. */
    constructor(
        private readonly base: string,
        private readonly fetch: typeof globalThis.fetch = (input, init) => globalThis.fetch(input, init),
        private readonly openEvents: (url: string) => EventSource = url => new EventSource(url),
    ) {}

    async network(): Promise<NetworkView> {
        const { parameters, oracles, emission, bandwidth, ...counts } = await this.#get<NetworkDocument>('network');
        return {
            parameters:
                parameters === null
                    ? undefined
                    : {
                          paused: parameters.paused,
                          minimumBond: BigInt(parameters.minimum_bond),
                          shardBond: BigInt(parameters.shard_bond),
                          unbondingSeconds: parameters.unbonding_seconds,
                          weights: parameters.weights_bps,
                          maxWaitSeconds: parameters.max_wait_seconds,
                          protocolFeeBps: parameters.protocol_fee_bps,
                          adaptation: {
                              count: parameters.adaptation.count,
                              lastAt: parameters.adaptation.last_at ?? undefined,
                              frozen: parameters.adaptation.frozen,
                              base: {
                                  weights: parameters.adaptation.base.weights_bps,
                                  maxWaitSeconds: parameters.adaptation.base.max_wait_seconds,
                              },
                          },
                      },
            epochSeconds: oracles?.epoch_seconds ?? 0,
            oracles: oracles?.active.length ?? 0,
            nodes: bandwidth.nodes,
            activeNodes: bandwidth.active_nodes,
            offeredKbps: BigInt(bandwidth.offered_kbps),
            attestedDownKbps: BigInt(bandwidth.attested_down_kbps),
            attestedUpKbps: BigInt(bandwidth.attested_up_kbps),
            inUseKbps: BigInt(bandwidth.in_use_kbps),
            shardCapacity: bandwidth.shard_capacity,
            activeAssignments: bandwidth.active_assignments,
            minted: BigInt(emission?.minted ?? 0),
            claimed: BigInt(emission?.claimed ?? 0),
            burned: BigInt(emission?.burned ?? 0),
            cap: BigInt(emission?.cap ?? 0),
            openJobs: counts.jobs['open'] ?? 0,
            activeListings: counts.listings['active'] ?? 0,
            openPurchases: counts.purchases['open'] ?? 0,
        };
    }

    async nodes(): Promise<readonly NodeView[]> {
        return (await this.#all<NodeDocument>('nodes')).map(node);
    }

    async nodesOf(owner: string): Promise<readonly NodeView[]> {
        return (await this.#all<NodeDocument>('nodes', { owner })).map(node);
    }

    async jobsOf(client: string): Promise<readonly JobView[]> {
        return (await this.#all<JobDocument>('jobs', { client })).map(job);
    }

    async job(address: string): Promise<JobView | undefined> {
        const found = await this.#maybe<JobDocument>(`jobs/${encodeURIComponent(address)}`);
        return found && job(found);
    }

    async shards(address: string): Promise<readonly ShardView[]> {
        return (await this.#all<ShardDocument>('shards', { job: address })).map(shard);
    }

    async listings(): Promise<readonly ListingView[]> {
        return (await this.#all<ListingDocument>('listings')).map(listing);
    }

    async epochs(): Promise<readonly EpochView[]> {
        const page = await this.#get<Page<EpochDocument>>('epochs', { limit: 120 });
        return page.items.map(epoch);
    }

    async events(filter: EventFilter, cursor?: string): Promise<EventPage> {
        const page = await this.#get<Page<EventDocument>>('events', { ...filter, limit: PAGE, cursor });
        return { events: page.items.map(event), cursor: page.next ?? undefined };
    }

    follow({ happened, state }: Follower): () => void {
        state('connecting');
        const stream = this.openEvents(`${this.base}/v1/events/stream`);
        stream.onopen = () => state('live');
        // The browser connects again by itself, from where it broke off.
        stream.onerror = () => state('lost');
        const told = (message: MessageEvent<string>) => happened(event(JSON.parse(message.data) as EventDocument));
        // A stream names each message after its event, so listeners are needed for all of them.
        for (const name of [...EVENT_NAMES, UNKNOWN]) stream.addEventListener(name, told);
        return () => stream.close();
    }

    async #all<T>(route: string, query: Query = {}): Promise<readonly T[]> {
        const items: T[] = [];
        let cursor: string | undefined;
        do {
            const page: Page<T> = await this.#get<Page<T>>(route, { ...query, limit: PAGE, cursor });
            items.push(...page.items);
            cursor = page.next ?? undefined;
        } while (cursor !== undefined && items.length < MOST_ITEMS);
        return items;
    }

    async #get<T>(route: string, query: Query = {}): Promise<T> {
        const found = await this.#maybe<T>(route, query);
        if (found === undefined)
            throw new IndexerError('The indexer does not know this. It may be a moment behind the chain.');
        return found;
    }

    async #maybe<T>(route: string, query: Query = {}): Promise<T | undefined> {
        const given = Object.entries(query).filter(([, value]) => value !== undefined);
        const search = new URLSearchParams(given.map(([name, value]) => [name, `${value}`]));
        const response = await this.fetch(`${this.base}/v1/${route}?${search}`).catch(() => {
            throw new IndexerError(
                `The indexer at ${this.base} cannot be reached. Check your connection; this page tries again by itself.`,
            );
        });
        if (response.status === 404) return undefined;
        if (!response.ok) {
            const problem = (await response.json().catch(() => ({}))) as { detail?: string };
            throw new IndexerError(problem.detail ?? `The indexer answered ${response.status}. Try again in a moment.`);
        }
        return (await response.json()) as T;
    }
}

const node = (it: NodeDocument): NodeView => ({
    address: it.address,
    owner: it.owner,
    operator: it.operator,
    index: it.index,
    active: it.active,
    region: it.region,
    centre: rules.degreesOf(it.location),
    limitKbps: it.limit_kbps,
    shardCapacity: it.shard_capacity,
    bond: BigInt(it.bond),
    unbonding: BigInt(it.unbonding),
    unbondsAt: it.unbonds_at ?? undefined,
    slashed: BigInt(it.slashed),
    registeredAt: it.registered_at,
    claimed: BigInt(it.claimed),
    attestation:
        it.attestation === null
            ? undefined
            : {
                  epoch: BigInt(it.attestation.epoch),
                  reason: it.attestation.reason,
                  uptimeBps: it.attestation.uptime_bps,
                  reputationBps: it.attestation.reputation_bps,
                  downKbps: it.attestation.down_kbps,
                  upKbps: it.attestation.up_kbps,
                  rttUs: it.attestation.rtt_us,
                  contribution: BigInt(it.attestation.contribution),
                  cumulativeReward: BigInt(it.attestation.cumulative_reward),
                  measuredAt: it.attestation.measured_at,
              },
    work:
        it.work === null
            ? undefined
            : {
                  active: it.work.active,
                  completed: BigInt(it.work.completed),
                  failed: BigInt(it.work.failed),
                  expired: BigInt(it.work.expired),
                  earned: BigInt(it.work.earned),
              },
});

const job = (it: JobDocument): JobView => ({
    address: it.address,
    state: it.state,
    client: it.client,
    manifestHash: it.manifest_hash,
    replicas: it.replicas,
    shardCount: it.shard_count,
    settledShards: it.settled_shards,
    liveAssignments: it.live_assignments,
    price: BigInt(it.price),
    escrowed: BigInt(it.escrowed),
    paid: BigInt(it.paid),
    fees: BigInt(it.fees),
    refunded: BigInt(it.refunded),
    openedAt: it.opened_at,
    deadline: it.deadline,
});

const shard = (it: ShardDocument): ShardView => ({
    shard: it.shard,
    state: it.state,
    winners: it.winners,
    assignments: it.assignments.map(one => ({
        replica: one.replica,
        node: one.node,
        state: one.state,
        scoreBps: one.score,
        claimedAt: one.claimed_at,
        commitDeadline: one.commit_deadline,
        committedAt: one.committed_at ?? undefined,
        revealedAt: one.revealed_at ?? undefined,
    })),
});

const listing = (it: ListingDocument): ListingView => ({
    address: it.address,
    active: it.state === 'active',
    seller: it.seller,
    price: BigInt(it.price),
    deliverySeconds: it.delivery_seconds,
    metadataHash: it.metadata_hash,
    contentHash: it.content_hash,
    job: it.job ?? undefined,
    rows: BigInt(it.rows),
    sizeBytes: BigInt(it.size_bytes),
    sales: BigInt(it.sales),
    refunds: BigInt(it.refunds),
    ratings: BigInt(it.ratings),
    meanRating: it.mean_rating ?? undefined,
    createdAt: it.created_at,
});

const epoch = (it: EpochDocument): EpochView => ({
    epoch: BigInt(it.epoch),
    attested: it.state === 'attested',
    startsAt: it.starts_at,
    endsAt: it.ends_at,
    nodes: it.leaf_count,
    totalContribution: BigInt(it.total_contribution),
    reward: BigInt(it.epoch_reward),
});

const event = (it: EventDocument): EventView => ({
    id: it.seq,
    signature: it.signature,
    time: it.time ?? undefined,
    program: it.program,
    name: it.name,
    fields: it.fields,
});
