/** What oracles sign, by the layouts of `crates/core/src/attestation.rs`: the program accepts no other bytes. */
import { createHash } from 'node:crypto';

import {
    type Address,
    address,
    getAddressEncoder,
    getI64Encoder,
    getU16Encoder,
    getU32Encoder,
    getU64Encoder,
    type Instruction,
    type KeyPairSigner,
    type ReadonlyUint8Array,
    signBytes,
} from '@solana/kit';

import { bandwidth } from '../src';

const ED25519_PROGRAM = address('Ed25519SigVerify111111111111111111111111111');

const bytes = (...parts: (ReadonlyUint8Array | string | number[])[]): Buffer =>
    Buffer.concat(parts.map(part => (typeof part === 'string' ? Buffer.from(part) : Uint8Array.from(part))));

export const sha256 = (...parts: (ReadonlyUint8Array | string | number[])[]): Uint8Array =>
    new Uint8Array(
        createHash('sha256')
            .update(bytes(...parts))
            .digest(),
    );

export type Figures = Omit<bandwidth.ProveInstructionDataArgs, 'index' | 'path'>;

/** Hash of a node's leaf: the root of an epoch with one node. */
export function leafHash(node: Address, epoch: bigint, figures: Figures): Uint8Array {
    const [u16, u32, u64] = [getU16Encoder(), getU32Encoder(), getU64Encoder()];
    const leaf = bytes(
        [1],
        getAddressEncoder().encode(node),
        u64.encode(epoch),
        u32.encode(figures.downKbps),
        u32.encode(figures.upKbps),
        u32.encode(figures.rttUs),
        u16.encode(figures.uptimeBps),
        u16.encode(figures.reputationBps),
        [figures.reason],
        u64.encode(figures.contribution),
        u64.encode(figures.cumulativeContribution),
        u64.encode(figures.cumulativeReward),
    );
    return sha256([0], leaf);
}

/** The 32 bytes that a quorum signs. */
export function statementDigest(
    networkId: ReadonlyUint8Array,
    epoch: bigint,
    setVersion: number,
    statement: bandwidth.SubmitAttestationArgumentsArgs,
): Uint8Array {
    const [u32, u64, i64] = [getU32Encoder(), getU64Encoder(), getI64Encoder()];
    const content = sha256(
        'lumora attestation content v2\0\0\0',
        networkId,
        getAddressEncoder().encode(bandwidth.LUMORA_BANDWIDTH_PROGRAM_ADDRESS),
        u64.encode(epoch),
        u32.encode(setVersion),
        statement.root,
        u32.encode(statement.leafCount),
        u64.encode(statement.totalContribution),
        u64.encode(statement.epochReward),
        u64.encode(statement.cumulativeReward),
        u32.encode(statement.bundles),
    );
    return sha256('lumora attestation statement v2\0', content, i64.encode(statement.expiresAt));
}

/** The ed25519 instruction in the one layout that the program accepts (`crates/interface/src/bandwidth/signatures.rs`). */
export async function signaturesInstruction(digest: Uint8Array, oracles: KeyPairSigner[]): Promise<Instruction> {
    const u16 = getU16Encoder();
    const body = 2 + 14 * oracles.length;
    const message = body + 96 * oracles.length;
    const offsets = oracles.flatMap((_, index) => {
        const key = body + 96 * index;
        return [key + 32, 0xffff, key, 0xffff, message, 32, 0xffff].map(field => u16.encode(field));
    });
    const pairs = await Promise.all(
        oracles.map(async oracle => [
            getAddressEncoder().encode(oracle.address),
            await signBytes(oracle.keyPair.privateKey, digest),
        ]),
    );
    return {
        programAddress: ED25519_PROGRAM,
        data: bytes([oracles.length, 0], ...offsets, ...pairs.flat(), digest),
    };
}
