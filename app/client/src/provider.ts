/** What a provider does. Each function gives the instructions of one transaction. */
import {
    AccountRole,
    type Address,
    type Instruction,
    type ReadonlyUint8Array,
    type TransactionSigner,
} from '@solana/kit';

import {
    findAttestationAddress,
    findEpochAddress,
    findLmrAddress,
    findNodeAddress,
    findRewardAddress,
    NODE_BONDS,
} from './addresses';
import {
    type Attestation,
    getProveInstructionAsync,
    getSlashNodeInstructionAsync,
    type ProveInstructionDataArgs,
} from './generated/bandwidth';
import {
    findEventAuthorityPda,
    getCloseNodeInstructionAsync,
    getDepositBondInstructionAsync,
    getRegisterNodeInstructionAsync,
    getRequestUnbondInstructionAsync,
    getUpdateNodeInstruction,
    getWithdrawBondInstructionAsync,
    LUMORA_REGISTRY_PROGRAM_ADDRESS,
    type Node,
} from './generated/registry';
import {
    getClaimInstructionAsync,
    getClaimManyInstructionAsync,
    LUMORA_REWARDS_PROGRAM_ADDRESS,
    type Reward,
} from './generated/rewards';
import { createLmrAccount } from './tokens';

/** `Node.status`: it takes work and is measured. */
export const NODE_ACTIVE = 0;
/** `Node.status`: its owner keeps it from being measured and from taking work. */
export const NODE_PAUSED = 1;

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

/** What tells a node of an owner: which of the owner's nodes it is. */
type Indexed = Pick<Node, 'index'>;

/** Registers a node of `owner`, who pays its rent. */
export async function registerNode(
    owner: TransactionSigner,
    description: NodeDescription,
    index = 0,
): Promise<Instruction[]> {
    const node = await findNodeAddress(owner.address, index);
    return [await getRegisterNodeInstructionAsync({ owner, node, index, ...description })];
}

/**
 * Changes the limits of a node. Everything else is written as `current` has it, the node's account as last read: read it
 * after every change, or an older one comes back. So do the functions below.
 */
export const setLimits = (
    owner: TransactionSigner,
    current: Node,
    limits: Partial<Pick<NodeDescription, 'limitKbps' | 'shardCapacity'>>,
): Promise<Instruction[]> => update(owner, current, limits);

/** Keeps a node from being measured and from taking work. What it has begun, it can finish. */
export const pauseNode = (owner: TransactionSigner, current: Node): Promise<Instruction[]> =>
    update(owner, current, { status: NODE_PAUSED });

/** Lets a paused node be measured and take work again. */
export const resumeNode = (owner: TransactionSigner, current: Node): Promise<Instruction[]> =>
    update(owner, current, { status: NODE_ACTIVE });

/** Says where the node stands now. It takes no work until it was measured there. */
export const moveNode = (
    owner: TransactionSigner,
    current: Node,
    place: Pick<NodeDescription, 'h3Cell' | 'location'>,
): Promise<Instruction[]> => update(owner, current, place);

/** Replaces keys of the node's software, such as those that a lost machine held. */
export const changeKeys = (
    owner: TransactionSigner,
    current: Node,
    keys: Partial<Pick<NodeDescription, 'operator' | 'transportKey'>>,
): Promise<Instruction[]> => update(owner, current, keys);

/** Adds LMR base units of the owner to the node's bond, which vouches for the work that it takes. */
export async function bondNode(
    owner: TransactionSigner,
    { index }: Indexed,
    amount: number | bigint,
): Promise<Instruction[]> {
    return [
        await getDepositBondInstructionAsync({
            owner,
            node: await findNodeAddress(owner.address, index),
            source: await findLmrAddress(owner.address),
            program: LUMORA_REGISTRY_PROGRAM_ADDRESS,
            amount,
        }),
    ];
}

/**
 * Asks for this much of the bond back, in all: more than before starts the wait again, less keeps it, zero asks for nothing.
 * It is paid by {@link withdrawNodeBond} when `Node.unbondsAt` has come, and at risk until then.
 */
export async function unbondNode(
    owner: TransactionSigner,
    { index }: Indexed,
    amount: number | bigint,
): Promise<Instruction[]> {
    const node = await findNodeAddress(owner.address, index);
    return [await getRequestUnbondInstructionAsync({ owner, node, amount })];
}

/** Pays the bond that was asked back, once it is due, to the owner's LMR account, which is created if there is none. */
export async function withdrawNodeBond(owner: TransactionSigner, { index }: Indexed): Promise<Instruction[]> {
    return [
        await createLmrAccount(owner, owner.address),
        await getWithdrawBondInstructionAsync({
            owner,
            node: await findNodeAddress(owner.address, index),
            destination: await findLmrAddress(owner.address),
            program: LUMORA_REGISTRY_PROGRAM_ADDRESS,
        }),
    ];
}

/**
 * Closes a node without bond, or whose whole bond was asked back and is due: that is paid out with it. The rent goes back to
 * who paid it, and the same owner and index can be registered again.
 */
export async function closeNode(
    owner: TransactionSigner,
    { index, rentPayer, bond }: Pick<Node, 'index' | 'rentPayer' | 'bond'>,
): Promise<Instruction[]> {
    const close = await getCloseNodeInstructionAsync({
        owner,
        node: await findNodeAddress(owner.address, index),
        destination: await findLmrAddress(owner.address),
        rentPayer,
        program: LUMORA_REGISTRY_PROGRAM_ADDRESS,
    });
    return bond === 0n ? [close] : [await createLmrAccount(owner, owner.address), close];
}

/** A node's leaf of an attested epoch, and its place there: what oracles answer who asks for a node's figures. */
export type Figures = Omit<ProveInstructionDataArgs, 'path'> & {
    /** Hashes beside the way from the leaf to the root, from the leaf upwards; 32 bytes each. */
    readonly path: readonly ReadonlyUint8Array[];
};

/** Proves a node's figures of a final epoch, upon which its reward can be claimed. Anybody may pay for it. */
export async function proveFigures(
    payer: TransactionSigner,
    node: Address,
    epoch: bigint,
    { path, ...figures }: Figures,
): Promise<Instruction[]> {
    const epochAddress = await findEpochAddress(epoch);
    return [await getProveInstructionAsync({ payer, epoch: epochAddress, node, path: [...path], ...figures })];
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

/** LMR base units that a node has earned and not claimed yet. `reward` is absent before its first claim. */
export const unclaimed = (
    attestation: Pick<Attestation, 'cumulativeReward'> | undefined,
    reward: Pick<Reward, 'claimed'> | undefined,
): bigint => (attestation?.cumulativeReward ?? 0n) - (reward?.claimed ?? 0n);

/** Most nodes that {@link claimRewards} takes. Of different owners, eight fit a transaction without a lookup table. */
export const MAX_CLAIMS = 16;

/**
 * Does for up to {@link MAX_CLAIMS} nodes what {@link claimReward} does for one, at a quarter of the price. Each must have
 * claimed before, and its owner's LMR account must exist. Anybody may.
 */
export async function claimRewards(
    nodes: readonly { readonly owner: Address; readonly index?: number }[],
): Promise<Instruction[]> {
    const instruction = await getClaimManyInstructionAsync({ program: LUMORA_REWARDS_PROGRAM_ADDRESS });
    const accounts = await Promise.all(
        nodes.map(async ({ owner, index }) => {
            const node = await findNodeAddress(owner, index);
            return [
                { address: await findAttestationAddress(node), role: AccountRole.READONLY },
                { address: await findRewardAddress(node), role: AccountRole.WRITABLE },
                { address: await findLmrAddress(owner), role: AccountRole.WRITABLE },
            ];
        }),
    );
    return [{ ...instruction, accounts: [...instruction.accounts, ...accounts.flat()] }];
}

/**
 * Has part of the bond of a node slashed whose latest proven figures say that it forged answers. Anybody may: the part of
 * `reporter` goes to its LMR account, and is burned if there is none.
 */
export async function slashForger(node: Address, reporter: Address): Promise<Instruction[]> {
    const [registryEventAuthority] = await findEventAuthorityPda();
    return [
        await getSlashNodeInstructionAsync({
            node,
            attestation: await findAttestationAddress(node),
            vault: NODE_BONDS,
            reporterTokens: await findLmrAddress(reporter),
            registryEventAuthority,
        }),
    ];
}

async function update(
    owner: TransactionSigner,
    current: Node,
    changes: Partial<NodeDescription & Pick<Node, 'status'>>,
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
            ...changes,
        }),
    ];
}
