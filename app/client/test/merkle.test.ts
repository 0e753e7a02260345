/** Trees and provenance leaves: those of `lumora_core`, leaf by leaf. */
import { describe, expect, it } from 'vitest';

import { fromHex, hex, u64 } from '../src/bytes';
import { leafHash, verifyPath } from '../src/dataset';
import { Accumulator } from '../src/dataset/merkle';
import { provenanceHash } from '../src/dataset/provenance';
import { readVectors } from './vectors';

type Vectors = {
    trees: { leaves: number; root: string; paths: [number, string[]][] }[];
    provenance: {
        record_hash: string;
        url_hash: string;
        fetched_at: string;
        robots: 0 | 1;
        node: string;
        job: string;
        shard: number;
        hash: string;
    }[];
};
const vectors = readVectors<Vectors>('merkle.json');

describe('a tree', () => {
    it.each(vectors.trees)(
        'of $leaves leaves has the root and the paths that Rust gives it',
        ({ leaves, root, paths }) => {
            const tree = new Accumulator();
            for (let number = 0; number < leaves; number++) tree.push(leafHash(u64(number)));
            expect(tree.length).toBe(leaves);
            expect(hex(tree.root())).toBe(root);
            for (const [number, texts] of paths) {
                const [path, leaf, top] = [texts.map(fromHex), leafHash(u64(number)), fromHex(root)];
                expect(verifyPath(top, leaf, number, leaves, path)).toBe(true);

                const other = (number + 1) % leaves;
                if (leaves > 1) expect(verifyPath(top, leaf, other, leaves, path)).toBe(false);
                expect(verifyPath(top, leafHash(u64(leaves)), number, leaves, path)).toBe(false);
                expect(verifyPath(top, leaf, number, leaves, [...path, top])).toBe(false);
                expect(verifyPath(top, leaf, leaves, leaves, path)).toBe(false);
                expect(verifyPath(top, leaf, number, 2 * leaves, path)).toBe(false);
                expect(verifyPath(top, leaf, -1, leaves, path)).toBe(false);
                expect(verifyPath(top, leaf, number + 0.5, leaves, path)).toBe(false);
                if (path.length > 0) {
                    expect(verifyPath(top, leaf, number, leaves, path.slice(1))).toBe(false);
                    const bent = path.map(sibling => sibling.slice());
                    bent[0]![5]! ^= 1;
                    expect(verifyPath(top, leaf, number, leaves, bent)).toBe(false);
                }
            }
        },
    );

    it('takes an inner node for no leaf', () => {
        const leaves = [0, 1].map(number => leafHash(u64(number)));
        const tree = new Accumulator();
        for (const leaf of leaves) tree.push(leaf);
        expect(hex(leafHash(...leaves))).not.toBe(hex(tree.root()));
        // A tree of one leaf has no path, whatever leads to its root.
        expect(verifyPath(tree.root(), leaves[1]!, 1, 2, [leaves[0]!])).toBe(true);
        expect(verifyPath(tree.root(), leaves[1]!, 0, 1, [leaves[0]!])).toBe(false);
    });
});

describe('a provenance leaf', () => {
    it.each(vectors.provenance)('of $fetched_at hashes as in Rust', leaf => {
        const hash = provenanceHash({
            recordHash: fromHex(leaf.record_hash),
            urlHash: fromHex(leaf.url_hash),
            fetchedAt: BigInt(leaf.fetched_at),
            robots: leaf.robots === 1 ? 'allowed' : 'no_rules',
            node: fromHex(leaf.node),
            job: fromHex(leaf.job),
            shard: leaf.shard,
        });
        expect(hex(hash)).toBe(leaf.hash);
    });
});
