/** What a node earned in each epoch, from the proofs of its figures. */
import type { EventView } from '../../data/model';

/** An epoch of a node. */
export type EpochEarning = {
    readonly epoch: bigint;
    readonly time: number | undefined;
    readonly reward: bigint;
    readonly reason: number;
    readonly downKbps: number;
    readonly upKbps: number;
    readonly signature: string;
};

/**
 * Earnings by epoch, the newest first. A proof carries the sum of a lifetime, so an epoch's reward is what it adds to the
 * proof before. The oldest proof that is known has none before it, and is left out unless it is complete.
 */
export function earningsOf(events: readonly EventView[], complete: boolean): EpochEarning[] {
    const proofs = events
        .filter(({ name }) => name === 'NodeProven')
        .toSorted((a, b) => Number(epochOf(a) - epochOf(b)));
    const earned: EpochEarning[] = [];
    proofs.forEach((proof, at) => {
        const before = proofs[at - 1];
        if (before === undefined && !complete) return;
        if (before !== undefined && epochOf(before) === epochOf(proof)) return;
        earned.push({
            epoch: epochOf(proof),
            time: proof.time,
            reward: rewardOf(proof) - (before === undefined ? 0n : rewardOf(before)),
            reason: Number(proof.fields['reason']),
            downKbps: Number(proof.fields['down_kbps']),
            upKbps: Number(proof.fields['up_kbps']),
            signature: proof.signature,
        });
    });
    return earned.reverse();
}

const epochOf = ({ fields }: EventView): bigint => BigInt(String(fields['epoch']));
const rewardOf = ({ fields }: EventView): bigint => BigInt(String(fields['cumulative_reward']));
