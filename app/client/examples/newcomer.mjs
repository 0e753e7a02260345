// Buys a dataset and prints its rows: node newcomer.mjs RPC LISTING STORE wallet.json
import { readFile, writeFile } from 'node:fs/promises';
import { address, createKeyPairSignerFromBytes, createSolanaRpc } from '@solana/kit';
import * as lumora from '@lumora/client';

const [url, listingText, storeUrl, walletFile] = process.argv.slice(2);
try {
    const wallet = await createKeyPairSignerFromBytes(Uint8Array.from(JSON.parse(await readFile(walletFile, 'utf8'))));
    const [rpc, store] = [createSolanaRpc(url), new lumora.dataset.HttpStore(storeUrl)];
    const listing = await lumora.fetchAs(rpc, address(listingText), lumora.asListing);
    const { card } = await lumora.dataset.describeDataset(lumora.listedOf(listing), store);
    console.error(`${card.name}: ${card.rows} rows for ${lumora.formatLmr(listing.data.price)} LMR`);

    const { secret, publicKey } = lumora.delivery.keypair();
    await writeFile('secret.key', secret, { mode: 0o600 }); // nothing else opens what is delivered
    await lumora.send(rpc, wallet, await lumora.buy(wallet, listing, publicKey));
    const purchase = await lumora.findPurchaseAddress(listing.address, wallet.address);
    for (let key; key === undefined; await new Promise(resolve => setTimeout(resolve, 500))) {
        key = lumora.deliveredKey(listing, await lumora.fetchAs(rpc, purchase, lumora.asPurchase), secret);
        if (key === undefined) continue;
        const opened = await lumora.dataset.Dataset.open(lumora.listedOf(listing), key, store);
        for await (const row of opened.rows()) console.log(JSON.stringify(row.value));
        console.error(lumora.dataset.statements(opened.verification()).verified.join('\n'));
    }
} catch (error) {
    throw new Error(lumora.explain(error).sentence, { cause: error });
}
