/** The network that a test runs on. */
import type { TransactionSigner } from '@solana/kit';

import { registry, rewards } from '../src';
import type { Chain } from './chain';
import { sha256 } from './oracles';

export const NETWORK_ID = sha256('a network of a test');

/** Creates the registry's network and the rewards' emission, with `authority` as the authority of both. */
export async function createNetwork(
    chain: Chain,
    authority: TransactionSigner,
    parameters: { shardBond?: bigint; minimumBond?: bigint; vestingSeconds?: number } = {},
): Promise<void> {
    // Only who may upgrade the program creates the network.
    await chain.setUpgradeAuthority(registry.LUMORA_REGISTRY_PROGRAM_ADDRESS, authority.address);
    await chain.send(authority, [
        await registry.getInitializeInstructionAsync({
            authority,
            guardian: authority.address,
            networkId: NETWORK_ID,
            noticeSeconds: 60,
            minimumBond: parameters.minimumBond ?? 0,
            shardBond: parameters.shardBond ?? 0,
            unbondingSeconds: 60,
            weights: [4_000, 3_000, 2_000, 1_000],
            referenceKbps: 100_000,
            halfDistanceKm: 1_000,
            halfLatencyUs: 50_000,
            maxWaitSeconds: 10,
            attestationMaxAgeSeconds: 3_600,
            capacityShare: 8_000,
            expirySlash: 5_000,
            protocolFee: 500,
            burnShare: 5_000,
        }),
        await rewards.getInitializeInstructionAsync({
            authority,
            genesis: chain.now(),
            epochSeconds: 60,
            epochsPerCycle: 720,
            firstAmount: 1_000_000_000n,
            decay: 500,
            cap: 850_000_000_000_000n,
            vestingCliffSeconds: 0,
            vestingSeconds: parameters.vestingSeconds ?? 0,
            breakerLimit: 0n,
            breakerSeconds: 0,
            program: rewards.LUMORA_REWARDS_PROGRAM_ADDRESS,
        }),
    ]);
}
