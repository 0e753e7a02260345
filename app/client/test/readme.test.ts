/** Every example of the README, run as it stands: imports resolved to this package, other names to what it needs. */
import { readFileSync } from 'node:fs';

import * as kit from '@solana/kit';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

import * as client from '../src';
import { sha256, utf8 } from '../src/bytes';
import { Node } from './rpc';
import { Sales, TEXTS } from './sales';
import { World } from './world';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
/** The examples by the heading that they stand under. */
const examples = new Map<string, string>();
let heading = 'The first';
for (const [, title, code] of readme.matchAll(/^## (.*?)$|^```ts\n(.*?)^```$/gms)) {
    if (title !== undefined) heading = title;
    if (code !== undefined) examples.set(heading, code);
}

/** Runs an example with these names beside what it imports; gives what it printed. */
async function run(title: string, names: Record<string, unknown>, mended: Partial<typeof client & typeof kit> = {}) {
    const code = examples.get(title);
    if (code === undefined) throw new Error(`the README has no example under "${title}"`);
    const said: unknown[][] = [];
    const modules: Record<string, object> = {
        '@lumora/client': { ...client, ...mended },
        '@solana/kit': { ...kit, ...mended },
    };
    const body = code.replaceAll(/^import (\{[^}]*\}) from '([^']*)';$/gms, "const $1 = modules['$2'];");
    const { outputText } = ts.transpileModule(body, { compilerOptions: { target: ts.ScriptTarget.ES2022 } });
    const scope = { modules, console: { log: (...args: unknown[]) => said.push(args) }, ...names };
    const AsyncFunction = (async () => undefined).constructor as new (
        ...args: string[]
    ) => (...args: unknown[]) => Promise<void>;
    await new AsyncFunction(...Object.keys(scope), outputText)(...Object.values(scope));
    return said.map(args => args.join(' '));
}

/** Subscriptions that end at once. */
const quiet = (ending: AbortController) =>
    new Proxy(
        {},
        {
            get: () => () => ({
                subscribe: async () =>
                    (async function* () {
                        ending.abort();
                        yield* [];
                    })(),
            }),
        },
    );

describe('the README', () => {
    it('has these examples and no others', () => {
        expect([...examples.keys()]).toEqual([
            'The first',
            'When it fails',
            'Sharing bandwidth',
            'Having pages scraped',
            'Following what happens',
            'Buying and opening a dataset',
            'Selling',
        ]);
    });

    it('shares bandwidth, follows it, claims, and is told what is wrong', async () => {
        const world = await World.begin();
        const { rpc } = new Node(world.chain);
        const owner = await world.chain.wallet();
        await world.giveLmr(owner.address, 50_000_000n);
        await run('Sharing bandwidth', { rpc, owner, description: await world.description() });
        const nodeAddress = await client.findNodeAddress(owner.address);
        const { data } = client.asNode(world.chain.account(nodeAddress));
        expect(data).toMatchObject({ limitKbps: 20_000, bond: 50_000_000n, status: client.NODE_PAUSED });

        await world.attest(nodeAddress, { cumulativeReward: 2_500_000n });
        const said = await run('The first', { owner }, { createSolanaRpc: () => rpc } as never);
        expect(said).toEqual(['shares up to 20000 kbit/s', 'simulated', 'signed', 'sent', 'confirmed', '2.5 LMR']);

        const { address: friend } = await kit.generateKeyPairSigner();
        expect(await run('When it fails', { rpc, owner, friend })).toEqual([
            'NotEnoughLmr',
            'The wallet holds less LMR than this needs: add some, or choose a smaller amount',
        ]);
        const ending = new AbortController();
        const rpcSubscriptions = quiet(ending);
        await run('Following what happens', { rpc, rpcSubscriptions, nodeAddress, signal: ending.signal });
        expect(ending.signal.aborted).toBe(true);
    });

    it('has pages scraped', async () => {
        const world = await World.begin();
        const client_ = await world.chain.wallet();
        await world.giveLmr(client_.address, 10_000_000n);
        const { rpc } = new Node(world.chain);
        // Bonds on this network are free after a minute: not long enough for an hour's work.
        const createJob: typeof client.createJob = (wallet, id, terms) =>
            client.createJob(wallet, id, { ...terms, commitSeconds: 10, revealSeconds: 10 });
        const names = { rpc, client: client_, manifestHash: sha256(utf8('{}')), now: world.chain.now() };
        expect(await run('Having pages scraped', names, { createJob })).toEqual([
            'at most 3000000 base units, of which the rest comes back',
            '[object Object] [object Object]',
        ]);
        expect(await world.balance(client_.address)).toBe(10_000_000n);
    });

    it('buys and opens a dataset', async () => {
        const sales = await Sales.begin();
        const { rpc } = new Node(sales.chain);
        const listing = await sales.listing();
        class HttpStore extends client.dataset.MemoryStore {
            constructor() {
                super();
                for (const [cid, bytes] of sales.store.objects) this.objects.set(cid, bytes);
            }
        }
        const said = await run(
            'Buying and opening a dataset',
            {
                rpc,
                wallet: sales.buyer,
                listingAddress: listing.address,
                purchaseAddress: await client.findPurchaseAddress(listing.address, sales.buyer.address),
                // The seller, as soon as somebody waits for it.
                delivered: {
                    then: (done: () => void) => void deliverTo(sales).then(done),
                },
            },
            { dataset: { ...client.dataset, HttpStore } as never },
        );
        expect(said[0]).toBe('Two pages');
        expect(said.slice(1, -1)).toHaveLength(TEXTS.length);
        expect(said.at(-1)).toMatch(/^\d+ \d+$/);
    });

    it('sells one', async () => {
        const sales = await Sales.begin();
        const { rpc } = new Node(sales.chain);
        const { seller, buyer } = sales;
        const records = TEXTS.map(text => ({
            url: `https://a.example/${text}`,
            members: { text },
            fetchedAt: 1_790_000_000,
            robots: 'allowed' as const,
        }));
        const bytes = (byte: number) => new Uint8Array(32).fill(byte);
        const card = {
            name: 'Two pages',
            description: 'A test.',
            licence: 'CC0-1.0',
            contact: 'mailto:ops@example.org',
            manifest: bytes(1),
        };
        const address = await client.findListingAddress(seller.address, 2);
        const sold = async () => {
            const listing = (await client.fetchAs(rpc, address, client.asListing))!;
            await sales.chain.send(buyer, await client.buy(buyer, listing, client.delivery.keypair().publicKey));
            return { listing, address: await client.findPurchaseAddress(address, buyer.address) };
        };
        await run(
            'Selling',
            {
                rpc,
                seller,
                card,
                sold,
                datasetId: bytes(9),
                shards: [{ job: bytes(2), shard: 0, node: bytes(3), records }],
                sink: new client.dataset.MemoryStore(),
            },
            {
                createListing: ((wallet, _, packaged, terms) =>
                    client.createListing(wallet, 2, packaged, terms)) as typeof client.createListing,
            },
        );
        expect(client.asListing(sales.chain.account(address)).data.sales).toBe(1n);
    });
});

async function deliverTo(sales: Sales): Promise<void> {
    const proof = await sales.delivered();
    await sales.chain.send(sales.seller, await client.deliver(await sales.listing(), await sales.purchase(), proof));
}
