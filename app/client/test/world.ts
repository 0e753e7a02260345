/** A network with three oracles, for providers and clients. */
import { type Address, generateKeyPairSigner, type KeyPairSigner, lamports } from '@solana/kit';
import { AccountState, decodeToken, getTokenEncoder, TOKEN_PROGRAM_ADDRESS } from '@solana-program/token';

import {
    addOracle,
    asEpoch,
    asOracleSet,
    bandwidth,
    drawSeed,
    findEpochAddress,
    findLmrAddress,
    fundEpoch,
    LMR_MINT,
    type NodeDescription,
    openEpoch,
    oracleEndpoint,
    ORACLE_SET,
    proveFigures,
    registry,
    rewards,
    tasks,
} from '../src';
import { Chain } from './chain';
import { createNetwork, NETWORK_ID } from './network';
import { type Figures, leafHash, signaturesInstruction, statementDigest } from './oracles';

export class World {
    private constructor(
        readonly chain: Chain,
        readonly authority: KeyPairSigner,
        readonly oracles: KeyPairSigner[],
    ) {}

    static async begin(
        parameters: { shardBond?: bigint; minimumBond?: bigint; vestingSeconds?: number } = {},
    ): Promise<World> {
        const chain = new Chain();
        const authority = await chain.wallet();
        await createNetwork(chain, authority, { shardBond: 1_000_000n, ...parameters });
        const [treasury] = await rewards.findFeesPda();
        const [network] = await registry.findNetworkPda();
        const oracles = await Promise.all([1, 2, 3].map(() => generateKeyPairSigner()));
        const endpoint = oracleEndpoint([127, 0, 0, 1], 9_000);
        await chain.send(authority, [
            await registry.getCreateVaultInstructionAsync({ payer: authority }),
            await tasks.getInitializeInstructionAsync({ authority, network, treasury }),
            await bandwidth.getInitializeInstructionAsync({
                authority,
                epochSeconds: 60,
                commitSeconds: 20,
                disputeSeconds: 5,
                minimumBond: 0,
                unbondingSeconds: 85,
                retentionSeconds: 0,
            }),
            ...(
                await Promise.all(
                    oracles.map(({ address: key }) =>
                        addOracle(authority, { key, endpoint, owner: authority.address }),
                    ),
                )
            ).flat(),
        ]);
        return new World(chain, authority, oracles);
    }

    /** A node in Berlin, with a point of length one near it. */
    async description(): Promise<NodeDescription> {
        return {
            operator: (await generateKeyPairSigner()).address,
            transportKey: new Uint8Array(32).fill(7),
            h3Cell: 0x831f1dfffffffffn,
            location: [19_377, 4_615, 26_016],
            limitKbps: 50_000,
            shardCapacity: 4,
        };
    }

    /** Opens the next epoch, attests a node's figures with these signers, and proves them on chain. */
    async attest(
        node: Address,
        changes: Partial<Figures> = {},
        signers = this.oracles,
        cumulativeReward = changes.cumulativeReward ?? 0n,
    ): Promise<void> {
        const { chain, authority } = this;
        const { nextEpoch } = asOracleSet(chain.account(ORACLE_SET)).data;
        const epoch = await findEpochAddress(nextEpoch);
        await chain.send(authority, await openEpoch(authority, nextEpoch));
        const { setVersion, seedSlot } = asEpoch(chain.account(epoch)).data;
        chain.produce(seedSlot);
        await chain.send(authority, await drawSeed(nextEpoch));
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
            cumulativeReward: 0n,
            ...changes,
        };
        const { reward: before } = this;
        const total = BigInt(cumulativeReward);
        const statement = {
            root: leafHash(node, nextEpoch, figures),
            leafCount: 1,
            totalContribution: figures.contribution,
            epochReward: total - before,
            cumulativeReward: total,
            bundles: 0,
            expiresAt: chain.now() + 600n,
        };
        const digest = statementDigest(NETWORK_ID, nextEpoch, setVersion, statement);
        await chain.send(authority, [
            await signaturesInstruction(digest, signers),
            await bandwidth.getSubmitAttestationInstructionAsync({ epoch, arguments: statement }),
        ]);
        this.reward = total;
        chain.advance(6n);
        await chain.send(authority, [
            ...(await proveFigures(authority, node, nextEpoch, { index: 0, path: [], ...figures })),
            ...(total > before ? await fundEpoch(nextEpoch) : []),
        ]);
    }

    /** What all epochs so far reward in all. */
    reward = 0n;

    /** Gives a wallet an LMR account with this much in it, and nothing beside. */
    async giveLmr(owner: Address, amount: bigint): Promise<void> {
        const data = getTokenEncoder().encode({
            mint: LMR_MINT,
            owner,
            amount,
            delegate: null,
            state: AccountState.Initialized,
            isNative: null,
            delegatedAmount: 0n,
            closeAuthority: null,
        });
        this.chain.svm.setAccount({
            address: await findLmrAddress(owner),
            data: new Uint8Array(data),
            executable: false,
            lamports: lamports(2_039_280n),
            programAddress: TOKEN_PROGRAM_ADDRESS,
            space: BigInt(data.length),
        });
    }

    /** LMR base units of a wallet. */
    async balance(owner: Address): Promise<bigint> {
        return decodeToken(this.chain.account(await findLmrAddress(owner)) as never).data.amount;
    }
}
