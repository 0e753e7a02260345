/**
 * Where the rows come from: one entry for each record of each shard in the order of the dataset, encrypted. Whoever has
 * the rows computes from the entries the result root that each node revealed on chain.
 */
import { type Bytes, concat, sha256, u32, u64, utf8 } from '../bytes';
import { malformed } from './error';
import { leafHash } from './merkle';
import type { Origin } from './package';

const DOMAIN = utf8('lumora provenance v1');

/** What robots.txt said about a page: there was none, or it allows the page. */
export type Robots = 'no_rules' | 'allowed';

const ROBOTS: readonly Robots[] = ['no_rules', 'allowed'];
/** First byte of the entry of a record that was left out; a row's entry begins with the number of its `Robots`. */
const LEFT_OUT = 2;
/** Bytes of the two kinds of entries. */
const ROW_LENGTH = 13;
const LEFT_OUT_LENGTH = 37;

/** Where a row comes from. */
export type RowSource = {
    readonly kind: 'row';
    /** Number of its shard among the package's origins. */
    readonly origin: number;
    /** Unix time of the fetch. */
    readonly fetchedAt: bigint;
    /** What robots.txt said. */
    readonly robots: Robots;
};

/** What is known of one record of a shard: it is the next row, or was left out because another row has its content. */
export type Entry =
    | RowSource
    | {
          readonly kind: 'left out';
          /** Number of its shard among the package's origins. */
          readonly origin: number;
          /** Its leaf under the shard's result root. */
          readonly leaf: Bytes;
      };

/** The bytes of an entry. */
export const encodeEntry = (entry: Entry): Bytes =>
    entry.kind === 'row'
        ? concat(Uint8Array.of(ROBOTS.indexOf(entry.robots)), u32(entry.origin), u64(entry.fetchedAt))
        : concat(Uint8Array.of(LEFT_OUT), u32(entry.origin), entry.leaf);

/** Reads entries from the decrypted segments, which cut them anywhere. */
export class EntryReader {
    readonly #segments: AsyncIterator<Bytes>;
    #bytes: Bytes = new Uint8Array(0);
    #at = 0;

    constructor(segments: AsyncIterable<Bytes>) {
        this.#segments = segments[Symbol.asyncIterator]();
    }

    /** The next entry; `undefined` at the end. What is cut short or has no meaning is an error. */
    async next(): Promise<Entry | undefined> {
        if (!(await this.#have(1))) {
            if (this.#at < this.#bytes.length) throw malformed('the provenance', 'its last entry is cut short');
            return undefined;
        }
        const tag = this.#bytes[this.#at]!;
        if (tag > LEFT_OUT) throw malformed('the provenance', `an entry begins with ${tag}, which has no meaning`);
        const length = tag === LEFT_OUT ? LEFT_OUT_LENGTH : ROW_LENGTH;
        if (!(await this.#have(length))) throw malformed('the provenance', 'its last entry is cut short');
        const bytes = this.#bytes.subarray(this.#at, this.#at + length);
        this.#at += length;
        const view = new DataView(bytes.buffer, bytes.byteOffset);
        const origin = view.getUint32(1, true);
        if (tag === LEFT_OUT) return { kind: 'left out', origin, leaf: bytes.slice(5) };
        return { kind: 'row', origin, fetchedAt: view.getBigInt64(5, true), robots: ROBOTS[tag]! };
    }

    /** Ends the reading of segments. */
    async close(): Promise<void> {
        await this.#segments.return?.();
    }

    /** Whether there are `length` bytes more. */
    async #have(length: number): Promise<boolean> {
        while (this.#bytes.length - this.#at < length) {
            const segment = await this.#segments.next();
            if (segment.done) return false;
            this.#bytes = concat(this.#bytes.subarray(this.#at), segment.value);
            this.#at = 0;
        }
        return true;
    }
}

/** The provenance of one record. */
export type ProvenanceLeaf = Pick<Origin, 'job' | 'shard' | 'node'> &
    Pick<RowSource, 'fetchedAt' | 'robots'> & {
        /** SHA-256 of the record as it stands in the dataset. */
        readonly recordHash: Uint8Array;
        /** SHA-256 of the URL it was taken from. */
        readonly urlHash: Uint8Array;
    };

/** The leaf's hash in a provenance tree, before it is blinded. */
export const provenanceHash = (leaf: ProvenanceLeaf): Bytes =>
    leafHash(
        sha256(
            DOMAIN,
            leaf.recordHash,
            leaf.urlHash,
            u64(leaf.fetchedAt),
            Uint8Array.of(ROBOTS.indexOf(leaf.robots)),
            leaf.node,
            leaf.job,
            u32(leaf.shard),
        ),
    );
