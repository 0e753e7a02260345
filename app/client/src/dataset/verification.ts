/** What was and what was not verified, as data and in words. */
import type { Origin } from './package';

/** A shard that rows come from. */
export type ShardClaim = Pick<Origin, 'job' | 'shard' | 'node' | 'resultRoot'> & {
    /** Rows from it. */
    readonly rows: number;
};

/** What was verified. The roots are the listed ones, or reading would have failed. */
export type Verification = {
    /** Rows that were read. */
    readonly rows: number;
    /** Rows that come from shards which hold together: all their records, in order, give the result root. */
    readonly rowsVerified: number;
    /** What is wrong with shards that do not; the first twenty. */
    readonly problems: readonly string[];
    /** Segments of rows. */
    readonly segments: number;
    /** Bytes of rows. */
    readonly bytes: number;
    /** The shards that hold together. Compare each `resultRoot` with the settled shard on chain. */
    readonly shards: readonly ShardClaim[];
};

/** What was and was not verified, in words. */
export type Statements = {
    /** What holds. */
    readonly verified: readonly string[];
    /** What fails, could not be checked, or cannot be checked by anybody who was not there. */
    readonly notVerified: readonly string[];
};

/** Whether every row verified. */
export const isComplete = ({ rows, rowsVerified, problems }: Verification): boolean =>
    rows === rowsVerified && problems.length === 0;

/**
 * In words. `settled` is the number of verified rows whose shard the chain saw settled, where that was looked up (compare
 * {@link ShardClaim.resultRoot} with the shard's account).
 */
export function statements(verification: Verification, settled?: number): Statements {
    const { rows, rowsVerified, segments, shards } = verification;
    const verified = [
        `the encrypted segments (${segments}) are those of the listing's ciphertext root`,
        `the ${rows} rows are those the listing's plaintext root stands for`,
        "the provenance of every row is that which the listing's provenance root stands for",
        `${rowsVerified} rows come from shards (${shards.length}) all records of which give the result root that is claimed for them`,
    ];
    const notVerified = [...verification.problems];
    if (settled === undefined) {
        notVerified.push('whether the chain saw those shards settled: it was not asked');
    } else {
        verified.push(`${settled} rows come from shards whose result root the chain saw win`);
        const others = rows - settled;
        if (others > 0) notVerified.push(`${others} rows do not come from a shard that the chain saw settled`);
    }
    notVerified.push(
        'that the pages said what the rows say: this rests on the replicas that agreed on each shard',
        'the times of the fetches and what robots.txt said: these are the statements of one node each',
    );
    return { verified, notVerified };
}
