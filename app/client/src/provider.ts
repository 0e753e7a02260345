/** What a provider does. Each function gives the instructions of one transaction. */
import type { Address, Instruction, ReadonlyUint8Array, TransactionSigner } from '@solana/kit';

import { findAttestationAddress, findLmrAddress, findNodeAddress } from './addresses';
import { getRegisterNodeInstructionAsync, getUpdateNodeInstruction, type Node } from './generated/registry';
import { getClaimInstructionAsync, LUMORA_REWARDS_PROGRAM_ADDRESS } from './generated/rewards';

/** A node as its owner describes it. */
export type NodeDescription = {
    /** Hot key of the node's software. */
    operator: Address;
    /** ed25519 key that the node proves in its QUIC handshakes. */
    transportKey: ReadonlyUint8Array;
    /** H3 cell of resolution 3 in which it stands: no finer location is taken. */
    h3Cell: bigint;
    /** Unit vector of that cell's centre, components scaled to 32,767. */
    location: [number, number, number];
    /** Rate that the provider is willing to share, kbit/s. */
    limitKbps: number;
    /** Shards that it works on at the same time. */
    shardCapacity: number;
};

/** Registers a node of `owner`, who pays its rent. */
export async function registerNode(
    owner: TransactionSigner,
    description: NodeDescription,
    index = 0,
): Promise<Instruction[]> {
    const node = await findNodeAddress(owner.address, index);
    return [await getRegisterNodeInstructionAsync({ owner, node, index, ...description })];
}

/** Changes the limits of a node and leaves everything else as it is. `current` is the node's account as last read. */
export async function setLimits(
    owner: TransactionSigner,
    current: Node,
    limits: Partial<Pick<NodeDescription, 'limitKbps' | 'shardCapacity'>>,
): Promise<Instruction[]> {
    const node = await findNodeAddress(owner.address, current.index);
    const { operator, transportKey, h3Cell, location, limitKbps, shardCapacity, status } = current;
    return [
        getUpdateNodeInstruction({
            owner,
            node,
            operator,
            transportKey,
            h3Cell,
            location,
            limitKbps,
            shardCapacity,
            status,
            ...limits,
        }),
    ];
}

/**
 * Claims all that a node has earned, or as much of it as the circuit breaker lets out. Anybody may pay for it: the LMR
 * goes to the node's owner, whose LMR account is created if it does not exist.
 */
export async function claimReward(payer: TransactionSigner, owner: Address, index = 0): Promise<Instruction[]> {
    const node = await findNodeAddress(owner, index);
    return [
        await getClaimInstructionAsync({
            payer,
            node,
            attestation: await findAttestationAddress(node),
            destination: await findLmrAddress(owner),
            owner,
            program: LUMORA_REWARDS_PROGRAM_ADDRESS,
        }),
    ];
}
