/**
 * Buys a dataset, waits for its key, and writes its rows into a file, from where an earlier run stopped.
 *
 *     npx tsx examples/buy-dataset.ts RPC LISTING STORE wallet.json rows.jsonl
 */
import { existsSync } from 'node:fs';
import { open, readFile, rename, stat, truncate, writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';

import { address, createKeyPairSignerFromBytes, createSolanaRpc } from '@solana/kit';

import {
    asListing,
    asPurchase,
    buy,
    dataset,
    deliveredKey,
    delivery,
    explain,
    fetchAs,
    findPurchaseAddress,
    listedOf,
    send,
} from '../src';

export async function main([rpcUrl, listingText, storeUrl, walletFile, out]: string[]): Promise<void> {
    if (!rpcUrl || !listingText || !storeUrl || !walletFile || !out) {
        throw new Error('usage: buy-dataset RPC LISTING STORE wallet.json rows.jsonl');
    }
    const rpc = createSolanaRpc(rpcUrl);
    const store = new dataset.HttpStore(storeUrl);
    const buyer = await createKeyPairSignerFromBytes(Uint8Array.from(JSON.parse(await readFile(walletFile, 'utf8'))));
    const listing = await fetchAs(rpc, address(listingText), asListing);
    if (listing === undefined) throw new Error(`there is no listing ${listingText}`);

    // Before any money moves: is this what the listing says it is, and is it there?
    const { card } = await dataset.describeDataset(listedOf(listing), store);
    console.log(`${card.name}: ${card.rows} rows, ${card.licence}, for ${listing.data.price} base units of LMR`);

    const purchaseAddress = await findPurchaseAddress(listing.address, buyer.address);
    const secret = await storedSecret(`${out}.secret`);
    const purchase = () => fetchAs(rpc, purchaseAddress, asPurchase);
    if ((await purchase()) === undefined) {
        await send(rpc, buyer, await buy(buyer, listing, delivery.publicKey(secret)));
        console.log('paid into escrow; the seller has until the deadline');
    }
    const key = await poll(async () => {
        const bought = await purchase();
        if (bought === undefined) throw new Error('the seller did not deliver in time, and the money came back');
        return deliveredKey(listing, bought, secret);
    });

    const part = `${out}.part`;
    const opened = await dataset.Dataset.open(listedOf(listing), key, store);
    const length = existsSync(part) ? opened.resumePoint((await stat(part)).size) : 0;
    if (existsSync(part)) await truncate(part, length);
    const file = await open(part, 'a+');
    const read = { start: 0, end: length - 1, autoClose: false };
    const kept = length > 0 ? { length, chunks: file.createReadStream(read) } : undefined;
    for await (const bytes of opened.bytes({ kept })) await file.appendFile(bytes);
    await file.close();
    await rename(part, out);

    const { verified, notVerified } = dataset.statements(opened.verification());
    console.log(['Verified:', ...verified, 'Not verified:', ...notVerified].join('\n- '));
}

/** The secret that opens this one copy: kept before any money moves, for nothing else opens what is delivered. */
async function storedSecret(path: string): Promise<Uint8Array> {
    if (!existsSync(path)) await writeFile(path, delivery.keypair().secret, { mode: 0o600, flush: true });
    return new Uint8Array(await readFile(path));
}

/** Asks once a second until there is an answer. */
async function poll<T>(ask: () => Promise<T | undefined>): Promise<T> {
    for (;;) {
        const answer = await ask();
        if (answer !== undefined) return answer;
        await new Promise(resolve => setTimeout(resolve, 1_000));
    }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
    await main(process.argv.slice(2)).catch((error: unknown) => {
        console.error(explain(error).sentence, error);
        process.exitCode = 1;
    });
}
