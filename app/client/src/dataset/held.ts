/** Rows held against their provenance. */
import { type Bytes, equal, fromUtf8, sha256, utf8 } from '../bytes';
import type { Blinding } from './derive';
import { DatasetError, malformed } from './error';
import { Accumulator, leafHash } from './merkle';
import type { Origin } from './package';
import { type EntryReader, provenanceHash, type RowSource } from './provenance';
import type { ShardClaim, Verification } from './verification';

/** Problems that are described one by one; more are only counted. */
const DESCRIBED_PROBLEMS = 20;

/** A row and where it comes from. */
export type Row = {
    /** Which row of the dataset, from 0. */
    readonly number: number;
    /** The record's bytes: canonical JSON. Whoever needs integers beyond 2^53 exactly reads these. */
    readonly bytes: Bytes;
    /** The record as `JSON.parse` reads it. */
    readonly value: { readonly [name: string]: unknown };
    /** The page it was taken from. */
    readonly url: string;
    /** The shard it is said to come from; see {@link Verification.shards} for whether that shard holds together. */
    readonly origin: Origin;
    /** Unix time of the fetch, as the node stated it. */
    readonly fetchedAt: RowSource['fetchedAt'];
    /** What robots.txt said, as the node stated it. */
    readonly robots: RowSource['robots'];
};

/** Holds rows against their provenance, one after the other. */
export class Held {
    readonly #leaves: Accumulator[];
    readonly #rowsOf: number[];
    readonly #provenance = new Accumulator();

    constructor(
        readonly origins: readonly Origin[],
        readonly entries: EntryReader,
        readonly blinding: Blinding,
    ) {
        this.#leaves = origins.map(() => new Accumulator());
        this.#rowsOf = origins.map(() => 0);
    }

    get rows(): number {
        return this.#provenance.length;
    }

    root(): Bytes {
        return this.#provenance.root();
    }

    async row(bytes: Bytes): Promise<Row> {
        const number = this.rows;
        const source = await this.#source(number);
        const { value, url } = readRecord(bytes);
        const origin = this.#origin(source.origin);
        this.#leaves[source.origin]!.push(leafHash(bytes));
        this.#rowsOf[source.origin]! += 1;
        const { fetchedAt, robots } = source;
        const [recordHash, urlHash] = [sha256(bytes), sha256(utf8(url))];
        const leaf = provenanceHash({ ...origin, recordHash, urlHash, fetchedAt, robots });
        this.#provenance.push(this.blinding.leaf(number, leaf));
        return { number, bytes, value, url, origin, fetchedAt, robots };
    }

    /** Reads the entries behind the last row. */
    async end(): Promise<void> {
        for (let entry = await this.entries.next(); entry !== undefined; entry = await this.entries.next()) {
            if (entry.kind === 'row') throw new DatasetError('ProvenanceWithoutRow', { rows: this.rows });
            this.#leftOut(entry.origin, entry.leaf);
        }
    }

    verification(): Pick<Verification, 'rows' | 'rowsVerified' | 'problems' | 'shards'> {
        const shards: ShardClaim[] = [];
        const problems: string[] = [];
        let rowsVerified = 0;
        this.origins.forEach(({ job, shard, node, resultRoot, records }, index) => {
            const [leaves, rows] = [this.#leaves[index]!, this.#rowsOf[index]!];
            if (leaves.length === records && equal(leaves.root(), resultRoot)) {
                rowsVerified += rows;
                shards.push({ job, shard, node, resultRoot, rows });
            } else if (problems.length < DESCRIBED_PROBLEMS) {
                problems.push(
                    `the ${rows} rows that are said to come from shard ${shard} are not what its node delivered: ` +
                        'with them its records do not give its result root',
                );
            }
        });
        return { rows: this.rows, rowsVerified, problems, shards };
    }

    /** The entry of row `number`; takes note of the records before it that were left out. */
    async #source(number: number): Promise<RowSource> {
        for (;;) {
            const entry = await this.entries.next();
            if (entry === undefined) throw new DatasetError('RowWithoutProvenance', { row: number });
            if (entry.kind === 'row') return entry;
            this.#leftOut(entry.origin, entry.leaf);
        }
    }

    #leftOut(origin: number, leaf: Bytes): void {
        this.#origin(origin);
        this.#leaves[origin]!.push(leaf);
    }

    #origin(index: number): Origin {
        const origin = this.origins[index];
        if (origin !== undefined) return origin;
        throw malformed('the provenance', `a row names shard ${index} of the package, which is not there`);
    }
}

/** A record and its URL. */
export function readRecord(bytes: Uint8Array): Pick<Row, 'value' | 'url'> {
    let value: unknown;
    try {
        value = JSON.parse(fromUtf8(bytes));
    } catch (error) {
        throw malformed('a record', String(error));
    }
    if (typeof value !== 'object' || value === null || !('url' in value) || typeof value.url !== 'string') {
        throw malformed('a record', 'it is no object that names its URL');
    }
    return { value: value as Row['value'], url: value.url };
}
