/** The package of a dataset: the object that names everything but the card. Its hash is in the listing. */
import * as v from 'valibot';

import { type Bytes, equal, fromUtf8, hex } from '../bytes';
import { parseCid, type Cid } from './cid';
import { DatasetError, parsing } from './error';
import { decodeHeader, type Header, segmentCount } from './segment';
import { fixedBytes, parseShape, safeCount, u32Count } from './shape';
import type { Store } from './store';

/** Version of the format. */
export const PACKAGE_VERSION = 2;
/** Largest package that is read: half a million segments. */
export const MAX_PACKAGE_BYTES = 32 << 20;
/** Most shards of a dataset: a buyer keeps some hashes for each. */
export const MAX_SHARDS = 65_536;

/** What the listing on chain promises. */
export type Listed = {
    /** The dataset's id, 32 bytes. */
    readonly datasetId: Uint8Array;
    /** Name of the {@link Package}. */
    readonly package: Cid;
    /** Name of the data card. */
    readonly card: Cid;
    /** Root of the rows' header (leaf 0) and encrypted segments. */
    readonly ciphertextRoot: Uint8Array;
    /** Root of the rows' segments in clear, blinded. */
    readonly plaintextRoot: Uint8Array;
    /** Root of the provenance of the rows, blinded. */
    readonly provenanceRoot: Uint8Array;
    /** Number of rows. */
    readonly rows: bigint;
    /** Number of the rows' encrypted segments. */
    readonly segments: number;
};

const cid = v.pipe(v.string(), v.transform(parseCid));
const stream = v.strictObject({ header: v.pipe(fixedBytes(77), v.transform(decodeHeader)), segments: v.array(cid) });
const origin = v.strictObject({
    job: fixedBytes(32),
    shard: u32Count,
    node: fixedBytes(32),
    result_root: fixedBytes(32),
    records: safeCount,
});
const shape = v.strictObject({
    version: v.literal(PACKAGE_VERSION),
    dataset_id: fixedBytes(32),
    rows: stream,
    provenance: stream,
    origins: v.array(origin),
    ciphertext_root: fixedBytes(32),
    plaintext_root: fixedBytes(32),
    provenance_root: fixedBytes(32),
    row_count: safeCount,
    bytes: safeCount,
});

/** Encrypted data in the store. */
export type SealedStream = {
    /** What the reader needs first. */
    readonly header: Header;
    /** The encrypted segments, in order. */
    readonly segments: readonly Cid[];
};

/** A shard of the dataset. */
export type Origin = {
    /** Address of the job, 32 bytes. */
    readonly job: Bytes;
    /** Number of the shard. */
    readonly shard: number;
    /** Address of the node, 32 bytes. */
    readonly node: Bytes;
    /** The result root that the node revealed. */
    readonly resultRoot: Bytes;
    /** Records under that root, those included that were left out of the dataset as duplicates. */
    readonly records: number;
};

/** See the module. */
export type Package = {
    /** The rows as JSON Lines, encrypted. */
    readonly rows: SealedStream;
    /** Where each row comes from, encrypted. */
    readonly provenance: SealedStream;
    /** The shards that the rows come from, by job and number. */
    readonly origins: readonly Origin[];
    /** Number of rows. */
    readonly rowCount: number;
    /** Bytes of the rows as JSON Lines. */
    readonly bytes: number;
    /** Bytes of the package itself. */
    readonly size: number;
};

/** Reads the package that was listed, and checks that it says what the listing says and holds together. */
export async function readPackage(listed: Listed, store: Store): Promise<Package> {
    return parsePackage(await store.get(listed.package, MAX_PACKAGE_BYTES), listed);
}

/** The same of a package's bytes, of which it is known that the listing names them. */
export function parsePackage(text: Bytes, listed: Listed): Package {
    const read = parsing('the package', () => parseShape('the package', shape, JSON.parse(fromUtf8(text))));
    same('id, not a', listed.datasetId, read.dataset_id);
    same('ciphertext', listed.ciphertextRoot, read.ciphertext_root);
    same('plaintext', listed.plaintextRoot, read.plaintext_root);
    same('provenance', listed.provenanceRoot, read.provenance_root);
    sameNumber('number of rows', listed.rows, read.row_count);
    sameNumber('number of segments', BigInt(listed.segments), read.rows.segments.length);
    sameNumber('length of the rows', BigInt(read.bytes), read.rows.header.plaintextLength);
    if (read.origins.length > MAX_SHARDS) throw new DatasetError('TooManyOrigins', { found: read.origins.length });
    for (const { header, segments } of [read.rows, read.provenance]) {
        const [expected, found] = [segmentCount(header), segments.length];
        if (expected !== found) throw new DatasetError('SegmentCount', { expected, found });
    }
    return {
        rows: read.rows,
        provenance: read.provenance,
        origins: read.origins.map(({ result_root, ...rest }) => ({ ...rest, resultRoot: result_root })),
        rowCount: read.row_count,
        bytes: read.bytes,
        size: text.length,
    };
}

/** Checks that a root is the announced one. */
export function same(what: string, expected: Uint8Array, found: Uint8Array): void {
    if (!equal(expected, found)) {
        throw new DatasetError('RootMismatch', { what, expected: hex(expected), found: hex(found) });
    }
}

/** Checks that a number is the announced one. */
export function sameNumber(what: string, expected: bigint, found: number): void {
    if (BigInt(found) !== expected) {
        throw new DatasetError('PackageMismatch', { what, expected, found: BigInt(found) });
    }
}
