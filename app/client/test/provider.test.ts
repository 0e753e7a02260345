/** A provider's way through the real programs: register, set limits, be attested by three oracles, claim. */
import { generateKeyPairSigner, type KeyPairSigner } from '@solana/kit';
import { decodeToken } from '@solana-program/token';
import { beforeEach, describe, expect, it } from 'vitest';

import {
    bandwidth,
    claimReward,
    errorMessage,
    findEpochAddress,
    findLmrAddress,
    findNodeAddress,
    registerNode,
    registry,
    rewards,
    setLimits,
} from '../src';
import { Chain } from './chain';
import { type Figures, leafHash, sha256, signaturesInstruction, statementDigest } from './oracles';

const NETWORK_ID = sha256('a network of a test');
const REWARD = 250_000_000n;

let chain: Chain;
let owner: KeyPairSigner;
let oracles: KeyPairSigner[];
let authority: KeyPairSigner;

const description = async () => ({
    operator: (await generateKeyPairSigner()).address,
    transportKey: new Uint8Array(32).fill(7),
    // Berlin, and a point of length one near it.
    h3Cell: 0x831f1dfffffffffn,
    location: [19_377, 4_615, 26_016] as [number, number, number],
    limitKbps: 50_000,
    shardCapacity: 2,
});

beforeEach(async () => {
    chain = new Chain();
    authority = await chain.wallet();
    owner = await chain.wallet();
    oracles = await Promise.all([1, 2, 3].map(() => generateKeyPairSigner()));
    // Only who may upgrade the program creates the network.
    await chain.setUpgradeAuthority(registry.LUMORA_REGISTRY_PROGRAM_ADDRESS, authority.address);
    await chain.send(authority, [
        await registry.getInitializeInstructionAsync({
            authority,
            guardian: authority.address,
            networkId: NETWORK_ID,
            noticeSeconds: 60,
            minimumBond: 0,
            shardBond: 0,
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
            vestingSeconds: 0,
            breakerLimit: 0n,
            breakerSeconds: 0,
            program: rewards.LUMORA_REWARDS_PROGRAM_ADDRESS,
        }),
    ]);
    await chain.send(authority, [
        await bandwidth.getInitializeInstructionAsync({
            authority,
            epochSeconds: 60,
            commitSeconds: 20,
            disputeSeconds: 5,
            minimumBond: 0,
            unbondingSeconds: 85,
            retentionSeconds: 0,
        }),
        ...(await Promise.all(
            oracles.map(({ address }) =>
                bandwidth.getAddOracleInstructionAsync({
                    authority,
                    key: address,
                    endpoint: new Uint8Array(18).fill(1),
                    owner: authority.address,
                }),
            ),
        )),
    ]);
});

/** Opens the next epoch, attests the node's figures with these signers, and proves them on chain. */
async function attest(signers: KeyPairSigner[]): Promise<void> {
    const node = await findNodeAddress(owner.address);
    const [setAddress] = await bandwidth.findOracleSetPda();
    const set = bandwidth.decodeOracleSet(chain.account(setAddress) as never).data;
    const epoch = await findEpochAddress(set.nextEpoch);
    await chain.send(authority, [await bandwidth.getOpenEpochInstructionAsync({ payer: authority, epoch })]);
    const { setVersion, seedSlot } = bandwidth.decodeEpoch(chain.account(epoch) as never).data;
    chain.produce(seedSlot);
    await chain.send(authority, [bandwidth.getDrawSeedInstruction({ epoch })]);
    chain.advance(81n);

    const figures: Figures = {
        downKbps: 49_800,
        upKbps: 49_900,
        rttUs: 900,
        uptimeBps: 10_000,
        reputationBps: 10_000,
        reason: 0,
        contribution: 2_988_000n,
        cumulativeContribution: 2_988_000n,
        cumulativeReward: REWARD,
    };
    const statement = {
        root: leafHash(node, set.nextEpoch, figures),
        leafCount: 1,
        totalContribution: figures.contribution,
        epochReward: REWARD,
        cumulativeReward: REWARD,
        bundles: 0,
        expiresAt: chain.now() + 600n,
    };
    const digest = statementDigest(NETWORK_ID, set.nextEpoch, setVersion, statement);
    await chain.send(authority, [
        await signaturesInstruction(digest, signers),
        await bandwidth.getSubmitAttestationInstructionAsync({ epoch, arguments: statement }),
    ]);
    chain.advance(6n);
    await chain.send(authority, [
        await bandwidth.getProveInstructionAsync({ payer: authority, epoch, node, index: 0, path: [], ...figures }),
        await rewards.getFundEpochInstructionAsync({ epoch, program: rewards.LUMORA_REWARDS_PROGRAM_ADDRESS }),
    ]);
}

const balance = async () => decodeToken(chain.account(await findLmrAddress(owner.address)) as never).data.amount;

describe('a provider', () => {
    it('registers a node and sets its limits', async () => {
        await chain.send(owner, await registerNode(owner, await description()));
        const address = await findNodeAddress(owner.address);
        const node = registry.decodeNode(chain.account(address) as never).data;
        expect(node.owner).toBe(owner.address);
        expect(node.limitKbps).toBe(50_000);

        await chain.send(owner, await setLimits(owner, node, { limitKbps: 20_000 }));
        const changed = registry.decodeNode(chain.account(address) as never).data;
        expect(changed).toEqual({ ...node, limitKbps: 20_000, updatedAt: changed.updatedAt });
    });

    it('claims what a quorum attested, once', async () => {
        await chain.send(owner, await registerNode(owner, await description()));
        await attest(oracles);
        await chain.send(owner, await claimReward(owner, owner.address));
        expect(await balance()).toBe(REWARD);
        // Claiming is by lifetime totals: a repetition pays nothing.
        await chain.send(owner, await claimReward(owner, owner.address));
        expect(await balance()).toBe(REWARD);
    });

    it('gets nothing that a stranger signed', async () => {
        await chain.send(owner, await registerNode(owner, await description()));
        const stranger = await generateKeyPairSigner();
        const refused = attest([oracles[0]!, oracles[1]!, stranger]);
        await expect(refused).rejects.toThrow(bandwidth.LUMORA_BANDWIDTH_ERROR__SIGNER_NOT_ORACLE.toString(16));
    });

    it('is told in words what is wrong', () => {
        const sentence = errorMessage(
            bandwidth.LUMORA_BANDWIDTH_PROGRAM_ADDRESS,
            bandwidth.LUMORA_BANDWIDTH_ERROR__SIGNER_NOT_ORACLE,
        );
        expect(sentence).toContain('not an oracle');
        expect(errorMessage(owner.address, 1)).toBeUndefined();
    });
});
