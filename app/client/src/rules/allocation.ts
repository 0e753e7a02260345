/**
 * The public allocation formulas: shares by capped bandwidth, the 80 % rule with its redistribution, and the raw proximity
 * score. `crates/core/src/allocation.rs`; for planning, since the programs use the bounded score.
 */
import { shareOf } from './units';

/** Load from which on a node gets no more work, as a share of its capacity in basis points. */
export const LOAD_CEILING = 8_000;

/** Shards that a node of this capacity may hold at once, rounded down. */
export const shardsAllowed = (capacity: number, ceiling: number = LOAD_CEILING): number =>
    Number(shareOf(ceiling, BigInt(capacity)));

/** Tasks for each node, in the order of the input, and those that no node has room for. */
export type Allocation = { readonly tasks: readonly bigint[]; readonly unallocated: bigint };

const sumOf = (values: readonly bigint[]): bigint => values.reduce((sum, value) => sum + value, 0n);

/** The places of a list, by falling rank; of equals the first first. */
function ranked<T>(list: readonly T[], rank: (one: T) => bigint): number[] {
    const ranks = list.map(rank);
    const order = (a: number, b: number) => (ranks[b]! > ranks[a]! ? 1 : ranks[b]! < ranks[a]! ? -1 : a - b);
    return list.map((_, at) => at).sort(order);
}

/**
 * `total x C_i / sum(C)` in whole tasks that sum to `total`: what rounding leaves goes to the largest remainders, to the first
 * of equals. All zero where there is no capacity at all.
 */
export function byCapacity(total: bigint, capacities: readonly bigint[]): bigint[] {
    const sum = sumOf(capacities);
    if (sum === 0n) return capacities.map(() => 0n);
    const products = capacities.map(capacity => total * capacity);
    const shares = products.map(product => product / sum);
    const left = Number(total - sumOf(shares));
    for (const at of ranked(products, product => product % sum).slice(0, left)) shares[at]! += 1n;
    return shares;
}

/** Shares by capacity of which none passes {@link LOAD_CEILING}; what is over goes to those that have room. */
export function withLoadCeiling(total: bigint, capacities: readonly bigint[]): Allocation {
    const ceilings = capacities.map(capacity => shareOf(LOAD_CEILING, capacity));
    const tasks = capacities.map(() => 0n);
    let left = total;
    while (left > 0n) {
        const room = tasks.map((task, at) => ceilings[at]! - task);
        const shares = byCapacity(
            left,
            capacities.map((capacity, at) => (room[at]! > 0n ? capacity : 0n)),
        );
        const taken = shares.map((share, at) => (share < room[at]! ? share : room[at]!));
        const placed = sumOf(taken);
        if (placed === 0n) break;
        for (const [at, task] of taken.entries()) tasks[at]! += task;
        left -= placed;
    }
    return { tasks, unallocated: left };
}

/** A node in the raw proximity score. */
export type Candidate = {
    /** Proximity P, in milliseconds of round trip; zero counts as one. */
    readonly proximityMs: number;
    /** Latency L, in milliseconds; zero counts as one. */
    readonly latencyMs: number;
    /** Capacity C, in tasks. */
    readonly capacity: number;
};

/** `alpha/P + beta/L + gamma C/Cmax` in millionths, rounded to the nearest. The weights are in basis points. */
export function rawScores(
    weights: readonly [alpha: number, beta: number, gamma: number],
    nodes: readonly Candidate[],
): bigint[] {
    // In 10^-12, so that the three divisions do not add up to a visible error; a basis point is 10^8 of them.
    const part = (weight: number, numerator: number, denominator: number) =>
        (BigInt(weight) * 100_000_000n * BigInt(numerator)) / BigInt(Math.max(denominator, 1));
    const largest = nodes.reduce((most, { capacity }) => Math.max(most, capacity), 1);
    const [alpha, beta, gamma] = weights;
    return nodes.map(({ proximityMs, latencyMs, capacity }) => {
        const sum = part(alpha, 1, proximityMs) + part(beta, 1, latencyMs) + part(gamma, capacity, largest);
        return (sum + 500_000n) / 1_000_000n;
    });
}

/** Fills the nodes up in the order of their scores (the first of equals first) until `total` is placed. */
export function byRank(total: bigint, scores: readonly bigint[], nodes: readonly Candidate[]): Allocation {
    const tasks = nodes.map(() => 0n);
    let left = total;
    for (const at of ranked(scores.slice(0, nodes.length), score => score)) {
        const capacity = BigInt(nodes[at]!.capacity);
        tasks[at] = left < capacity ? left : capacity;
        left -= tasks[at]!;
    }
    return { tasks, unallocated: left };
}
