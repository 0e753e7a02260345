/** A provider's way through the real programs: register, set limits, be attested by three oracles, claim. */
import { generateKeyPairSigner, type Instruction, type KeyPairSigner } from '@solana/kit';
import { decodeToken } from '@solana-program/token';
import { beforeEach, describe, expect, it } from 'vitest';

import {
    asNode,
    asReward,
    bandwidth,
    bondNode,
    changeKeys,
    claimReward,
    claimRewards,
    closeNode,
    errorMessage,
    eventsOfLogs,
    findLmrAddress,
    findNodeAddress,
    findRewardAddress,
    moveNode,
    NODE_ACTIVE,
    NODE_PAUSED,
    pauseNode,
    registerNode,
    registry,
    resumeNode,
    setLimits,
    slashForger,
    unbondNode,
    unclaimed,
    withdrawNodeBond,
} from '../src';
import type { Chain } from './chain';
import { World } from './world';

const REWARD = 250_000_000n;

let world: World;
let chain: Chain;
let owner: KeyPairSigner;

beforeEach(async () => {
    world = await World.begin();
    ({ chain } = world);
    owner = await chain.wallet();
});

const description = () => world.description();
const attest = async (signers = world.oracles) =>
    world.attest(await findNodeAddress(owner.address), { cumulativeReward: REWARD }, signers);
const node = async () => asNode(chain.account(await findNodeAddress(owner.address)));

const balance = async () => decodeToken(chain.account(await findLmrAddress(owner.address)) as never).data.amount;

const refusal = (code: number) => code.toString();

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

    it('pauses, resumes, moves and changes its keys, each without touching anything else', async () => {
        await chain.send(owner, await registerNode(owner, await description()));
        const before = (await node()).data;
        const change = async (instructions: Promise<Instruction[]>) => {
            await chain.send(owner, await instructions);
            return (await node()).data;
        };
        const rest = { updatedAt: expect.any(BigInt), locatedAt: expect.any(BigInt) };
        const paused = await change(pauseNode(owner, before));
        expect(paused).toEqual({ ...before, ...rest, status: NODE_PAUSED });
        const resumed = await change(resumeNode(owner, paused));
        expect(resumed).toEqual({ ...before, ...rest, status: NODE_ACTIVE });
        const place = { h3Cell: 0x831f1cfffffffffn, location: [19_400, 4_600, 26_001] as [number, number, number] };
        chain.advance(5n);
        const moved = await change(moveNode(owner, resumed, place));
        expect(moved).toEqual({ ...before, ...rest, ...place });
        expect(moved.locatedAt).toBe(before.locatedAt + 5n);
        const operator = (await generateKeyPairSigner()).address;
        const keyed = await change(changeKeys(owner, moved, { operator }));
        expect(keyed).toEqual({ ...moved, ...rest, operator });
    });

    it('puts up a bond, asks for it back, waits, gets it and closes the node', async () => {
        await chain.send(owner, await registerNode(owner, await description()));
        await world.giveLmr(owner.address, 1_000n);
        const { data } = await node();
        await chain.send(owner, await bondNode(owner, data, 1_000n));
        expect([(await node()).data.bond, await balance()]).toEqual([1_000n, 0n]);
        await chain.send(owner, await unbondNode(owner, data, 400n));
        const early = chain.send(owner, await withdrawNodeBond(owner, data));
        await expect(early).rejects.toThrow(refusal(registry.LUMORA_REGISTRY_ERROR__UNBONDING_RUNNING));
        chain.advance(61n);
        await chain.send(owner, await withdrawNodeBond(owner, data));
        expect([(await node()).data.bond, await balance()]).toEqual([600n, 400n]);

        const held = chain.send(owner, await closeNode(owner, (await node()).data));
        await expect(held).rejects.toThrow(refusal(registry.LUMORA_REGISTRY_ERROR__BOND_HELD));
        await chain.send(owner, await unbondNode(owner, data, 600n));
        chain.advance(61n);
        await chain.send(owner, await closeNode(owner, (await node()).data));
        expect(await balance()).toBe(1_000n);
        expect(chain.svm.getAccount(await findNodeAddress(owner.address)).exists).toBe(false);
    });

    it('claims for several nodes at once', async () => {
        await chain.send(owner, await registerNode(owner, await description()));
        await chain.send(owner, await registerNode(owner, await description(), 1));
        await attest();
        const second = await findNodeAddress(owner.address, 1);
        await world.attest(second, { cumulativeReward: 5n }, world.oracles, 2n * REWARD);
        // The first claim of a node makes its account.
        await chain.send(owner, await claimReward(owner, owner.address, 0));
        await chain.send(owner, await claimReward(owner, owner.address, 1));
        await world.attest(second, { cumulativeReward: 9n }, world.oracles, 3n * REWARD);
        const logs = await chain.send(
            owner,
            await claimRewards([{ owner: owner.address }, { owner: owner.address, index: 1 }]),
        );
        expect(await balance()).toBe(REWARD + 9n);
        expect(asReward(chain.account(await findRewardAddress(second))).data.claimed).toBe(9n);
        expect(eventsOfLogs(logs)).toEqual([]);
    });

    it('that forged answers is slashed by anybody', async () => {
        world = await World.begin({ minimumBond: 2_000_000n });
        ({ chain } = world);
        owner = await chain.wallet();
        await chain.send(owner, await registerNode(owner, await description()));
        await world.giveLmr(owner.address, 5_000_000n);
        await chain.send(owner, await bondNode(owner, { index: 0 }, 5_000_000n));
        const reporter = await chain.wallet();
        await world.giveLmr(reporter.address, 0n);
        const address = await findNodeAddress(owner.address);
        const honest = chain.send(reporter, await slashForger(address, reporter.address));
        await expect(honest).rejects.toThrow();
        await world.attest(address, { reason: 9, contribution: 0n, cumulativeReward: 0n });
        await chain.send(reporter, await slashForger(address, reporter.address));
        expect((await node()).data.bond).toBeLessThan(5_000_000n);
        expect(await world.balance(reporter.address)).toBeGreaterThan(0n);
    });

    it('claims what a quorum attested, once', async () => {
        await chain.send(owner, await registerNode(owner, await description()));
        await attest();
        await chain.send(owner, await claimReward(owner, owner.address));
        expect(await balance()).toBe(REWARD);
        // Claiming is by lifetime totals: a repetition pays nothing.
        await chain.send(owner, await claimReward(owner, owner.address));
        expect(await balance()).toBe(REWARD);
    });

    it('sees what it has earned and not claimed', () => {
        expect(unclaimed(undefined, undefined)).toBe(0n);
        expect(unclaimed({ cumulativeReward: 9n }, undefined)).toBe(9n);
        expect(unclaimed({ cumulativeReward: 9n }, { claimed: 4n })).toBe(5n);
    });

    it('gets nothing that a stranger signed', async () => {
        await chain.send(owner, await registerNode(owner, await description()));
        const stranger = await generateKeyPairSigner();
        const refused = attest([world.oracles[0]!, world.oracles[1]!, stranger]);
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
