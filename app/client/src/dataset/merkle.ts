/**
 * Merkle trees in the shape of RFC 9162, as `lumora_core::merkle` has them: leaves and inner nodes are hashed under
 * different prefixes, and an odd node is promoted rather than doubled. Numbers of leaves are at most 2^53.
 */
import { type Bytes, digestOf, equal, sha256 } from '../bytes';

const LEAF_PREFIX = Uint8Array.of(0);
const NODE_PREFIX = Uint8Array.of(1);

/** Root of a tree without leaves: SHA-256 of nothing. */
export const emptyRoot = (): Bytes => sha256();

/** Hash of a leaf's bytes, which may come in several parts. */
export const leafHash = (...parts: readonly Uint8Array[]): Bytes => sha256(LEAF_PREFIX, ...parts);

/** {@link leafHash} by the platform, which is faster for as much as a segment. */
export const leafHashOfLong = (...parts: readonly Uint8Array[]): Promise<Bytes> => digestOf(LEAF_PREFIX, ...parts);

const nodeHash = (left: Uint8Array, right: Uint8Array): Bytes => sha256(NODE_PREFIX, left, right);

/** The root of leaves that come one after the other, in memory that grows with their number's logarithm. */
export class Accumulator {
    #leaves = 0;
    /** Roots of the complete subtrees, the largest first: one for each bit that is set in the number of leaves. */
    readonly #peaks: Bytes[] = [];

    /** Adds a hashed leaf. */
    push(leaf: Bytes): void {
        let node = leaf;
        // Dividing, since shifts would cut the number to 32 bits.
        for (let left = this.#leaves; left % 2 === 1; left = (left - 1) / 2) node = nodeHash(this.#peaks.pop()!, node);
        this.#peaks.push(node);
        this.#leaves += 1;
    }

    /** Number of leaves. */
    get length(): number {
        return this.#leaves;
    }

    /** The root of all leaves so far. */
    root(): Bytes {
        return this.#peaks.length === 0 ? emptyRoot() : this.#peaks.reduceRight((right, left) => nodeHash(left, right));
    }
}

/**
 * Whether `leaf` (already hashed) is leaf number `index` of the `count` leaves under `root`. `path` holds the siblings
 * from the leaf upwards (RFC 9162, section 2.1.3.2).
 */
export function verifyPath(
    root: Uint8Array,
    leaf: Uint8Array,
    index: number,
    count: number,
    path: readonly Uint8Array[],
): boolean {
    if (!Number.isSafeInteger(index) || !Number.isSafeInteger(count) || index < 0 || index >= count) return false;
    const half = (value: number) => Math.floor(value / 2);
    let [position, last, hash] = [index, count - 1, leaf];
    for (const sibling of path) {
        if (last === 0) return false;
        if (position % 2 === 1 || position === last) {
            hash = nodeHash(sibling, hash);
            // Skip the levels at which this node was promoted for lack of a sibling.
            while (position % 2 === 0 && position !== 0) [position, last] = [half(position), half(last)];
        } else {
            hash = nodeHash(hash, sibling);
        }
        [position, last] = [half(position), half(last)];
    }
    return last === 0 && equal(hash, root);
}
