/** Addresses of accounts, from the same seeds as `crates/interface`. */
import {
    type Address,
    getAddressEncoder,
    getProgramDerivedAddress,
    getU16Encoder,
    getU64Encoder,
    getUtf8Encoder,
} from '@solana/kit';
import { findAssociatedTokenPda, TOKEN_PROGRAM_ADDRESS } from '@solana-program/token';

import { LUMORA_BANDWIDTH_PROGRAM_ADDRESS } from './generated/bandwidth';
import { LUMORA_REGISTRY_PROGRAM_ADDRESS } from './generated/registry';
import { findMintPda, LUMORA_REWARDS_PROGRAM_ADDRESS } from './generated/rewards';

const text = getUtf8Encoder();

async function derived(programAddress: Address, seeds: Parameters<typeof getProgramDerivedAddress>[0]['seeds']) {
    const [address] = await getProgramDerivedAddress({ programAddress, seeds });
    return address;
}

/** The owner's node with this number. */
export const findNodeAddress = (owner: Address, index = 0): Promise<Address> =>
    derived(LUMORA_REGISTRY_PROGRAM_ADDRESS, [
        text.encode('node'),
        getAddressEncoder().encode(owner),
        getU16Encoder().encode(index),
    ]);

/** The latest proven figures of a node. */
export const findAttestationAddress = (node: Address): Promise<Address> =>
    derived(LUMORA_BANDWIDTH_PROGRAM_ADDRESS, [text.encode('attestation'), getAddressEncoder().encode(node)]);

/** An epoch. */
export const findEpochAddress = (epoch: bigint): Promise<Address> =>
    derived(LUMORA_BANDWIDTH_PROGRAM_ADDRESS, [text.encode('epoch'), getU64Encoder().encode(epoch)]);

/** What a node has claimed. */
export const findRewardAddress = (node: Address): Promise<Address> =>
    derived(LUMORA_REWARDS_PROGRAM_ADDRESS, [text.encode('reward'), getAddressEncoder().encode(node)]);

/** A wallet's LMR account. */
export async function findLmrAddress(owner: Address): Promise<Address> {
    const [mint] = await findMintPda();
    const [account] = await findAssociatedTokenPda({ owner, mint, tokenProgram: TOKEN_PROGRAM_ADDRESS });
    return account;
}
