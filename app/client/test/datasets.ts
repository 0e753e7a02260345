/** The sealed datasets of `tests/vectors/dataset`, and a store in a folder. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { type Bytes, fromHex, hex } from '../src/bytes';
import { type Cid, type Listed, MemoryStore, parseCid, type SealInput, type Shard } from '../src/dataset';
import { type JsonObject, parseExactly } from '../src/dataset/json';
import { vectorPath } from './vectors';

/** A listing as the files have it. */
export type StoredListing = {
    dataset_id: string;
    package: string;
    card: string;
    ciphertext_root: string;
    plaintext_root: string;
    provenance_root: string;
    rows: number;
    segments: number;
};

/** `dataset.json` of the dataset that the Rust tests wrote. */
export type RustDataset = {
    listed: StoredListing;
    listing: string;
    beacon: string;
    sale: Record<'network' | 'program' | 'purchase' | 'buyer' | 'listing_key' | 'buyer_key', string>;
    delivery: Record<'ephemeral' | 'sealed' | 'proof', string>;
    listing_secret: string;
    buyer_secret: string;
    content_key: string;
    segment_size: number;
    /** Rows that the sample has of datasets of so many rows. */
    sample_rows: { rows: number | bigint; chosen: (number | bigint)[] }[];
    card: {
        name: string;
        description: string;
        licence: string;
        contact: string;
        manifest: string;
        columns: string[];
        skipped: Record<string, number>;
    };
    shards: {
        job: string;
        shard: number;
        node: string;
        records: { url: string; members: JsonObject; fetched_at: number; robots: 'allowed' | 'no_rules' }[];
    }[];
};

const read = (path: string): Bytes => new Uint8Array(readFileSync(vectorPath(`dataset/${path}`)));

/** `dataset.json`, integers of 64 bits included. */
export const readDocument = <T>(name: string): T => parseExactly(read(`${name}/dataset.json`)) as T;

/** The rows as JSON Lines. */
export const readRows = (name: string): Bytes => read(`${name}/rows.jsonl`);

export const listedOf = (stored: StoredListing): Listed => ({
    datasetId: fromHex(stored.dataset_id),
    package: parseCid(stored.package),
    card: parseCid(stored.card),
    ciphertextRoot: fromHex(stored.ciphertext_root),
    plaintextRoot: fromHex(stored.plaintext_root),
    provenanceRoot: fromHex(stored.provenance_root),
    rows: BigInt(stored.rows),
    segments: stored.segments,
});

export const storedListing = (listed: Listed): StoredListing => ({
    dataset_id: hex(listed.datasetId),
    package: listed.package,
    card: listed.card,
    ciphertext_root: hex(listed.ciphertextRoot),
    plaintext_root: hex(listed.plaintextRoot),
    provenance_root: hex(listed.provenanceRoot),
    rows: Number(listed.rows),
    segments: listed.segments,
});

export const shardsOf = (document: RustDataset): Shard[] =>
    document.shards.map(({ job, shard, node, records }) => ({
        job: fromHex(job),
        shard,
        node: fromHex(node),
        records: records.map(({ fetched_at, ...record }) => ({ ...record, fetchedAt: fetched_at })),
    }));

export const cardOf = ({ card }: RustDataset): SealInput['card'] => ({
    ...card,
    manifest: fromHex(card.manifest),
    skipped: card.skipped as SealInput['card']['skipped'] & object,
});

/** The objects and names of the store's folder in memory. */
export function readStore(name: string): MemoryStore {
    const store = new MemoryStore();
    const folder = vectorPath(`dataset/${name}/store`);
    for (const place of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        if (!place.isFile()) continue;
        const path = join(place.parentPath, place.name).slice(folder.length + 1);
        const bytes = read(`${name}/store/${path}`);
        if (path.startsWith('names/')) store.names.set(path.slice(6), parseCid(new TextDecoder().decode(bytes)));
        else store.objects.set(parseCid(place.name), bytes);
    }
    return store;
}

/** What a fixture of this side consists of, by path. */
export type Files = ReadonlyMap<string, Bytes>;

/** Compares files with those that are stored, and writes them anew where `LUMORA_WRITE_VECTORS` is set. */
export function storedFiles(name: string, made: Files): Map<string, Bytes> {
    const folder = vectorPath(`dataset/${name}`);
    if (process.env.LUMORA_WRITE_VECTORS !== undefined) {
        rmSync(folder, { recursive: true, force: true });
        for (const [path, bytes] of made) {
            mkdirSync(dirname(join(folder, path)), { recursive: true });
            writeFileSync(join(folder, path), bytes);
        }
    }
    if (!existsSync(folder)) return new Map();
    const found = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(place => place.isFile());
    return new Map(
        found.map(place => {
            const path = join(place.parentPath, place.name).slice(folder.length + 1);
            return [path, read(`${name}/${path}`)];
        }),
    );
}

/** Objects by name, sorted, for comparing two stores. */
export const namesOf = (store: MemoryStore): Cid[] => [...store.objects.keys()].sort();
