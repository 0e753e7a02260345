/** Who may take a shard, and from when: the score of a node for a job. `crates/core/src/score.rs`, to the last integer. */
import { type Address, getAddressEncoder, type ReadonlyUint8Array } from '@solana/kit';

import { sha256, u32, utf8 } from '../bytes';
import type { Attestation } from '../generated/bandwidth';
import type { Network, Node } from '../generated/registry';
import type { Job } from '../generated/tasks';
import { chordDistance, type UnitVector } from './geo';
import { ONE, ratio, shareOf } from './units';

/** Four numbers, one for each term: of shares, or of weights. In basis points. */
export type Terms = {
    /** Attested bandwidth: min(attested, limit) / reference. */
    readonly bandwidth: number;
    /** Nearness to where the data lives: D / (D + distance). */
    readonly proximity: number;
    /** Round-trip time: L / (L + rtt). */
    readonly latency: number;
    /** Reputation, as attested. */
    readonly reputation: number;
};

/** The network's scoring parameters. */
export type Scoring = {
    /** How much each term counts; they sum to 10,000. */
    readonly weights: Terms;
    /** Rate from which on more does not count, kbit/s. */
    readonly referenceKbps: number;
    /** Distance at which proximity counts half, kilometres. */
    readonly halfDistanceKm: number;
    /** Round-trip time at which latency counts half, microseconds. */
    readonly halfLatencyUs: number;
};

/** What is known of a node when it asks for a shard. */
export type Figures = {
    /** Attested rate, kbit/s. */
    readonly attestedKbps: number;
    /** The provider's own limit, kbit/s. */
    readonly limitKbps: number;
    /** Distance to the job's target, kilometres. */
    readonly distanceKm: number;
    /** Attested round-trip time, microseconds. */
    readonly rttUs: number;
    /** Attested reputation, basis points. */
    readonly reputationBps: number;
};

/** The scoring parameters of a network. */
export const scoringOf = (network: Network): Scoring => ({
    weights: {
        bandwidth: network.weightBandwidth,
        proximity: network.weightProximity,
        latency: network.weightLatency,
        reputation: network.weightReputation,
    },
    referenceKbps: network.referenceKbps,
    halfDistanceKm: network.halfDistanceKm,
    halfLatencyUs: network.halfLatencyUs,
});

/** What a node's score for a job is made of. */
export const figuresOf = (
    node: Pick<Node, 'limitKbps' | 'location'>,
    attestation: Pick<Attestation, 'downKbps' | 'rttUs' | 'reputationBps'>,
    job: Pick<Job, 'target'>,
): Figures => ({
    attestedKbps: attestation.downKbps,
    limitKbps: node.limitKbps,
    distanceKm: chordDistance(vectorOf(node.location), vectorOf(job.target)),
    rttUs: attestation.rttUs,
    reputationBps: attestation.reputationBps,
});

const vectorOf = ([x = 0, y = 0, z = 0]: readonly number[]): UnitVector => [x, y, z];

/** The terms of the score, each a share. */
export function terms(scoring: Scoring, figures: Figures): Terms {
    const half = (half: number, value: number) => ratio(half, half + value);
    return {
        bandwidth: ratio(Math.min(figures.attestedKbps, figures.limitKbps), scoring.referenceKbps),
        proximity: half(scoring.halfDistanceKm, figures.distanceKm),
        latency: half(scoring.halfLatencyUs, figures.rttUs),
        reputation: Math.min(figures.reputationBps, ONE),
    };
}

/** The score of a node for a job, in basis points: the weighted sum of its {@link terms}. */
export function score(scoring: Scoring, figures: Figures): number {
    const { weights } = scoring;
    const shares = terms(scoring, figures);
    const part = (term: keyof Terms) => Math.floor((weights[term] * shares[term]) / ONE);
    return Math.min(part('bandwidth') + part('proximity') + part('latency') + part('reputation'), ONE);
}

/** The longest jitter, milliseconds. */
export const LONGEST_JITTER_MILLIS = 999;

/** Milliseconds by which equal scores are told apart, from a hash that was not known when the job was written. */
export function jitterMillis(slotHash: ReadonlyUint8Array, node: Address, shard: number): number {
    const digest = sha256(
        utf8('lumora jitter v1'),
        new Uint8Array(slotHash),
        new Uint8Array(getAddressEncoder().encode(node)),
        u32(shard),
    );
    return (digest[0]! + 256 * digest[1]!) % (LONGEST_JITTER_MILLIS + 1);
}

/** When (Unix time) a node with this score may claim what became free at `openedAt`; `maxWait` is in seconds. */
export function claimableAt(openedAt: bigint, maxWait: number, score: number, jitterMillis: number): bigint {
    const wait = shareOf(Math.max(ONE - score, 0), BigInt(maxWait) * 1_000n) + BigInt(jitterMillis);
    return openedAt + (wait + 999n) / 1_000n;
}
