/** Bytes that come in pieces, cut anew. */
import { type Bytes, concat } from '../bytes';
import { malformed } from './error';

/** Longest row: a record has at most 8 MiB of text, which JSON may write six times as long. */
const MAX_ROW = 64 << 20;
const LINE_BREAK = 10;

/** Bytes to which more are added. */
export class Growing {
    #buffer: Bytes = new Uint8Array(0);
    #length = 0;

    get length(): number {
        return this.#length;
    }

    push(bytes: Uint8Array): void {
        const length = this.#length + bytes.length;
        if (length > this.#buffer.length) {
            const grown = new Uint8Array(Math.max(length, 2 * this.#buffer.length));
            grown.set(this.#buffer.subarray(0, this.#length));
            this.#buffer = grown;
        }
        this.#buffer.set(bytes, this.#length);
        this.#length = length;
    }

    /** A copy of all bytes; none are left. */
    take(): Bytes {
        const bytes = this.#buffer.slice(0, this.#length);
        this.clear();
        return bytes;
    }

    clear(): void {
        this.#length = 0;
    }
}

/** Splits bytes into lines, which may begin in one piece and end in another. */
export class Lines {
    readonly #begun = new Growing();

    /** The lines that end in this piece, without their line breaks. */
    *take(piece: Bytes): Generator<Bytes, void, undefined> {
        let start = 0;
        for (let end = piece.indexOf(LINE_BREAK); end !== -1; end = piece.indexOf(LINE_BREAK, start)) {
            const line = piece.subarray(start, end);
            start = end + 1;
            yield this.#begun.length === 0 ? line : concat(this.#begun.take(), line);
        }
        this.#begun.push(piece.subarray(start));
        if (this.#begun.length > MAX_ROW) throw malformed('a row', 'it is longer than any record');
    }

    /** What comes after the last line break. */
    rest(): Bytes | undefined {
        return this.#begun.length === 0 ? undefined : this.#begun.take();
    }
}

/** Cuts chunks of any lengths into pieces of these. */
export async function* cut(chunks: AsyncIterable<Uint8Array>, lengths: readonly number[]): AsyncGenerator<Bytes> {
    let [piece, filled, next] = [new Uint8Array(lengths[0] ?? 0), 0, 1];
    for await (const chunk of chunks) {
        for (let at = 0; at < chunk.length;) {
            const taken = chunk.subarray(at, at + piece.length - filled);
            if (taken.length === 0) throw malformed('what was kept', 'it is longer than was said');
            piece.set(taken, filled);
            [filled, at] = [filled + taken.length, at + taken.length];
            if (filled === piece.length) {
                yield piece;
                [piece, filled, next] = [new Uint8Array(lengths[next] ?? 0), 0, next + 1];
            }
        }
    }
    if (next <= lengths.length) throw malformed('what was kept', 'it is shorter than was said');
}
