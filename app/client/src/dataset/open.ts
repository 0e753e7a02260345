/**
 * Opening a dataset that was bought: download, decrypt, and check every promise of the listing, in memory that does not
 * grow with the dataset.
 */
import type { Bytes } from '../bytes';
import { ahead } from './ahead';
import { type Card, readCard } from './card';
import { cidOf } from './cid';
import { Blinding } from './derive';
import { DatasetError } from './error';
import { Held, type Row } from './held';
import { cut, Lines } from './lines';
import { Accumulator, leafHash, leafHashOfLong } from './merkle';
import { type Listed, type Package, readPackage, same, sameNumber, type SealedStream } from './package';
import { EntryReader } from './provenance';
import { ciphertextLengthOf, encodeHeader, plaintextLengthOf, SegmentCipher } from './segment';
import type { Store } from './store';
import type { Verification } from './verification';

/** Bytes of segments that are under way at once. */
const IN_FLIGHT = 24 << 20;

/** What a dataset says about itself before it is bought. */
export type Described = {
    readonly card: Card;
    readonly package: Package;
};

/** Reads card and package and holds them against the listing and each other. Needs no key. */
export async function describeDataset(listed: Listed, store: Store): Promise<Described> {
    const package_ = await readPackage(listed, store);
    return { card: await readCard(listed, package_, store), package: package_ };
}

/** Rows that an earlier download kept. */
export type Kept = {
    /** How many bytes: a {@link Dataset.resumePoint}. */
    readonly length: number;
    /** These bytes, cut anywhere. They are checked. */
    readonly chunks: AsyncIterable<Uint8Array>;
};

/** How a dataset is read. */
export type ReadOptions = {
    /** What need not be downloaded again. */
    readonly kept?: Kept;
};

/** A segment in clear and its hashed leaves. */
type Opened = { readonly plaintext: Bytes; readonly ciphertextLeaf: Bytes; readonly plaintextLeaf: Bytes };

/** What reading gives, in order: the rows that end in a segment, then the segment. */
type Piece = { readonly row: Row } | { readonly segment: Bytes; readonly index: number };

/** A dataset that can be read: card and package are the listed ones, and the key is the one they were encrypted with. */
export class Dataset {
    /** The data card. */
    readonly card: Card;
    /** The package. */
    readonly package: Package;
    readonly #listed: Listed;
    readonly #store: Store;
    readonly #rows: SegmentCipher;
    readonly #provenance: SegmentCipher;
    readonly #plaintextBlinding: Blinding;
    readonly #provenanceBlinding: Blinding;
    #verification: Verification | undefined;

    private constructor(
        described: Described,
        from: { listed: Listed; store: Store; key: Uint8Array; rows: SegmentCipher; provenance: SegmentCipher },
    ) {
        ({ card: this.card, package: this.package } = described);
        this.#listed = from.listed;
        this.#store = from.store;
        this.#rows = from.rows;
        this.#provenance = from.provenance;
        this.#plaintextBlinding = new Blinding(from.key, from.listed.datasetId, 'plaintext');
        this.#provenanceBlinding = new Blinding(from.key, from.listed.datasetId, 'provenance');
    }

    /**
     * Opens the dataset that was `listed` with its content key (32 bytes). Throws `WrongKey` before anything is
     * decrypted.
     */
    static async open(listed: Listed, key: Uint8Array, store: Store): Promise<Dataset> {
        const described = await describeDataset(listed, store);
        const rows = await SegmentCipher.open(key, described.package.rows.header);
        const provenance = await SegmentCipher.open(key, described.package.provenance.header);
        return new Dataset(described, { listed, store, key, rows, provenance });
    }

    /**
     * The rows, in order.
     *
     * Each comes from a segment that the listing's package names and that decrypts, but the roots are known at the end
     * only: until the loop has ended without an error, the rows are provisional.
     */
    async *rows(options: ReadOptions = {}): AsyncGenerator<Row, void, undefined> {
        for await (const piece of this.#read(options)) if ('row' in piece) yield piece.row;
    }

    /**
     * The rows as JSON Lines in pieces of a segment, for writing into a file; from the end of what was kept on. Checked,
     * and provisional, like {@link rows}.
     */
    async *bytes(options: ReadOptions = {}): AsyncGenerator<Bytes, void, undefined> {
        const first = this.#keptSegments(options.kept);
        for await (const piece of this.#read(options)) {
            if ('segment' in piece && piece.index >= first) yield piece.segment;
        }
    }

    /**
     * Of how many bytes of {@link bytes} use can be made, where `length` were written before a download was stopped: cut
     * the file to this, and pass it as {@link ReadOptions.kept}.
     */
    resumePoint(length: number): number {
        const { segmentSize, plaintextLength } = this.package.rows.header;
        return length >= plaintextLength ? plaintextLength : Math.floor(length / segmentSize) * segmentSize;
    }

    /** What was verified. Throws `NotRead` until {@link rows} or {@link bytes} were read to the end. */
    verification(): Verification {
        if (this.#verification === undefined) throw new DatasetError('NotRead', {});
        return this.#verification;
    }

    async *#read(options: ReadOptions): AsyncGenerator<Piece, void, undefined> {
        this.#verification = undefined;
        const { rows, provenance } = this.package;
        const entries = new EntryReader(this.#provenanceSegments(provenance));
        const held = new Held(this.package.origins, entries, this.#provenanceBlinding);
        const [ciphertextTree, plaintextTree, lines] = [new Accumulator(), new Accumulator(), new Lines()];
        ciphertextTree.push(leafHash(encodeHeader(rows.header)));
        let index = 0;
        try {
            for await (const { plaintext, ciphertextLeaf, plaintextLeaf } of this.#rowSegments(options.kept)) {
                ciphertextTree.push(ciphertextLeaf);
                plaintextTree.push(plaintextLeaf);
                for (const line of lines.take(plaintext)) yield { row: await held.row(line) };
                yield { segment: plaintext, index };
                index += 1;
            }
            const last = lines.rest();
            if (last !== undefined) yield { row: await held.row(last) };
            await held.end();
        } finally {
            await entries.close();
        }
        same('ciphertext', this.#listed.ciphertextRoot, ciphertextTree.root());
        same('plaintext', this.#listed.plaintextRoot, plaintextTree.root());
        same('provenance', this.#listed.provenanceRoot, held.root());
        sameNumber('number of rows', this.#listed.rows, held.rows);
        this.#verification = { ...held.verification(), segments: index, bytes: this.package.bytes };
    }

    #keptSegments(kept: Kept | undefined): number {
        if (kept === undefined) return 0;
        if (this.resumePoint(kept.length) !== kept.length) {
            throw new RangeError('what was kept ends within a segment: cut it to `resumePoint`');
        }
        return Math.ceil(kept.length / this.package.rows.header.segmentSize);
    }

    async *#rowSegments(kept: Kept | undefined): AsyncGenerator<Opened, void, undefined> {
        const first = this.#keptSegments(kept);
        if (kept !== undefined) yield* this.#keptRows(kept, first);
        yield* ahead(first, this.#rows.count, inFlight(this.package.rows), async (index, signal) => {
            const ciphertext = await this.#fetch(this.package.rows, index, signal);
            return this.#opened(index, ciphertext, await this.#rows.decrypt(index, ciphertext));
        });
    }

    /** Encryption is deterministic, so what was kept shows by itself whether it is what was downloaded. */
    async *#keptRows(kept: Kept, count: number): AsyncGenerator<Opened, void, undefined> {
        const { header, segments } = this.package.rows;
        const lengths = Array.from({ length: count }, (_, index) => plaintextLengthOf(header, index));
        let index = 0;
        for await (const plaintext of cut(kept.chunks, lengths)) {
            const ciphertext = await this.#rows.seal(index, plaintext);
            if ((await cidOf(ciphertext)) !== segments[index]) throw new DatasetError('KeptMismatch', { index });
            yield await this.#opened(index, ciphertext, plaintext);
            index += 1;
        }
    }

    async #opened(index: number, ciphertext: Bytes, plaintext: Bytes): Promise<Opened> {
        const [ciphertextLeaf, plaintextLeaf] = await Promise.all([
            leafHashOfLong(ciphertext),
            this.#plaintextBlinding.leafOfLong(index, plaintext),
        ]);
        return { plaintext, ciphertextLeaf, plaintextLeaf };
    }

    #provenanceSegments(sealed: SealedStream): AsyncGenerator<Bytes, void, undefined> {
        return ahead(0, this.#provenance.count, inFlight(sealed), async (index, signal) =>
            this.#provenance.decrypt(index, await this.#fetch(sealed, index, signal)),
        );
    }

    /** A segment has the length it must have, or does not take memory. */
    #fetch({ header, segments }: SealedStream, index: number, signal: AbortSignal): Promise<Bytes> {
        return this.#store.get(segments[index]!, ciphertextLengthOf(header, index), signal);
    }
}

const inFlight = ({ header }: SealedStream): number =>
    Math.min(Math.max(Math.floor(IN_FLIGHT / header.segmentSize), 1), 16);
