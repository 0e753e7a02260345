/** The terms on which nodes work: what they may be, and what they cost. */
import { completeTerms, MAX_REPLICAS, MAX_SHARDS } from '@lumora/client';

/** Terms of a job. */
export type Terms = {
    readonly shards: number;
    readonly replicas: number;
    /** LMR base units for one replica of one shard, the protocol's fee included. */
    readonly price: bigint;
    readonly openSeconds: number;
    readonly commitSeconds: number;
    readonly revealSeconds: number;
    /** Seconds in which a result may be challenged: of one that has no other beside it. */
    readonly challengeSeconds: number;
};

/** Nodes that may do a shard while its results do not agree. */
export const mostReplicas = (replicas: number): number => completeTerms({ replicas }).maxReplicas;

/** Seconds for each step of the work on a shard. */
export type Times = Pick<Terms, 'commitSeconds' | 'revealSeconds' | 'challengeSeconds'>;

/**
 * The usual times, shortened in proportion where bonds could be taken back before the work is judged: all steps together,
 * with a round of showing for each node that may be added, must fit into the time to unbond.
 */
export function timesFor(replicas: number, unbondingSeconds: number): Times {
    const usual = completeTerms({ replicas });
    const rounds = usual.maxReplicas - replicas + 1;
    const whole = usual.commitSeconds + rounds * usual.revealSeconds + usual.challengeSeconds;
    const part = Math.min(unbondingSeconds / whole, 1);
    const of = (seconds: number) => Math.floor(seconds * part);
    return {
        commitSeconds: of(usual.commitSeconds),
        revealSeconds: of(usual.revealSeconds),
        challengeSeconds: of(usual.challengeSeconds),
    };
}

/** LMR base units that are spent where all results agree at once. */
export const expectedOf = ({ price, shards, replicas }: Pick<Terms, 'price' | 'shards' | 'replicas'>): bigint =>
    price * BigInt(shards) * BigInt(replicas);

/** What is wrong with the terms; `undefined` where nothing is. */
export function termsProblem({ shards, replicas, price }: Terms, pages: number): string | undefined {
    if (shards > MAX_SHARDS) return `At most ${MAX_SHARDS} shards: split a larger job into several.`;
    if (shards > Math.max(pages, 1)) return `${pages} pages cannot be split into ${shards} shards.`;
    if (shards < 1 || replicas < 1 || replicas > MAX_REPLICAS)
        return `Between 1 and ${MAX_REPLICAS} nodes do each shard.`;
    return price > 0n ? undefined : 'The price must be above zero.';
}
