/**
 * What the rooms show, whether an indexer or the chain told it. Amounts are LMR base units, rates kbit/s, latencies
 * microseconds, shares basis points, times Unix seconds.
 */

/** A place in degrees, north and east positive. */
export type Degrees = { readonly latitude: number; readonly longitude: number };

/** A node's latest proven figures. */
export type AttestedFigures = {
    readonly epoch: bigint;
    readonly reason: number;
    readonly uptimeBps: number;
    readonly reputationBps: number;
    readonly downKbps: number;
    readonly upKbps: number;
    readonly rttUs: number;
    readonly contribution: bigint;
    readonly cumulativeReward: bigint;
    readonly measuredAt: number;
};

/** How a node's assignments ended. */
export type WorkFigures = {
    readonly active: number;
    readonly completed: bigint;
    readonly failed: bigint;
    readonly expired: bigint;
    readonly earned: bigint;
};

/** A node. */
export type NodeView = {
    readonly address: string;
    readonly owner: string;
    readonly operator: string;
    readonly index: number;
    readonly active: boolean;
    /** H3 cell of resolution 3, as hexadecimal text. */
    readonly region: string;
    /** Centre of that cell. */
    readonly centre: Degrees;
    readonly limitKbps: number;
    readonly shardCapacity: number;
    readonly bond: bigint;
    readonly unbonding: bigint;
    readonly unbondsAt: number | undefined;
    readonly slashed: bigint;
    readonly registeredAt: number;
    readonly claimed: bigint;
    readonly attestation: AttestedFigures | undefined;
    readonly work: WorkFigures | undefined;
};

/** Names of the score's terms, in the order of the weights. */
export const SCORE_TERMS = ['Bandwidth', 'Proximity', 'Latency', 'Reputation'] as const;

/** Weights of the four terms, basis points. */
export type Weights = readonly [number, number, number, number];

/** What the authority has set. */
export type ParametersView = {
    readonly paused: readonly string[];
    readonly minimumBond: bigint;
    readonly shardBond: bigint;
    readonly unbondingSeconds: number;
    readonly weights: Weights;
    readonly maxWaitSeconds: number;
    readonly protocolFeeBps: number;
    readonly adaptation: AdaptationView;
};

/** How the oracles have adapted weights and longest wait to what they measured. */
export type AdaptationView = {
    /** Adaptations so far. */
    readonly count: number;
    readonly lastAt: number | undefined;
    readonly frozen: boolean;
    /** What the authority set last: adaptations stay near it. */
    readonly base: { readonly weights: Weights; readonly maxWaitSeconds: number };
};

/** The network as a whole. */
export type NetworkView = {
    readonly parameters: ParametersView | undefined;
    readonly epochSeconds: number;
    readonly oracles: number;
    readonly nodes: number;
    readonly activeNodes: number;
    readonly offeredKbps: bigint;
    readonly attestedDownKbps: bigint;
    readonly attestedUpKbps: bigint;
    readonly inUseKbps: bigint;
    readonly shardCapacity: number;
    readonly activeAssignments: number;
    readonly minted: bigint;
    readonly claimed: bigint;
    readonly burned: bigint;
    readonly cap: bigint;
    readonly openJobs: number;
    readonly activeListings: number;
    readonly openPurchases: number;
};

/** How a job stands. */
export type JobState = 'open' | 'cancelled' | 'settled' | 'closed';

/** A job. */
export type JobView = {
    readonly address: string;
    readonly state: JobState;
    readonly client: string;
    readonly manifestHash: string;
    readonly replicas: number;
    readonly shardCount: number;
    readonly settledShards: number;
    readonly liveAssignments: number;
    readonly price: bigint;
    readonly escrowed: bigint;
    readonly paid: bigint;
    readonly fees: bigint;
    readonly refunded: bigint;
    readonly openedAt: number;
    readonly deadline: number;
};

/** A node's work on one replica of a shard. */
export type AssignmentView = {
    readonly replica: number;
    readonly node: string;
    readonly state: 'claimed' | 'committed' | 'revealed' | 'expired' | 'rejected';
    readonly scoreBps: number;
    readonly claimedAt: number;
    readonly commitDeadline: number;
    readonly committedAt: number | undefined;
    readonly revealedAt: number | undefined;
};

/** A shard of a job. */
export type ShardView = {
    readonly shard: number;
    readonly state: 'open' | 'assigned' | 'settled';
    readonly winners: readonly number[];
    readonly assignments: readonly AssignmentView[];
};

/** A dataset for sale. */
export type ListingView = {
    readonly address: string;
    readonly active: boolean;
    readonly seller: string;
    readonly price: bigint;
    readonly deliverySeconds: number;
    /** SHA-256 of the data card and of the package, hexadecimal. */
    readonly metadataHash: string;
    readonly contentHash: string;
    readonly job: string | undefined;
    readonly rows: bigint;
    readonly sizeBytes: bigint;
    readonly sales: bigint;
    readonly refunds: bigint;
    readonly ratings: bigint;
    /** Mean rating in hundredths. */
    readonly meanRating: number | undefined;
    readonly createdAt: number;
};

/** A reward period. */
export type EpochView = {
    readonly epoch: bigint;
    readonly attested: boolean;
    readonly startsAt: number;
    readonly endsAt: number;
    readonly nodes: number;
    readonly totalContribution: bigint;
    readonly reward: bigint;
};

/** Something that happened. Integers of 64 bits in `fields` are texts, bytes hexadecimal. */
export type EventView = {
    /** Tells events apart, and orders those of one source. */
    readonly id: string;
    readonly signature: string;
    readonly time: number | undefined;
    readonly program: string;
    readonly name: string;
    readonly fields: Readonly<Record<string, unknown>>;
};

/** One page of events, the newest first. */
export type EventPage = {
    readonly events: readonly EventView[];
    /** For the next page; `undefined` on the last. */
    readonly cursor: string | undefined;
};

/** Which events. */
export type EventFilter = {
    readonly address?: string;
    readonly name?: string;
};

/** Whether news arrive. */
export type LiveState = 'connecting' | 'live' | 'lost';

/** Told of what happens. */
export type Follower = {
    /** Something happened; `undefined` where it is only known that something did. */
    readonly happened: (event: EventView | undefined) => void;
    readonly state: (state: LiveState) => void;
};

/** Where the rooms read from. */
export interface Source {
    readonly kind: 'indexer' | 'chain';
    network(): Promise<NetworkView>;
    nodes(): Promise<readonly NodeView[]>;
    nodesOf(owner: string): Promise<readonly NodeView[]>;
    jobsOf(client: string): Promise<readonly JobView[]>;
    job(address: string): Promise<JobView | undefined>;
    shards(job: string): Promise<readonly ShardView[]>;
    listings(): Promise<readonly ListingView[]>;
    epochs(): Promise<readonly EpochView[]>;
    events(filter: EventFilter, cursor?: string): Promise<EventPage>;
    /** Follows what happens until the function that it returns is called. */
    follow(follower: Follower): () => void;
}
