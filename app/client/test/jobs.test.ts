/** A client's way through the real programs, and its shards' ways: worked on, agreed, expired, paid and given back. */
import { generateKeyPairSigner, getAddressEncoder, type KeyPairSigner } from '@solana/kit';
import { beforeEach, describe, expect, it } from 'vitest';

import {
    asAssignment,
    asJob,
    assignmentState,
    asWork,
    bondNode,
    cancelJob,
    claimShard,
    closeAssignment,
    closeJob,
    commitResult,
    createJob,
    escrowOf,
    type EventName,
    expireAssignment,
    findAssignmentAddress,
    findJobAddress,
    findNodeAddress,
    findWorkAddress,
    type JobTerms,
    progressOf,
    refundJob,
    registerNode,
    type Replica,
    revealResult,
    rules,
    send,
    settleShard,
    shardState,
    slashAssignment,
    tasks,
    unspendable,
    WrongAccount,
} from '../src';
import { fetchEvents } from '../src';
import { concat, sha256, u32, u64, utf8 } from '../src/bytes';
import type { Chain } from './chain';
import { NETWORK_ID } from './network';
import { Node } from './rpc';
import { World } from './world';

const PRICE = 1_000n;
const BOND = 10_000_000n;

let world: World;
let chain: Chain;
let node: Node;
let client: KeyPairSigner;
let owners: KeyPairSigner[];

beforeEach(async () => {
    world = await World.begin();
    ({ chain } = world);
    node = new Node(chain);
    client = await chain.wallet();
    await world.giveLmr(client.address, 1_000_000n);
    owners = [await chain.wallet(), await chain.wallet()];
    for (const owner of owners) {
        await chain.send(owner, await registerNode(owner, await world.description()));
        await world.giveLmr(owner.address, BOND);
        await chain.send(owner, await bondNode(owner, { index: 0 }, BOND));
        await world.attest(await findNodeAddress(owner.address));
    }
});

const terms = (changes: Partial<JobTerms> = {}): JobTerms => ({
    manifestHash: sha256(utf8('a manifest')),
    target: rules.unitVector(52.5, 13.4),
    price: PRICE,
    deadline: chain.now() + 1_000n,
    commitSeconds: 30,
    revealSeconds: 10,
    ...changes,
});

const job = async () => asJob(chain.account(await findJobAddress(client.address, 1)));
const assignment = async ({ shard, replica }: Replica) =>
    asAssignment(chain.account(await findAssignmentAddress((await job()).address, shard, replica)));
const nodeOf = (owner: KeyPairSigner) => findNodeAddress(owner.address);
const refusal = (code: number) => `Custom(${code})`;

/** Creates job 1; gives what its events say. */
async function create(changes: Partial<JobTerms> = {}) {
    const { instructions, address } = await createJob(client, 1, terms(changes));
    const { signature } = await send(node.rpc, client, instructions, { pollEvery: 1 });
    expect(address).toBe((await job()).address);
    chain.advance(11n);
    return (await fetchEvents(node.rpc, signature))!.events;
}

const claim = async (owner: KeyPairSigner, replica: Replica) =>
    chain.send(owner, await claimShard(owner, await nodeOf(owner), await job(), replica));

/** A result of one word, and what it is committed to with. */
async function resultOf(owner: KeyPairSigner, { shard, replica }: Replica) {
    const bytes = async (address: Promise<string>) =>
        new Uint8Array(getAddressEncoder().encode((await address) as never));
    const word = [1n, 2n, 3n, 4n];
    const [salt, rest, resultRoot] = [5, 6, 7].map(byte => new Uint8Array(32).fill(byte)) as [
        Uint8Array,
        Uint8Array,
        Uint8Array,
    ];
    const records = 3;
    const commitment = sha256(
        utf8('lumora result commitment v2'),
        NETWORK_ID,
        await bytes(job().then(({ address }) => address)),
        await bytes(nodeOf(owner)),
        concat(u32(shard), Uint8Array.of(replica), u32(records)),
        resultRoot,
        concat(...word.map(u64)),
        salt,
        rest,
    );
    return { commitment, shown: { resultRoot, records, word, salt, rest } };
}

describe('a job', () => {
    it('is created with its escrow, and says so in words and in an event', async () => {
        const told = await create({ shards: 3 });
        const { data, shards } = await job();
        expect(escrowOf(terms({ shards: 3 }))).toBe(PRICE * 3n * 3n);
        expect(data).toMatchObject({ escrowed: PRICE * 9n, replicas: 2, maxReplicas: 3, challengeSeconds: 0 });
        expect(shards).toEqual(Array(3).fill({ isSettled: false, replicas: [] }));
        expect(await world.balance(client.address)).toBe(1_000_000n - PRICE * 9n);
        expect(told).toEqual([
            {
                program: 'tasks',
                name: 'JobCreated' satisfies EventName,
                data: expect.objectContaining({ client: client.address, escrowed: PRICE * 9n, shardCount: 3 }),
            },
        ]);
    });

    it('is worked on by nodes that agree, who are paid; what is left comes back with the rent', async () => {
        const sol = chain.svm.getBalance(client.address)!;
        await create();
        const replicas = owners.map((owner, replica) => [owner, { shard: 0, replica }] as const);
        for (const [owner, replica] of replicas) await claim(owner, replica);
        expect((await job()).shards).toEqual([{ isSettled: false, replicas: [0, 1] }]);
        for (const [owner, replica] of replicas) {
            const { commitment } = await resultOf(owner, replica);
            await chain.send(owner, commitResult(owner, (await assignment(replica)).address, commitment));
        }
        for (const [owner, replica] of replicas) {
            const { shown } = await resultOf(owner, replica);
            await chain.send(owner, await revealResult(owner, await job(), replica, shown));
        }
        expect((await assignment(replicas[0]![1])).data.state).toBe(assignmentState.revealed);
        const assigned = await Promise.all(replicas.map(([, replica]) => assignment(replica)));
        const stranger = await chain.wallet();
        // In whatever order they were read.
        await chain.send(stranger, await settleShard(await job(), 0, [...assigned].reverse()));
        for (const owner of owners) expect(await world.balance(owner.address)).toBe((PRICE * 95n) / 100n);
        const settled = await job();
        expect(progressOf(settled)).toEqual({ shards: 1, inWork: 0, settled: 1 });
        expect(settled.shards).toEqual([{ isSettled: true, replicas: [0, 1] }]);
        expect(asWork(chain.account(await findWorkAddress(await nodeOf(owners[0]!)))).data.completed).toBe(1n);

        await chain.send(stranger, await closeJob(stranger, settled));
        expect(await world.balance(client.address)).toBe(1_000_000n - 2n * PRICE);
        expect(chain.svm.getAccount(settled.address).exists).toBe(false);
        // But for the fee of one transaction.
        expect(sol - chain.svm.getBalance(client.address)!).toBeLessThan(10_000n);
    });

    it('that is cancelled gives back at once what can no longer be spent', async () => {
        await create({ shards: 2 });
        await claim(owners[0]!, { shard: 1, replica: 0 });
        const before = await job();
        expect(unspendable(before.data)).toBe(PRICE * 5n);
        const early = chain.send(client, await refundJob(client, before));
        await expect(early).rejects.toThrow(refusal(tasks.LUMORA_TASKS_ERROR__REFUND_EARLY));
        await chain.send(client, await cancelJob(client, before));
        expect(await world.balance(client.address)).toBe(1_000_000n - PRICE);
        const again = chain.send(client, await refundJob(client, await job()));
        await expect(again).rejects.toThrow(refusal(tasks.LUMORA_TASKS_ERROR__NOTHING_TO_REFUND));
        const late = claim(owners[1]!, { shard: 0, replica: 0 });
        await expect(late).rejects.toThrow(refusal(tasks.LUMORA_TASKS_ERROR__JOB_CLOSED_FOR_CLAIMS));
    });

    it('whose node ran out of time is freed by anybody, who earns a part of the bond', async () => {
        await create();
        const replica = { shard: 0, replica: 0 };
        await claim(owners[0]!, replica);
        await claim(owners[1]!, { shard: 0, replica: 1 });
        const reporter = await chain.wallet();
        const early = chain.send(reporter, await expireAssignment(await job(), await assignment(replica)));
        await expect(early).rejects.toThrow(refusal(tasks.LUMORA_TASKS_ERROR__NOT_EXPIRED));
        chain.advance(31n);
        await chain.send(reporter, await expireAssignment(await job(), await assignment(replica)));
        expect((await job()).shards).toEqual([{ isSettled: false, replicas: [1] }]);
        await chain.send(reporter, await slashAssignment(reporter, await job(), await assignment(replica)));
        expect(await world.balance(reporter.address)).toBe(50_000n);

        // Another may take the replica; here the client gives up.
        await chain.send(client, await cancelJob(client, await job()));
        await chain.send(reporter, closeAssignment((await job()).address, await assignment(replica)));
        await expect(assignment(replica)).rejects.toThrow('there is no account');
    });

    it('lets a node take over what another left behind, who gets the rent back', async () => {
        await create();
        const replica = { shard: 0, replica: 0 };
        await claim(owners[0]!, replica);
        chain.advance(31n);
        const former = await assignment(replica);
        await chain.send(client, await expireAssignment(await job(), former));
        await chain.send(client, await slashAssignment(client, await job(), await assignment(replica)));
        chain.advance(11n);
        const sol = chain.svm.getBalance(owners[0]!.address)!;
        const [owner] = [owners[1]!];
        await chain.send(
            owner,
            await claimShard(owner, await nodeOf(owner), await job(), replica, await assignment(replica)),
        );
        expect((await assignment(replica)).data.owner).toBe(owner.address);
        expect(chain.svm.getBalance(owners[0]!.address)!).toBeGreaterThan(sol);
    });

    it('is no job where another program, or another type, has the same bytes', async () => {
        await create();
        const account = chain.account((await job()).address);
        const stranger = await generateKeyPairSigner();
        expect(() => asJob({ ...account, programAddress: stranger.address })).toThrow(WrongAccount);
        const other = new Uint8Array(account.data);
        other[0]! ^= 1;
        expect(() => asJob({ ...account, data: other })).toThrow('another type');
        expect(() => asJob({ ...account, data: account.data.slice(0, -1) })).toThrow('before its last shard');
        expect(() => asJob({ ...account, data: account.data.slice(0, 100) })).toThrow('too short');
    });
});

describe("a shard's state byte", () => {
    it('names its replicas, and whether it is settled', () => {
        expect(shardState(0)).toEqual({ isSettled: false, replicas: [] });
        expect(shardState(0b0100_0101)).toEqual({ isSettled: false, replicas: [0, 2, 6] });
        expect(shardState(0b1000_0010)).toEqual({ isSettled: true, replicas: [1] });
    });
});
