/** An embedded network for the tests: `lumora localnet --web`, and what only its authority and a seller can do. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import {
    addBond,
    asListing,
    createListing,
    createLmrAccount,
    dataset,
    deliver,
    delivery,
    fetchAs,
    fetchGrants,
    fetchPurchases,
    findListingAddress,
    grantLmr,
    type ListingAccount,
    purchaseState,
    releaseGrant,
    saleOf,
    send as land,
} from '@lumora/client';
import {
    type Address,
    createKeyPairSignerFromBytes,
    createKeyPairSignerFromPrivateKeyBytes,
    createSolanaRpc,
    getBase58Encoder,
    type Instruction,
    type KeyPairSigner,
    lamports,
    type Rpc,
    type SolanaRpcApi,
} from '@solana/kit';

const STARTS_WITHIN_MS = 120_000;
const repository = resolve(import.meta.dirname, '../../..');

/** Where the command line program is; the tests are skipped without it. */
export const LUMORA_BIN = process.env['LUMORA_BIN'] && resolve(process.env['LUMORA_BIN']);

/** See the module. */
export type TestNetwork = {
    readonly rpcUrl: string;
    readonly rpc: Rpc<SolanaRpcApi>;
    readonly authority: KeyPairSigner;
    /** Where the built app is served, with an indexer and a store beside it. */
    readonly siteUrl: string;
    readonly indexerUrl: string;
    readonly store: string;
    readonly stop: () => Promise<void>;
};

/** Starts a network and waits until its programs and the app are there. */
export async function startNetwork(): Promise<TestNetwork> {
    const folder = mkdtempSync(join(tmpdir(), 'lumora-web-'));
    const [keys, store, port] = [join(folder, 'keys'), join(folder, 'store'), await freePort()];
    const programs = join(repository, 'target/deploy');
    const options = ['--port', `${port}`, '--programs', programs, '--keys', keys];
    const web = ['--web', resolve(import.meta.dirname, '../dist'), '--web-port', '0', '--indexer-port', '0'];
    const running = run(['localnet', ...options, ...web, '--store', store]);
    await running.says('Ctrl-C', STARTS_WITHIN_MS);
    const rpcUrl = `http://127.0.0.1:${port}`;
    return {
        rpcUrl,
        rpc: createSolanaRpc(rpcUrl),
        authority: await signerOf(join(keys, 'authority.json')),
        siteUrl: running.said(/web app at (\S+)/),
        indexerUrl: running.said(/LUMORA_INDEXER_URL=(\S+)/),
        store,
        stop: async () => {
            await running.stop();
            rmSync(folder, { recursive: true, force: true });
        },
    };
}

/** A run of `lumora`. */
export type Running = {
    /** What it printed, by a pattern's first group. */
    readonly said: (pattern: RegExp) => string;
    /** Waits until it prints this. */
    readonly says: (text: string, withinMs: number) => Promise<void>;
    readonly stop: () => Promise<void>;
};

/** Runs `lumora` with these arguments, from the root of the repository: the demo looks for the built app below it. */
export function run(options: readonly string[]): Running {
    const child: ChildProcess = spawn(LUMORA_BIN!, options, { cwd: repository, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout!, child.stderr!]) {
        stream.on('data', (text: Buffer) => (output += text.toString()));
    }
    return {
        said: pattern => {
            const found = pattern.exec(output)?.[1];
            if (found === undefined) throw new Error(`lumora did not print ${pattern}:\n${output}`);
            return found;
        },
        says: async (text, withinMs) => {
            const begun = Date.now();
            while (!output.includes(text)) {
                if (child.exitCode !== null || Date.now() - begun > withinMs) {
                    throw new Error(`lumora did not print “${text}”:\n${output}`);
                }
                await pause(200);
            }
        },
        stop: () =>
            new Promise(resolve => {
                if (child.exitCode !== null) return resolve();
                child.once('exit', () => resolve());
                child.kill('SIGINT');
            }),
    };
}

/** The signer of a keypair file. */
export const signerOf = (path: string): Promise<KeyPairSigner> =>
    createKeyPairSignerFromBytes(Uint8Array.from(JSON.parse(readFileSync(path, 'utf8'))));

/** A port that nothing listens on, and most likely the next one neither. */
async function freePort(): Promise<number> {
    const server = createServer();
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as { port: number };
    await new Promise(done => server.close(done));
    return port;
}

/** A wallet with SOL, and LMR where any is asked for. Gives the text that the page's wallet takes. */
export async function fundedWallet(
    network: TestNetwork,
    lmr: bigint,
): Promise<{ signer: KeyPairSigner; secret: string }> {
    const { signer, secret } = await fundedSigner(network);
    if (lmr > 0n) {
        const { authority, rpc } = network;
        await send(network, authority, await grantLmr(authority, signer.address, lmr));
        const [grant] = await fetchGrants(rpc, signer.address);
        await send(network, authority, await releaseGrant(authority, grant!));
    }
    return { signer, secret };
}

/** A wallet with SOL alone. */
export async function fundedSigner(network: Pick<TestNetwork, 'rpc'>) {
    const seed = crypto.getRandomValues(new Uint8Array(32));
    const signer = await createKeyPairSignerFromPrivateKeyBytes(seed);
    await fund(network, signer.address);
    return { signer, secret: JSON.stringify([...seed, ...getBase58Encoder().encode(signer.address)]) };
}

/** Gives SOL to an address. */
export async function fund(network: Pick<TestNetwork, 'rpc'>, address: Address): Promise<void> {
    const faucet = network.rpc as unknown as {
        requestAirdrop: (to: Address, amount: bigint) => { send: () => Promise<unknown> };
    };
    await faucet.requestAirdrop(address, lamports(10_000_000_000n)).send();
}

/** A dataset that a seller of the test has listed and delivers when asked to. */
export type Listed = { readonly address: Address; readonly rows: string; readonly deliverOnce: () => Promise<void> };

/** Seals a dataset of `count` rows into the store and lists it; with a bond, where one is given. */
export async function listDataset(network: TestNetwork, count: number, price: bigint, bond = 0n): Promise<Listed> {
    const { signer: seller } = await fundedWallet(network, bond);
    const job = crypto.getRandomValues(new Uint8Array(32));
    const node = crypto.getRandomValues(new Uint8Array(32));
    const records = Array.from({ length: count }, (_, row) => ({
        url: `https://library.example.org/${String(row).padStart(6, '0')}`,
        members: { title: `Book ${row}`, pages: row % 900, summary: `What stands in book ${row}. `.repeat(6) },
        fetchedAt: 1_760_000_000 + row,
        robots: 'allowed' as const,
    }));
    const datasetId = crypto.getRandomValues(new Uint8Array(32));
    const { secret, publicKey } = delivery.keypair();
    const key = delivery.contentKey(delivery.sharedSecret(secret), datasetId);
    const card = {
        name: bond === 0n ? 'Books of a library' : 'Maps of an archive',
        description: bond === 0n ? 'Title, pages and summary of each book that it shows.' : 'Each map that it has.',
        licence: 'CC-BY-4.0',
        contact: 'mailto:crawler@example.org',
        manifest: new Uint8Array(32),
    };
    const shards = [{ job, shard: 0, node, records }];
    const packaged = await dataset.seal({ datasetId, key, card, shards }, folder(network.store));
    const address = await findListingAddress(seller.address, 1);
    const terms = { price, deliverySeconds: 600, listingKey: publicKey };
    await send(network, seller, [
        ...(await createListing(seller, 1, packaged, terms)),
        await createLmrAccount(seller, seller.address),
    ]);
    const listing = async (): Promise<ListingAccount> => (await fetchAs(network.rpc, address, asListing))!;
    if (bond > 0n) await send(network, seller, await addBond(seller, await listing(), bond));
    return {
        address,
        rows: records.map(({ url, members }) => JSON.stringify(sorted({ url, ...members }))).join('\n') + '\n',
        deliverOnce: async () => {
            for (;;) {
                const bought = await fetchPurchases(network.rpc, { listing: address });
                const open = bought.find(({ data }) => data.state === purchaseState.open);
                if (open !== undefined) {
                    const account = await listing();
                    const proof = delivery.deliver(secret, saleOf(account, open));
                    await send(network, seller, await deliver(account, open, proof));
                    return;
                }
                await pause(300);
            }
        },
    };
}

const sorted = (record: object) => Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));

const folder = (store: string): dataset.Sink => ({
    put: async (cid, bytes) => {
        const file = join(store, dataset.objectPath(cid));
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, bytes);
    },
});

/** Lands what a test needs beforehand. */
const send = async (network: TestNetwork, payer: KeyPairSigner, instructions: readonly Instruction[]): Promise<void> =>
    void (await land(network.rpc, payer, instructions, { computeUnitPrice: 0, pollEvery: 50 }));

export const pause = (milliseconds: number): Promise<void> => new Promise(resolve => setTimeout(resolve, milliseconds));
