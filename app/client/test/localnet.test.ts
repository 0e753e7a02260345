/**
 * The client against a whole network on this machine, and the way of a new developer: from `npm install` of the packed
 * client in an empty folder to a dataset that was bought and decrypted. Needs the built `lumora` binary: LUMORA_BIN.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import {
    type Address,
    createKeyPairSignerFromBytes,
    createSolanaRpc,
    createSolanaRpcSubscriptions,
    generateKeyPairSigner,
    type KeyPairSigner,
    lamports,
    type Rpc,
    type RpcSubscriptions,
    type SolanaRpcApi,
    type SolanaRpcSubscriptionsApi,
} from '@solana/kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
    asListing,
    asPurchase,
    createListing,
    createLmrAccount,
    dataset,
    deliver,
    delivery,
    explain,
    fetchAs,
    fetchEvents,
    fetchGrants,
    fetchLmrBalance,
    fetchPurchases,
    findListingAddress,
    findPurchaseAddress,
    grantLmr,
    type LumoraEvent,
    market,
    releaseGrant,
    saleOf,
    send,
    transferLmr,
    watchAccount,
    watchEvents,
} from '../src';
import { PRICE, seal, TEXTS } from './sales';

const run = promisify(execFile);
const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const binary = process.env['LUMORA_BIN'];
if (binary === undefined) console.warn('localnet.test.ts is skipped: set LUMORA_BIN to the built `lumora` binary');

const QUICK = { computeUnitPrice: 0, pollEvery: 50, resendEvery: 500 };

let folder: string;
let network: ChildProcess;
let rpcUrl: string;
let rpc: Rpc<SolanaRpcApi>;
let rpcSubscriptions: RpcSubscriptions<SolanaRpcSubscriptionsApi>;
let authority: KeyPairSigner;
let seller: KeyPairSigner;
let buyer: KeyPairSigner;
let store: Server;
let storeUrl: string;
let listing: Address;
const keys = delivery.keypair();
const ending = new AbortController();

/** A port that nothing listens on, with the next one. */
async function freePort(): Promise<number> {
    const server = createServer();
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    await new Promise(done => server.close(done));
    return port;
}

const walletOf = async (path: string) =>
    createKeyPairSignerFromBytes(Uint8Array.from(JSON.parse(await readFile(path, 'utf8'))));

/** Writes a new wallet's key as wallets do. */
async function newWallet(path: string): Promise<KeyPairSigner> {
    const { keyPair } = await generateKeyPairSigner(true);
    const jwk = await crypto.subtle.exportKey('jwk', keyPair.privateKey);
    const bytes = Buffer.concat([Buffer.from(jwk.d!, 'base64url'), Buffer.from(jwk.x!, 'base64url')]);
    await writeFile(path, JSON.stringify([...bytes]));
    const wallet = await walletOf(path);
    await rpc.requestAirdrop(wallet.address, lamports(10_000_000_000n)).send();
    return wallet;
}

/** Waits until this gives something. */
async function until<T>(ask: () => Promise<T | undefined | false>): Promise<T> {
    for (;;) {
        const answer = await ask().catch(() => undefined);
        if (answer !== undefined && answer !== false) return answer;
        await new Promise(done => setTimeout(done, 100));
    }
}

describe.skipIf(binary === undefined)('on a network', () => {
    beforeAll(async () => {
        folder = await mkdtemp(join(tmpdir(), 'lumora-'));
        const port = await freePort();
        const [environment, secrets] = [join(folder, 'env'), join(folder, 'keys')];
        const programs = resolve(root, '../../target/deploy');
        const options = ['--port', `${port}`, '--env', environment, '--keys', secrets, '--programs', programs];
        network = spawn(binary!, ['localnet', ...options], { stdio: 'ignore' });
        await until(async () => existsSync(environment));
        const values = new Map(
            (await readFile(environment, 'utf8')).split('\n').map(line => line.split('=', 2) as [string, string]),
        );
        rpcUrl = values.get('LUMORA_RPC_URL')!;
        rpc = createSolanaRpc(rpcUrl);
        rpcSubscriptions = createSolanaRpcSubscriptions(values.get('LUMORA_WEBSOCKET_URL')! as never);
        authority = await until(() => walletOf(join(secrets, 'authority.json')));
        [seller, buyer] = [await newWallet(join(folder, 'seller.json')), await newWallet(join(folder, 'wallet.json'))];
        await until(async () => (await rpc.getBalance(buyer.address).send()).value > 0n);

        // The store, and what is for sale.
        const memory = new dataset.MemoryStore();
        const packaged = await seal(memory, keys);
        const objects = new Map([...memory.objects].map(([cid, bytes]) => [`/${dataset.objectPath(cid)}`, bytes]));
        store = createServer((request, response) => {
            const found = objects.get(request.url!);
            response.writeHead(found === undefined ? 404 : 200).end(found);
        });
        await new Promise<void>(done => store.listen(0, '127.0.0.1', done));
        storeUrl = `http://127.0.0.1:${(store.address() as AddressInfo).port}`;
        const terms = { price: PRICE, deliverySeconds: 600, listingKey: keys.publicKey };
        await send(rpc, seller, await createListing(seller, 1, packaged, terms), QUICK);
        listing = await findListingAddress(seller.address, 1);
    }, 60_000);

    afterAll(async () => {
        ending.abort();
        store?.close();
        network?.kill('SIGINT');
        await rm(folder, { recursive: true, force: true });
    });

    it('a grant is made, released, and told in events', async () => {
        await send(rpc, authority, await grantLmr(authority, buyer.address, 3n * PRICE), QUICK);
        const [grant] = await fetchGrants(rpc, buyer.address);
        expect(grant!.data.amount).toBe(3n * PRICE);
        const { signature } = await send(rpc, authority, await releaseGrant(authority, grant!), QUICK);
        expect(await fetchLmrBalance(rpc, buyer.address)).toBe(3n * PRICE);
        const told = await fetchEvents(rpc, signature);
        expect(told?.events.map(({ program, name }) => [program, name])).toEqual([['rewards', 'GrantReleased']]);
        await send(rpc, seller, [await createLmrAccount(seller, seller.address)], QUICK);
    });

    it('a refusal is put into words by the simulation, before anything is paid', async () => {
        const sending = send(rpc, buyer, await transferLmr(buyer, seller.address, 100n * PRICE), QUICK);
        const error = await sending.catch((error: unknown) => error);
        expect(explain(error)).toMatchObject({ reason: 'NotEnoughLmr' });
    });

    it('a newcomer installs the client, buys, and reads the rows', { timeout: 120_000 }, async () => {
        const options = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
        const { stdout: packed } = await run('npm', options, { cwd: root });
        const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
        const { devDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
        await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
        const packages = [join(folder, filename), `@solana/kit@${devDependencies['@solana/kit']}`];
        await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...packages], { cwd: folder });
        await copyFile(join(root, 'examples/newcomer.mjs'), join(folder, 'newcomer.mjs'));

        const events: LumoraEvent[] = [];
        const { signal } = ending;
        const program = market.LUMORA_MARKET_PROGRAM_ADDRESS;
        const following = (async () => {
            for await (const told of watchEvents({ rpc, rpcSubscriptions }, program, { signal })) {
                if (told.kind === 'events') events.push(...told.events);
            }
        })();
        // The seller delivers as soon as it sees the purchase.
        const purchase = await findPurchaseAddress(listing, buyer.address);
        const selling = (async () => {
            for await (const change of watchAccount(rpcSubscriptions, purchase, asPurchase, { signal })) {
                const bought = change.kind === 'account' ? change.account : await fetchAs(rpc, purchase, asPurchase);
                if (bought === undefined) continue;
                const offered = (await fetchAs(rpc, listing, asListing))!;
                const proof = delivery.deliver(keys.secret, saleOf(offered, bought));
                return send(rpc, seller, await deliver(offered, bought, proof), QUICK);
            }
            throw new Error('nothing was bought');
        })();

        const buying = run(process.execPath, ['newcomer.mjs', rpcUrl, listing, storeUrl, 'wallet.json'], {
            cwd: folder,
        });
        const { stdout, stderr } = await buying;
        await selling;
        const rows = stdout
            .trimEnd()
            .split('\n')
            .map(line => JSON.parse(line) as { text: string });
        expect(rows.map(({ text }) => text)).toEqual(TEXTS);
        expect(stderr).toContain('Two pages: 2 rows for 10.000007 LMR');
        expect(stderr).toContain("those of the listing's ciphertext root");
        expect(await fetchLmrBalance(rpc, buyer.address)).toBe(2n * PRICE);
        const [bought] = await fetchPurchases(rpc, { listing, buyer: buyer.address });
        expect(bought!.address).toBe(purchase);
        expect(await fetchPurchases(rpc, { buyer: seller.address })).toEqual([]);

        await until(async () => events.some(({ name }) => name === 'DatasetDelivered'));
        expect(events.map(({ name }) => name)).toEqual(['DatasetBought', 'DatasetDelivered']);
        ending.abort();
        await following;
    });
});
