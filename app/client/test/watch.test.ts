/** Subscriptions that are dropped, events that are forged, and lists of accounts. */
import {
    type Address,
    generateKeyPairSigner,
    getAddressEncoder,
    getBase64Decoder,
    type RpcSubscriptions,
    type SolanaRpcSubscriptionsApi,
} from '@solana/kit';
import { beforeEach, describe, expect, it } from 'vitest';

import {
    asNode,
    buy,
    type Change,
    delivery,
    eventsOfLogs,
    eventsOfTransaction,
    fetchEvents,
    filtersOf,
    findNodeAddress,
    market,
    OFFSETS,
    registerNode,
    registry,
    rewards,
    send,
    setLimits,
    tasks,
    watchAccount,
    watchAccounts,
    watchEvents,
} from '../src';
import { Node } from './rpc';
import { Sales } from './sales';
import { World } from './world';

const QUICK = { pollEvery: 1 };
const context = { slot: 5n };

/** Sockets that give what a test says, each in its turn, and then are closed. */
function sockets(...turns: (readonly unknown[] | Error)[]): RpcSubscriptions<SolanaRpcSubscriptionsApi> {
    const request = {
        subscribe: async () => {
            const turn = turns.shift() ?? [];
            if (turn instanceof Error) throw turn;
            return (async function* () {
                yield* turn;
            })();
        },
    };
    return new Proxy({} as RpcSubscriptions<SolanaRpcSubscriptionsApi>, { get: () => () => request });
}

/** The first so many things that are told. */
async function first<T>(told: AsyncIterable<T>, count: number): Promise<T[]> {
    const all: T[] = [];
    for await (const one of told) if (all.push(one) === count) break;
    return all;
}

describe('a subscription', () => {
    let world: World;
    let address: Address;
    const notification = (at = address) => {
        const account = world.chain.svm.getAccount(at);
        if (!account.exists) throw new Error('no such account');
        const { executable, lamports, programAddress: owner, data } = account;
        const space = BigInt(data.length);
        return { executable, lamports, owner, space, data: [getBase64Decoder().decode(data), 'base64'] };
    };

    beforeEach(async () => {
        world = await World.begin();
        const owner = await world.chain.wallet();
        await world.chain.send(owner, await registerNode(owner, await world.description()));
        address = await findNodeAddress(owner.address);
    });

    it('survives a dropped socket, and says each time that it stands', async () => {
        const value = notification();
        const down = new Error('connection refused');
        const socket = sockets([{ context, value }], down, [{ context, value: { ...value, lamports: 0n } }]);
        const changes = await first(watchAccount(socket, address, asNode, { firstPause: 1 }), 4);
        expect(changes.map(({ kind }) => kind)).toEqual(['connected', 'account', 'connected', 'closed']);
        expect(changes[1]).toMatchObject({ address, slot: 5n, account: { data: { limitKbps: 50_000 } } });
    });

    it('does not take an account of another type or program for one of its own', async () => {
        const value = notification();
        const [mint, network] = [(await rewards.findMintPda())[0], (await registry.findNetworkPda())[0]];
        const values = [value, { ...value, owner: mint }, notification(network)];
        const socket = sockets(values.map(account => ({ context, value: { pubkey: address, account } })));
        const filters = filtersOf(registry.NODE_DISCRIMINATOR);
        const program = registry.LUMORA_REGISTRY_PROGRAM_ADDRESS;
        const changes: Change<object>[] = await first(watchAccounts(socket, program, filters, asNode), 4);
        expect(changes.map(({ kind }) => kind)).toEqual(['connected', 'account', 'closed', 'closed']);
    });

    it('ends when it is left or told to', async () => {
        const ending = new AbortController();
        const kinds: string[] = [];
        for await (const { kind } of watchAccount(sockets(), address, asNode, {
            signal: ending.signal,
            firstPause: 1,
        })) {
            kinds.push(kind);
            if (kinds.length === 3) ending.abort();
        }
        expect(kinds).toEqual(['connected', 'connected', 'connected']);
        expect(await first(watchAccount(sockets(), address, asNode, { signal: ending.signal }), 1)).toEqual([]);
    });

    it('to events gives what logs hold, and fetches what moved value', async () => {
        const sales = await Sales.begin();
        const node = new Node(sales.chain);
        const { buyer } = sales;
        const instructions = await buy(buyer, await sales.listing(), delivery.keypair().publicKey);
        const { signature } = await send(node.rpc, buyer, instructions, QUICK);
        const logs = node.landed.get(signature)!.meta.logs();
        const failed = { signature, err: 'AccountInUse', logs };
        const socket = sockets([
            { context, value: failed },
            { context, value: { signature, err: null, logs } },
        ]);
        const told = await first(
            watchEvents({ rpc: node.rpc, rpcSubscriptions: socket }, market.LUMORA_MARKET_PROGRAM_ADDRESS),
            2,
        );
        expect(told[1]).toMatchObject({ kind: 'events', signature, events: [{ name: 'DatasetBought' }] });
        expect(eventsOfLogs(logs)).toEqual([]);
        expect((await fetchEvents(node.rpc, signature))?.events).toHaveLength(1);
        expect(await fetchEvents(node.rpc, '1'.repeat(64) as never)).toBeUndefined();
        // The same transaction, had it failed, would have told nothing.
        const whole = node.answer('getTransaction', [signature]) as Parameters<typeof eventsOfTransaction>[0];
        expect(eventsOfTransaction({ ...whole, meta: { ...whole.meta!, err: 'AccountInUse' } })).toEqual([]);
    });
});

describe('an event', () => {
    it('counts only of the program that told it', async () => {
        const world = await World.begin();
        const owner = await world.chain.wallet();
        await world.chain.send(owner, await registerNode(owner, await world.description()));
        const node = asNode(world.chain.account(await findNodeAddress(owner.address))).data;
        const logs = await world.chain.send(owner, await setLimits(owner, node, { limitKbps: 7 }));
        expect(eventsOfLogs(logs)).toMatchObject([
            { program: 'registry', name: 'NodeUpdated', data: { limitKbps: 7 } },
        ]);
        const stranger = (await generateKeyPairSigner()).address;
        const forged = logs.map(line => line.replaceAll(registry.LUMORA_REGISTRY_PROGRAM_ADDRESS, stranger));
        expect(eventsOfLogs(forged)).toEqual([]);
        const data = logs.find(line => line.startsWith('Program data: '))!;
        const lying = [
            `Program ${stranger} invoke [1]`,
            `Program log: Program ${registry.LUMORA_REGISTRY_PROGRAM_ADDRESS} invoke [2]`,
            data,
            `Program ${registry.LUMORA_REGISTRY_PROGRAM_ADDRESS} invoke [2]`,
            `Program ${registry.LUMORA_REGISTRY_PROGRAM_ADDRESS} success`,
            data,
        ];
        expect(eventsOfLogs(lying)).toEqual([]);
        // Cut off, or followed by what this package does not know.
        const inside = logs.slice(0, 2);
        expect(eventsOfLogs([...inside, data.slice(0, 40)])).toEqual([]);
        expect(eventsOfLogs([...inside, `${data} AAAA`, 'Program data: %%'])).toEqual([]);
    });
});

describe('a list of accounts', () => {
    it('looks for an address where the account holds it', async () => {
        const one = (await generateKeyPairSigner()).address;
        const needle = getAddressEncoder().encode(one);
        const zeros = (decoder: { decode(bytes: Uint8Array): object; fixedSize: number }) =>
            decoder.decode(new Uint8Array(decoder.fixedSize));
        for (const [offset, encoder, decoder, field] of [
            [OFFSETS.nodeOwner, registry.getNodeEncoder(), registry.getNodeDecoder(), 'owner'],
            [OFFSETS.listingSeller, market.getListingEncoder(), market.getListingDecoder(), 'seller'],
            [OFFSETS.purchaseListing, market.getPurchaseEncoder(), market.getPurchaseDecoder(), 'listing'],
            [OFFSETS.purchaseBuyer, market.getPurchaseEncoder(), market.getPurchaseDecoder(), 'buyer'],
            [OFFSETS.jobClient, tasks.getJobEncoder(), tasks.getJobDecoder(), 'client'],
            [OFFSETS.assignmentJob, tasks.getAssignmentEncoder(), tasks.getAssignmentDecoder(), 'job'],
            [OFFSETS.assignmentNode, tasks.getAssignmentEncoder(), tasks.getAssignmentDecoder(), 'node'],
            [OFFSETS.grantRecipient, rewards.getGrantEncoder(), rewards.getGrantDecoder(), 'recipient'],
        ] as const) {
            const bytes = encoder.encode({ ...zeros(decoder), [field]: one } as never);
            expect(bytes.slice(offset, offset + 32), `${field}`).toEqual(needle);
        }
    });
});
