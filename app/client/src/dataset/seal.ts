/**
 * Sealing a dataset for sale from the results of shards: the same shards, key and settings give the same objects and roots
 * as `lumora dataset build` does.
 *
 * Everything is held in memory meanwhile. What is larger than a few hundred megabytes is work for the Rust client.
 */
import { type Bytes, compare, hex, joined, sha256, u32, utf8 } from '../bytes';
import { type Card, CARD_VERSION, croissant, URL_FIELD } from './card';
import { type Cid, cidOf } from './cid';
import { Blinding, derive } from './derive';
import { DatasetError } from './error';
import { canonical, type Json, type JsonObject, parseExactly } from './json';
import { Accumulator, leafHash } from './merkle';
import { type Listed, MAX_PACKAGE_BYTES, MAX_SHARDS, type Origin, PACKAGE_VERSION } from './package';
import { encodeEntry, type Entry, provenanceHash, type Robots } from './provenance';
import { Inference } from './schema';
import { encodeHeader, MAX_SEGMENT_SIZE, plaintextLengthOf, SEGMENT_SIZE, SegmentCipher, TAG_SIZE } from './segment';
import type { Sink } from './store';

const SALT_INFO = 'lumora dataset salt v1';
/** Longer rows are not shown in the card. */
const PREVIEW_ROW_BYTES = 64 << 10;
const PREVIEW_ROWS = 5;
const LINE_BREAK = Uint8Array.of(10);

/** One page's record and what is known of its fetch. */
export type SourceRecord = {
    /** The page. */
    readonly url: string;
    /** The record's members but for `url`. Integers beyond 2^53 as `bigint`. */
    readonly members: JsonObject;
    /** Unix time of the fetch. */
    readonly fetchedAt: number | bigint;
    /** What robots.txt said. */
    readonly robots: Robots;
};

/** The result of a shard. */
export type Shard = Pick<Origin, 'job' | 'shard' | 'node'> & {
    /** Its records, in any order. */
    readonly records: readonly SourceRecord[];
};

/** What is sealed, and how. */
export type SealInput = {
    /** The id under which it will be listed, 32 bytes. */
    readonly datasetId: Uint8Array;
    /** The content key, 32 bytes: derived from the listing's secret and the id (see `contentKey`). */
    readonly key: Uint8Array;
    /** What the card says beside what follows from the rows. */
    readonly card: Pick<Card, 'name' | 'description' | 'licence' | 'contact'> & {
        /** Hash of the manifest, 32 bytes. */
        readonly manifest: Uint8Array;
        /** Members that the manifest defines: they are in the schema even if no row has them. */
        readonly columns?: readonly string[];
        /** Pages that gave no row, by reason. */
        readonly skipped?: Card['skipped'];
        /** Rows that the card shows; five where nothing else is asked for. */
        readonly previewRows?: number;
    };
    /** The results, one for each shard. */
    readonly shards: readonly Shard[];
    /** Plaintext bytes in a segment; 1 MiB where nothing else is asked for. */
    readonly segmentSize?: number;
};

/** What was stored: what a listing needs. */
export type Packaged = Listed & {
    /** Bytes of the rows' encrypted segments. */
    readonly ciphertextBytes: number;
    /** The data card. */
    readonly description: Card;
};

/** Seals rows and provenance into `store`, with the package and the card that name them. */
export async function seal(input: SealInput, store: Sink): Promise<Packaged> {
    const { datasetId, key, card: facts, segmentSize = SEGMENT_SIZE } = input;
    if (datasetId.length !== 32 || key.length !== 32) throw unsealable('id and key have 32 bytes each');
    if (!Number.isInteger(segmentSize) || segmentSize < 1 || segmentSize > MAX_SEGMENT_SIZE) {
        throw unsealable('segments must have between 1 byte and 16 MiB');
    }
    const merged = merge(input.shards);
    const rows = merged.records.filter(({ isLeftOut }) => !isLeftOut);
    const text = joined(rows.flatMap(({ bytes }) => [bytes, LINE_BREAK]));
    const entries = joined(merged.records.map(record => encodeEntry(entryOf(record))));

    const plaintextBlinding = new Blinding(key, datasetId, 'plaintext');
    const sealedRows = await sealStream('rows', text, { key, segmentSize, store, blinding: plaintextBlinding });
    const sealedProvenance = await sealStream('provenance', entries, { key, segmentSize, store });

    const provenanceRoot = rootOfProvenance(rows, merged.origins, new Blinding(key, datasetId, 'provenance'));
    const { ciphertextRoot, plaintextRoot, stream } = sealedRows;
    const package_ = canonical({
        version: PACKAGE_VERSION,
        dataset_id: hex(datasetId),
        rows: stream,
        provenance: sealedProvenance.stream,
        origins: merged.origins.map(({ job, shard, node, resultRoot, records }) => ({
            job: hex(job),
            shard,
            node: hex(node),
            result_root: hex(resultRoot),
            records,
        })),
        ciphertext_root: hex(ciphertextRoot),
        plaintext_root: hex(plaintextRoot),
        provenance_root: hex(provenanceRoot),
        row_count: rows.length,
        bytes: text.length,
    });
    if (package_.length > MAX_PACKAGE_BYTES) {
        throw new DatasetError('TooManySegments', { bytes: text.length, segmentSize });
    }
    const description = describe(datasetId, facts, rows, text.length, merged.records.length - rows.length);
    const packageCid = await put(store, package_);
    const segments = stream.segments.length;
    return {
        datasetId,
        package: packageCid,
        card: await put(store, croissant(description, packageCid, package_.length)),
        ciphertextRoot,
        plaintextRoot,
        provenanceRoot,
        rows: BigInt(rows.length),
        segments,
        ciphertextBytes: text.length + TAG_SIZE * segments,
        description,
    };
}

const unsealable = (why: string): DatasetError => new DatasetError('Unsealable', { why });

async function put(store: Sink, bytes: Bytes): Promise<Cid> {
    const cid = await cidOf(bytes);
    await store.put(cid, bytes);
    return cid;
}

/** A record on its way into the dataset. */
type Merged = {
    readonly url: string;
    readonly urlBytes: Bytes;
    /** Canonical JSON, with the URL. */
    readonly bytes: Bytes;
    /** SHA-256 of the record without its URL, in hexadecimal. */
    readonly content: string;
    readonly origin: number;
    readonly fetchedAt: bigint;
    readonly robots: Robots;
    /** Whether a record before it has the same content. */
    isLeftOut: boolean;
};

/** All records in canonical order, repeated content marked (the first page by URL keeps it), and the shards by number. */
function merge(shards: readonly Shard[]): { records: readonly Merged[]; origins: readonly Origin[] } {
    if (shards.length > MAX_SHARDS) throw new DatasetError('TooManyOrigins', { found: shards.length });
    const sorted = [...shards].sort((a, b) => compare(a.job, b.job) || a.shard - b.shard);
    const all: Merged[] = [];
    const origins = sorted.map(({ job, shard, node, records }, origin): Origin => {
        const before = sorted[origin - 1];
        if (before !== undefined && compare(before.job, job) === 0 && before.shard === shard) {
            throw new DatasetError('ShardTwice', { shard });
        }
        const read = records.map(record => readSource(record, origin)).sort(inOrder);
        for (const record of read) all.push(record);
        const leaves = new Accumulator();
        for (const { bytes } of read) leaves.push(leafHash(bytes));
        const [jobBytes, nodeBytes] = [new Uint8Array(job), new Uint8Array(node)];
        return { job: jobBytes, shard, node: nodeBytes, resultRoot: leaves.root(), records: read.length };
    });
    all.sort(inOrder);
    const contents = new Set<string>();
    for (const record of all) {
        record.isLeftOut = contents.has(record.content);
        contents.add(record.content);
    }
    return { records: all, origins };
}

const ROBOTS_ORDER: readonly Robots[] = ['no_rules', 'allowed'];

/** By URL, then bytes, then where it comes from. */
const inOrder = (a: Merged, b: Merged): number =>
    compare(a.urlBytes, b.urlBytes) ||
    compare(a.bytes, b.bytes) ||
    a.origin - b.origin ||
    Number(a.fetchedAt - b.fetchedAt) ||
    ROBOTS_ORDER.indexOf(a.robots) - ROBOTS_ORDER.indexOf(b.robots);

function readSource(record: SourceRecord, origin: number): Merged {
    try {
        const url = new URL(record.url).href;
        const { [URL_FIELD]: _, ...members } = record.members;
        return {
            url,
            urlBytes: utf8(url),
            bytes: canonical({ ...members, [URL_FIELD]: url }),
            content: hex(sha256(canonical(members))),
            origin,
            fetchedAt: BigInt(record.fetchedAt),
            robots: record.robots,
            isLeftOut: false,
        };
    } catch (error) {
        throw unsealable(`the record of ${record.url}: ${error instanceof Error ? error.message : error}`);
    }
}

const entryOf = ({ origin, fetchedAt, robots, bytes, isLeftOut }: Merged): Entry =>
    isLeftOut ? { kind: 'left out', origin, leaf: leafHash(bytes) } : { kind: 'row', origin, fetchedAt, robots };

function rootOfProvenance(rows: readonly Merged[], origins: readonly Origin[], blinding: Blinding): Bytes {
    const tree = new Accumulator();
    rows.forEach(({ bytes, urlBytes, origin, fetchedAt, robots }, number) => {
        const [recordHash, urlHash] = [sha256(bytes), sha256(urlBytes)];
        const leaf = provenanceHash({ ...origins[origin]!, recordHash, urlHash, fetchedAt, robots });
        tree.push(blinding.leaf(number, leaf));
    });
    return tree.root();
}

/**
 * Encrypts a stream into the store. The salt is a hash of the plaintext under the key: equal data encrypts equally, and
 * different data never meets the same key and nonce.
 */
async function sealStream(
    name: string,
    plaintext: Bytes,
    {
        key,
        segmentSize,
        store,
        blinding,
    }: Pick<SealInput, 'key'> & { segmentSize: number; store: Sink; blinding?: Blinding },
) {
    const label = sha256(utf8(name), sha256(plaintext), u32(segmentSize));
    const cipher = await SegmentCipher.create(key, derive(key, label, SALT_INFO), segmentSize, plaintext.length);
    const header = encodeHeader(cipher.header);
    const [ciphertextTree, plaintextTree] = [new Accumulator(), new Accumulator()];
    ciphertextTree.push(leafHash(header));
    const segments: Cid[] = [];
    for (let index = 0; index < cipher.count; index++) {
        const start = index * segmentSize;
        const piece = plaintext.subarray(start, start + plaintextLengthOf(cipher.header, index));
        const segment = await cipher.seal(index, piece);
        ciphertextTree.push(leafHash(segment));
        if (blinding !== undefined) plaintextTree.push(blinding.leaf(index, piece));
        segments.push(await put(store, segment));
    }
    const stream = { header: hex(header), segments };
    return { stream, ciphertextRoot: ciphertextTree.root(), plaintextRoot: plaintextTree.root() };
}

/** The card of these rows. */
function describe(
    datasetId: Uint8Array,
    facts: SealInput['card'],
    rows: readonly Merged[],
    bytes: number,
    duplicates: number,
): Card {
    const { previewRows = PREVIEW_ROWS, skipped = {} } = facts;
    const step = Math.max(1, previewRows > 0 ? Math.floor(rows.length / previewRows) : 0);
    const inference = new Inference([...(facts.columns ?? []), URL_FIELD]);
    const preview: Json[] = [];
    const sites = new Map<string, number>();
    rows.forEach((row, number) => {
        // As a reader has them: from the canonical bytes.
        const members = parseExactly(row.bytes) as JsonObject;
        inference.row(members);
        const shown = number % step === 0 && preview.length < previewRows && row.bytes.length <= PREVIEW_ROW_BYTES;
        if (shown) preview.push(members);
        const site = new URL(row.url).origin;
        sites.set(site, (sites.get(site) ?? 0) + 1);
    });
    const times = rows.map(({ fetchedAt }) => Number(fetchedAt));
    const count = (robots: Robots) => rows.filter(row => row.robots === robots).length;
    return {
        version: CARD_VERSION,
        dataset_id: hex(datasetId),
        name: facts.name,
        description: facts.description,
        licence: facts.licence,
        contact: facts.contact,
        manifest: hex(facts.manifest),
        schema: inference.finish(),
        rows: rows.length,
        bytes,
        duplicates_removed: duplicates,
        preview,
        sources: [...sites]
            .map(([site, count]) => ({ site, rows: count }))
            .sort((a, b) => compare(utf8(a.site), utf8(b.site))),
        robots: {
            allowed: count('allowed'),
            no_rules: count('no_rules'),
            forbidden: skipped.robots_disallowed ?? 0,
        },
        skipped,
        collected_from: times.reduce((first, at) => Math.min(first, at), times[0] ?? 0),
        collected_until: times.reduce((last, at) => Math.max(last, at), times[0] ?? 0),
    };
}
