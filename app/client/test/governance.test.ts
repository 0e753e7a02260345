/** What authority, guardian, oracles' owners and anybody do, on the real programs. */
import { generateKeyPairSigner, type KeyPairSigner } from '@solana/kit';
import { beforeEach, describe, expect, it } from 'vitest';

import {
    acceptAuthority,
    adaptationOf,
    addOracle,
    announceParameters,
    applyParameters,
    asEmission,
    asEpoch,
    asGrant,
    asNetwork,
    asOracleSet,
    bandwidth,
    bondOracle,
    burnFees,
    closeEpoch,
    EMISSION,
    eventsOfLogs,
    FEES,
    findEpochAddress,
    findGrantAddress,
    findNodeAddress,
    freezeAdaptation,
    grantLmr,
    INCINERATOR,
    LMR_MINT,
    NETWORK,
    NODE_BONDS,
    ORACLE_SET,
    oracleEndpoint,
    parametersOf,
    pause,
    pausedOf,
    proposeAuthority,
    registerNode,
    registry,
    releaseGrant,
    removeOracle,
    renounceAuthority,
    rewards,
    setBreaker,
    setGuardian,
    setMinimumOracleBond,
    transferLmr,
    unfreezeAdaptation,
    unpause,
    updateOracle,
    vestedOf,
    withdrawAnnouncement,
    withdrawOracleBond,
} from '../src';
import type { Chain } from './chain';
import { World } from './world';

let world: World;
let chain: Chain;
let authority: KeyPairSigner;

beforeEach(async () => {
    world = await World.begin({ vestingSeconds: 100 });
    ({ chain, authority } = world);
});

const network = () => asNetwork(chain.account(NETWORK)).data;
const set = () => asOracleSet(chain.account(ORACLE_SET)).data;
const refusal = (code: number) => `Custom(${code})`;

describe('the network', () => {
    it('is where the constants say', async () => {
        expect(NETWORK).toBe((await registry.findNetworkPda())[0]);
        expect(ORACLE_SET).toBe((await bandwidth.findOracleSetPda())[0]);
        expect(EMISSION).toBe((await rewards.findEmissionPda())[0]);
        expect(LMR_MINT).toBe((await rewards.findMintPda())[0]);
        expect(FEES).toBe((await rewards.findFeesPda())[0]);
        expect(NODE_BONDS).toBe(
            (await registry.getCreateVaultInstructionAsync({ payer: authority })).accounts[3].address,
        );
    });

    it('is paused by its guardian in parts, and resumed by its authority alone', async () => {
        const guardian = await chain.wallet();
        await chain.send(authority, await setGuardian(authority, guardian.address));
        await chain.send(guardian, await pause(guardian, 'registering', 'buying'));
        expect(pausedOf(network())).toEqual(['registering', 'buying']);
        const owner = await chain.wallet();
        const refused = chain.send(owner, await registerNode(owner, await world.description()));
        await expect(refused).rejects.toThrow(refusal(registry.LUMORA_REGISTRY_ERROR__PAUSED));
        await expect(chain.send(guardian, await unpause(guardian, 'registering'))).rejects.toThrow('Custom');
        await chain.send(authority, await unpause(authority, 'registering'));
        expect(pausedOf(network())).toEqual(['buying']);
        await chain.send(authority, await setGuardian(authority));
        expect(network().guardian).toBe('11111111111111111111111111111111');
    });

    it('lets its guardian freeze what oracles adapt, and its authority alone lift that', async () => {
        const guardian = await chain.wallet();
        await chain.send(authority, await setGuardian(authority, guardian.address));
        const { weights, maxWaitSeconds } = parametersOf(network());
        expect(adaptationOf(network())).toEqual({
            count: 0,
            frozen: false,
            now: { weights, maxWaitSeconds },
            base: { weights, maxWaitSeconds },
        });
        const logs = await chain.send(guardian, await freezeAdaptation(guardian));
        expect(eventsOfLogs(logs)).toMatchObject([
            { program: 'registry', name: 'AdaptationFreezeChanged', data: { frozen: 1, by: guardian.address } },
        ]);
        expect(adaptationOf(network()).frozen).toBe(true);
        await expect(chain.send(guardian, await unfreezeAdaptation(guardian))).rejects.toThrow(
            refusal(registry.LUMORA_REGISTRY_ERROR__NOT_AUTHORITY),
        );
        await chain.send(authority, await unfreezeAdaptation(authority));
        expect(adaptationOf(network()).frozen).toBe(false);
        const adapted = { ...network(), baseWeights: [1, 2, 3, 4], baseMaxWaitSeconds: 5, adaptations: 6 };
        expect(adaptationOf(adapted)).toMatchObject({ count: 6, base: { weights: [1, 2, 3, 4], maxWaitSeconds: 5 } });
    });

    it('changes its parameters after a notice, told in an event', async () => {
        const before = parametersOf(network());
        const changes = { halfDistanceKm: before.halfDistanceKm + 10 };
        const logs = await chain.send(authority, await announceParameters(authority, network(), changes));
        expect(eventsOfLogs(logs)).toMatchObject([
            { program: 'registry', name: 'ParametersAnnounced', data: { parameters: { ...before, ...changes } } },
        ]);
        await chain.send(authority, await withdrawAnnouncement(authority));
        await chain.send(authority, await announceParameters(authority, network(), changes));
        await expect(chain.send(authority, await applyParameters())).rejects.toThrow('Custom');
        chain.advance(61n);
        await chain.send(await chain.wallet(), await applyParameters());
        expect(parametersOf(network())).toEqual({ ...before, ...changes });
    });

    it('is handed over in two steps, and given up for good in two others', async () => {
        const next = await chain.wallet();
        await chain.send(authority, await proposeAuthority(authority, next.address));
        await chain.send(next, await acceptAuthority(next));
        expect(network().authority).toBe(next.address);
        const [propose, renounce] = await renounceAuthority(next);
        await chain.send(next, propose);
        await chain.send(next, await setGuardian(next));
        await chain.send(next, renounce);
        expect(network().authority).toBe(INCINERATOR);
    });
});

describe('an oracle', () => {
    it('is added, bonded, moved, removed, and its bond comes back', async () => {
        const owner = await chain.wallet();
        const key = (await generateKeyPairSigner()).address;
        await chain.send(authority, [
            await bandwidth.getCreateOracleVaultInstructionAsync({ payer: authority }),
            ...(await setMinimumOracleBond(authority, 500n)),
            ...(await addOracle(authority, { key, owner: owner.address, endpoint: oracleEndpoint([127, 0, 0, 1], 1) })),
        ]);
        expect(set().minimumBond).toBe(500n);
        await world.giveLmr(owner.address, 700n);
        await chain.send(owner, await bondOracle(owner, key, 700n));
        expect(await world.balance(owner.address)).toBe(0n);
        const endpoint = oracleEndpoint([0x20, 1, ...Array<number>(14).fill(0)], 65_535);
        await chain.send(owner, await updateOracle(owner, key, endpoint));
        await chain.send(owner, await removeOracle(owner, key));
        const early = chain.send(owner, await withdrawOracleBond(owner, key));
        await expect(early).rejects.toThrow('Custom');
        chain.advance(10_000n);
        await chain.send(owner, await withdrawOracleBond(owner, key));
        expect(await world.balance(owner.address)).toBe(700n);
        expect(() => oracleEndpoint([1, 2, 3], 1)).toThrow('4 or 16 bytes');
        expect([...oracleEndpoint([1, 2, 3, 4], 258)]).toEqual([
            ...Array<number>(10).fill(0),
            255,
            255,
            1,
            2,
            3,
            4,
            1,
            2,
        ]);
    });

    it('leaves epochs behind that anybody closes', async () => {
        const owner = await chain.wallet();
        await chain.send(owner, await registerNode(owner, await world.description()));
        const node = await findNodeAddress(owner.address);
        const first = set().nextEpoch;
        await world.attest(node);
        await world.attest(node);
        chain.advance(100_000n);
        const epoch = await findEpochAddress(first);
        const { rentPayer } = asEpoch(chain.account(epoch)).data;
        expect(rentPayer).toBe(authority.address);
        await chain.send(owner, await closeEpoch(asEpoch(chain.account(epoch))));
        expect(chain.svm.getAccount(epoch).exists).toBe(false);
    });
});

describe('LMR', () => {
    it('of a grant is released as it vests, to an account that is made for it, and can be sent on', async () => {
        const { address } = await generateKeyPairSigner();
        await chain.send(authority, await grantLmr(authority, address, 1_000n, 3));
        const grant = () => asGrant(chain.account(findGrant));
        const findGrant = await findGrantAddress(address, 3);
        const schedule = { vestingCliffSeconds: 0, vestingSeconds: 100 };
        chain.advance(33n);
        expect(vestedOf(grant().data, schedule, chain.now())).toBe(330n);
        await chain.send(authority, await releaseGrant(authority, grant()));
        expect(await world.balance(address)).toBe(330n);
        expect(grant().data.released).toBe(330n);
        chain.advance(100n);
        expect(vestedOf(grant().data, schedule, chain.now())).toBe(1_000n);
        await chain.send(authority, await releaseGrant(authority, grant()));
        expect(await world.balance(address)).toBe(1_000n);
        expect(chain.svm.getAccount(findGrant).exists).toBe(false);
        expect(vestedOf({ amount: 9n, startsAt: 10n }, { vestingCliffSeconds: 5, vestingSeconds: 9 }, 14n)).toBe(0n);

        const sender = await chain.wallet();
        await world.giveLmr(sender.address, 10n);
        const { address: stranger } = await generateKeyPairSigner();
        await chain.send(sender, await transferLmr(sender, stranger, 4n));
        expect([await world.balance(sender.address), await world.balance(stranger)]).toEqual([6n, 4n]);
    });

    it('of fees is burned and paid out by anybody; how much is claimed at once has a bound', async () => {
        await world.giveLmr(authority.address, 0n);
        const nothing = chain.send(await chain.wallet(), await burnFees({ data: network() }));
        await expect(nothing).rejects.toThrow(refusal(rewards.LUMORA_REWARDS_ERROR__NO_FEES));
        await chain.send(authority, await setBreaker(authority, 10_000_000_000n, 60));
        expect(asEmission(chain.account(EMISSION)).data).toMatchObject({
            breakerLimit: 10_000_000_000n,
            breakerSeconds: 60,
        });
    });
});
