/** The example of the README, run as it stands against a node and a store that this process serves. */
import { createServer, type Server } from 'node:http';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { main } from '../examples/buy-dataset';
import { dataset, deliver, listedOf } from '../src';
import { Node } from './rpc';
import { PRICE, Sales, TEXTS } from './sales';

let sales: Sales;
let folder: string;
const servers: Server[] = [];

/** Answers HTTP requests; gives the address. */
async function serve(answer: (path: string, body: string) => string | Uint8Array | undefined): Promise<string> {
    const server = createServer(async (request, response) => {
        const pieces: Buffer[] = [];
        for await (const piece of request) pieces.push(piece as Buffer);
        const found = answer(request.url!, Buffer.concat(pieces).toString());
        response.writeHead(found === undefined ? 404 : 200).end(found);
    });
    servers.push(server);
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

beforeEach(async () => {
    sales = await Sales.begin();
    folder = await mkdtemp(join(tmpdir(), 'lumora-'));
});

afterEach(async () => {
    for (const server of servers.splice(0)) server.close();
    await rm(folder, { recursive: true });
    vi.restoreAllMocks();
});

describe('the example', () => {
    it('buys, waits for the seller, writes the rows and says what was verified', async () => {
        const node = new Node(sales.chain);
        const said: string[] = [];
        vi.spyOn(console, 'log').mockImplementation((text: string) => void said.push(text));
        const rpc = await serve((_, body) => node.answerText(body));
        const objects = new Map([...sales.store.objects].map(([cid, bytes]) => [`/${dataset.objectPath(cid)}`, bytes]));
        const store = await serve(path => objects.get(path));
        const { buyer, seller, chain } = sales;
        const out = join(folder, 'rows.jsonl');
        const wallet = join(folder, 'wallet.json');
        await writeFile(wallet, JSON.stringify([...(await exported(buyer.keyPair))]));
        // What an earlier run wrote, cut off within the segment.
        await writeFile(`${out}.part`, '{"text":');

        const run = main([rpc, (await sales.listing()).address, store, wallet, out]);
        await vi.waitUntil(() => said.includes('paid into escrow; the seller has until the deadline'));
        await chain.send(seller, await deliver(await sales.listing(), await sales.purchase(), await sales.delivered()));
        await run;

        const rows = (await readFile(out, 'utf8')).trimEnd().split('\n');
        expect(rows.map(row => JSON.parse(row).text)).toEqual(TEXTS);
        expect(said[0]).toBe(`Two pages: 2 rows, CC0-1.0, for ${PRICE} base units of LMR`);
        expect(said.at(-1)).toContain('2 rows come from shards (1) all records');
        // Run again, it pays no second time, and fetches nothing that it has.
        await rename(out, `${out}.part`);
        const opened = await dataset.describeDataset(listedOf(await sales.listing()), sales.store);
        for (const cid of opened.package.rows.segments) objects.delete(`/${dataset.objectPath(cid)}`);
        await main([rpc, (await sales.listing()).address, store, wallet, out]);
        expect((await readFile(out, 'utf8')).trimEnd().split('\n')).toEqual(rows);
        expect(await sales.balance(buyer.address)).toBe(2n * PRICE);
    });
});

/** A key pair as wallets write it: the private key, then the public one. */
async function exported(pair: CryptoKeyPair): Promise<Uint8Array> {
    const jwk = await crypto.subtle.exportKey('jwk', pair.privateKey);
    return Buffer.concat([Buffer.from(jwk.d!, 'base64url'), Buffer.from(jwk.x!, 'base64url')]);
}
