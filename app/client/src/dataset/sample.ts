/**
 * The free sample: rows that neither seller nor buyer chose, shown in clear with the path that proves each of them to be
 * that row of the listed dataset. Nobody needs a key to check it.
 */
import * as v from 'valibot';

import { equal, fromUtf8, hex, sha256, u64, utf8 } from '../bytes';
import { blindedLeaf } from './derive';
import { DatasetError, malformed, parsing } from './error';
import { readRecord } from './held';
import { verifyPath } from './merkle';
import type { Listed } from './package';
import { provenanceHash } from './provenance';
import { fixedBytes, parseShape, safeCount, u32Count } from './shape';
import type { Store } from './store';

/** Most rows of a sample. */
const MAX_ROWS = 10n;
/** A sample has at most one row of so many. */
const ONE_IN = 10n;
/** Largest sample that is read. */
const MAX_SAMPLE_BYTES = 64 << 20;
/** Longest path: a tree has at most 2^64 leaves. */
const MAX_PATH = 64;
const MAX_U64 = (1n << 64n) - 1n;
const DOMAIN = utf8('lumora sample v1');

const shape = v.strictObject({
    version: v.literal(1),
    listing: fixedBytes(32),
    beacon: fixedBytes(32),
    rows: v.array(
        v.strictObject({
            number: safeCount,
            record: v.string(),
            job: fixedBytes(32),
            shard: u32Count,
            node: fixedBytes(32),
            fetched_at: v.pipe(v.number(), v.safeInteger()),
            robots: v.picklist(['no_rules', 'allowed']),
            blinding: fixedBytes(32),
            path: v.pipe(v.array(fixedBytes(32)), v.maxLength(MAX_PATH)),
        }),
    ),
});

/** A published sample. Members are those of the stored one; see `Sample` of `crates/data` for each. */
export type Sample = v.InferOutput<typeof shape>;

/** The published sample of a listing (its address, 32 bytes), unchecked; `undefined` if there is none. */
export async function findSample(listing: Uint8Array, store: Store): Promise<Sample | undefined> {
    const cid = await store.resolve(`samples/${hex(listing)}`);
    if (cid === undefined) return undefined;
    const text = await store.get(cid, MAX_SAMPLE_BYTES);
    return parsing('a sample', () => parseShape('a sample', shape, JSON.parse(fromUtf8(text))));
}

/**
 * Checks that these are the rows that chance chose, and that each stands at its place in the listed dataset. `beacon` is
 * the hash of the first block after the one in which the dataset was listed.
 */
export function verifySample(sample: Sample, listed: Listed, listing: Uint8Array, beacon: Uint8Array): void {
    const bad = (why: string) => new DatasetError('BadSample', { why });
    if (!equal(sample.listing, listing)) throw bad('it is of another listing');
    if (!equal(sample.beacon, beacon)) {
        throw bad('it was chosen by another hash than that of the block after the listing');
    }
    const wanted = sampleRows(beacon, listing, listed.provenanceRoot, listed.rows);
    if (sample.rows.length !== wanted.length || sample.rows.some(({ number }, at) => BigInt(number) !== wanted[at])) {
        throw bad("it has other rows than those that the block's hash chose");
    }
    if (listed.rows > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed('a sample', 'it is of more than 2^53 rows');
    for (const row of sample.rows) {
        const record = utf8(row.record);
        const leaf = provenanceHash({
            ...row,
            recordHash: sha256(record),
            urlHash: sha256(utf8(readRecord(record).url)),
            fetchedAt: BigInt(row.fetched_at),
        });
        const blinded = blindedLeaf(row.blinding, leaf);
        if (!verifyPath(listed.provenanceRoot, blinded, row.number, Number(listed.rows), row.path)) {
            throw bad(`row ${row.number} is not that row of the listed dataset`);
        }
    }
}

/** The numbers of the rows that are the sample, in order: ten, and at most a tenth of the dataset. */
export function sampleRows(
    beacon: Uint8Array,
    listing: Uint8Array,
    provenanceRoot: Uint8Array,
    rows: bigint,
): readonly bigint[] {
    const wanted = rows / ONE_IN < MAX_ROWS ? rows / ONE_IN : MAX_ROWS;
    const chosen = new Set<bigint>();
    // Draws at or above this would make small numbers likelier than large ones.
    const fair = rows === 0n ? 0n : rows * (MAX_U64 / rows);
    for (let counter = 0; chosen.size < wanted; counter++) {
        const digest = sha256(DOMAIN, beacon, listing, provenanceRoot, u64(counter));
        const draw = new DataView(digest.buffer).getBigUint64(0, true);
        if (draw < fair) chosen.add(draw % rows);
    }
    return [...chosen].sort((a, b) => (a < b ? -1 : 1));
}
