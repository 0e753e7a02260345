/**
 * The whole of it, with every party a process of its own: `lumora demo --keep`, a provider who joins it by the app and is paid,
 * a client whose pages real nodes fetch, a buyer whom the seller's daemon serves.
 */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { dataset, fetchLmrBalance } from '@lumora/client';
import { type Address, getAddressEncoder, type KeyPairSigner } from '@solana/kit';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { CHROMIUM, compose, signed, visit } from './browser';
import { type Demo, lumora, type Sample, sellResults, startDemo } from './demo';
import { fund, LUMORA_BIN, run, type Running, signerOf } from './network';

const LMR = 1_000_000n;
/** As long as a few epochs, or a job. */
const EVENTUALLY = { timeout: 240_000 };
const PAGES = 24;

describe.skipIf(LUMORA_BIN === undefined)('with a whole network', () => {
    let demo: Demo;
    let browser: Browser;

    beforeAll(async () => {
        demo = await startDemo(folder => {
            const html = join(folder, 'pages');
            mkdirSync(html);
            for (let page = 0; page < PAGES; page++) writeFileSync(join(html, `page-${page}.html`), pageOf(page));
            const sizes = ['--nodes', '4', '--oracles', '3', '--pages', `${PAGES}`, '--shards', '3'];
            return ['--dir', html, ...sizes, '--epoch-seconds', '15'];
        });
        browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    });

    afterAll(async () => {
        await browser?.close();
        await demo?.stop();
    });

    it('a provider registers, is measured, sees the earnings arrive, and claims them', async () => {
        const { signer, secret } = await demo.wallet(250n * LMR);
        const { page, done } = await visit(browser, demo.siteUrl, 'provide', secret);
        await page.getByLabel('Degrees north').fill('52.52');
        await page.getByLabel('Degrees east').fill('13.40');
        const files: Promise<string>[] = [];
        page.on('download', download => files.push(download.path()));
        await page.getByRole('button', { name: 'Make new keys' }).click();
        await page.getByText('is at 52.').waitFor();
        await page.getByRole('button', { name: 'Register node' }).click();
        await signed(page, 'Register a node');

        const [operatorKey, transportKey] = await Promise.all(files);
        const node = await startNode(signer, operatorKey!, transportKey!);
        try {
            // Nothing on the page is touched from here on: the figures come by themselves.
            const claim = page.getByRole('button', { name: /^Claim \d/ });
            await claim.waitFor(EVENTUALLY);
            await page
                .getByRole('region', { name: 'Epochs, the newest first' })
                .getByText(/^Epoch \d/)
                .first()
                .waitFor();
            const before = await fetchLmrBalance(demo.rpc, signer.address);
            await claim.click();
            await signed(page, 'Claim rewards');
            expect(await fetchLmrBalance(demo.rpc, signer.address)).toBeGreaterThan(before);
            await page.getByText(/[1-9][\d.,]* LMR claimed before/).waitFor();
        } finally {
            await node.stop();
        }
        await done();
    });

    it('a client composes a job, watches nodes do it, opens what they found, and shows buyers a free sample', async () => {
        const { secret } = await demo.wallet(100n * LMR);
        const { page, done } = await visit(browser, demo.siteUrl, 'jobs/new', secret);
        const files: { name: string; path: Promise<string> }[] = [];
        page.on('download', download => files.push({ name: download.suggestedFilename(), path: download.path() }));
        const urls = Array.from({ length: PAGES }, (_, at) => new URL(`page-${at}.html`, demo.pagesUrl).href);
        await compose(page, urls.join('\n'));
        await page.getByLabel('Requests per second and site').fill('20');
        await page.getByRole('slider', { name: 'Shards', exact: true }).focus();
        for (let step = 0; step < 2; step++) await page.keyboard.press('ArrowRight');
        await page.getByRole('button', { name: 'Create and escrow 18 LMR' }).click();
        await signed(page, 'Create a job for 18 LMR');
        await page.waitForURL(/#\/jobs\/[1-9A-HJ-NP-Za-km-z]{32,}/);
        const job = page.url().split('/').at(-1)!;

        await page.getByText('3 of 3', { exact: true }).waitFor(EVENTUALLY);
        const work = page.getByRole('region', { name: 'Work by shard' });
        await work.getByText('paid', { exact: true }).nth(5).waitFor();

        const key = join(demo.folder, 'results-key.json');
        writeFileSync(key, readFileSync(await files.find(({ name }) => name === 'results-key.json')!.path), {
            mode: 0o600,
        });
        const records = join(demo.folder, 'records.jsonl');
        const store = join(demo.root, 'store');
        await lumora(['job', 'fetch', '--url', demo.rpcUrl, '--key', key, job, '--store', store, '--out', records]);
        const found = readFileSync(records, 'utf8').trimEnd().split('\n');
        const titles = found.map(line => (JSON.parse(line) as { title: string }).title).sort();
        expect(titles).toEqual(urls.map((_, at) => `Page ${at}`).sort());

        const { listing, sample } = await sellResults(demo, job, key, secret);
        await seesSample(listing, sample, found);
        await seesForgery(listing, sample);

        await page.getByRole('button', { name: 'Close and take back the rest' }).click();
        await signed(page, 'Close the job');
        await done();
    });

    /** Without a wallet: the rows of the sample are shown, are rows of the dataset, and fit the data card. */
    async function seesSample(listing: string, { rows }: Sample, records: readonly string[]) {
        const { page, done } = await visit(browser, demo.siteUrl, 'market');
        await page.getByRole('link', { name: /^A page/ }).click();
        await page.waitForURL(`**/#/market/${listing}`);
        const shown = page.getByRole('region', { name: 'Free sample' });
        await shown.getByText('chosen by chance, proven to be of this dataset').waitFor();
        // Of 24 rows a tenth.
        expect(rows).toHaveLength(2);
        expect(await shown.getByRole('listitem').count()).toBe(rows.length);
        const columns = await page.getByRole('region', { name: 'Columns' }).locator('td:first-child').allInnerTexts();
        for (const [at, { number, record }] of rows.entries()) {
            expect(records.map(text => JSON.parse(text) as unknown)).toContainEqual(JSON.parse(record));
            const item = shown.getByRole('listitem').nth(at);
            await item.getByText(`Row ${number}, fetched`).waitFor();
            const members = await item.locator('dt').allInnerTexts();
            expect(columns).toEqual(expect.arrayContaining(members));
            const texts = await item.locator('dd').allInnerTexts();
            expect(texts).toContain((JSON.parse(record) as { title: string }).title);
        }
        await done();
    }

    /** A sample in which a row says something else is not shown, and why. */
    async function seesForgery(listing: Address, sample: Sample) {
        const [first, ...others] = sample.rows;
        const forged = { ...sample, rows: [{ ...first!, record: first!.record.replace('Page', 'Rage') }, ...others] };
        const content = new TextEncoder().encode(JSON.stringify(forged));
        const cid = await dataset.cidOf(content);
        const store = (path: string) => join(demo.root, 'store', path);
        mkdirSync(dirname(store(dataset.objectPath(cid))), { recursive: true });
        writeFileSync(store(dataset.objectPath(cid)), content);
        const name = `samples/${Buffer.from(getAddressEncoder().encode(listing)).toString('hex')}`;
        expect(readFileSync(store(dataset.namePath(name)), 'utf8').trim()).not.toBe(cid);
        writeFileSync(store(dataset.namePath(name)), cid);
        const { page, done } = await visit(browser, demo.siteUrl, `market/${listing}`);
        await page.getByText(`row ${first!.number} is not that row of the listed dataset`).waitFor();
        expect(await page.getByRole('region', { name: 'Free sample' }).count()).toBe(0);
        await done();
    }

    it('a buyer finds the dataset, sees where it comes from, and decrypts exactly what the network collected', async () => {
        const { secret } = await demo.wallet(150n * LMR);
        const { page, done } = await visit(browser, demo.siteUrl, 'market', secret);
        await page.getByRole('link', { name: /Documentation pages/ }).click();
        await page.getByRole('heading', { name: 'Where it comes from' }).waitFor();
        await page.getByText(/^3 shards by \d nodes?$/).waitFor();
        await page.getByRole('button', { name: 'Buy for 120 LMR' }).click();
        await signed(page, 'Buy for 120 LMR');
        await page.getByRole('button', { name: 'Download and decrypt' }).click(EVENTUALLY);
        // The indexer told which shards settled, so that every row is followed to the chain.
        await page.getByText(`${PAGES} rows come from shards whose result root the chain saw win`).waitFor(EVENTUALLY);
        expect(await saved(page)).toBe(readFileSync(join(demo.root, 'dataset.jsonl'), 'utf8'));
        await done();
    });

    it('shows the measured network', async () => {
        const { page, done } = await visit(browser, demo.siteUrl, 'network');
        await page.getByRole('img', { name: /^[4-6] nodes on a map/ }).waitFor();
        await page
            .getByText(/Epoch \d+ attested/)
            .first()
            .waitFor(EVENTUALLY);
        await page.getByText(/^Epoch \d+, .*, \d nodes$/).waitFor();
        await done();
    });

    /** The node's software, with the keys that the page made, and the oracles as the demo's own nodes reach them. */
    async function startNode(owner: KeyPairSigner, operatorKey: string, transportKey: string): Promise<Running> {
        for (const key of [operatorKey, transportKey]) chmodSync(key, 0o600);
        await fund(demo, (await signerOf(operatorKey)).address);
        const { owner_key, ...config } = JSON.parse(readFileSync(join(demo.root, 'node-1.config.json'), 'utf8')) as {
            owner_key: string;
        };
        expect(owner_key).toBeTruthy();
        const file = join(demo.folder, 'node.json');
        const own = {
            owner: owner.address,
            operator_key: operatorKey,
            transport_key: transportKey,
            data_dir: join(demo.folder, 'node'),
            location: { latitude: 52.52, longitude: 13.4 },
            limits: { rate_kbps: 21_000, shards: 4 },
            bond: 0,
            // So that the claim is left to the person.
            minimum_claim: 1_000_000_000_000,
        };
        writeFileSync(file, JSON.stringify({ ...config, ...own }));
        return run(['node', 'run', '--config', file]);
    }
});

/** The rows, saved to a file. */
async function saved(page: Page): Promise<string> {
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: /^Save .* as JSON Lines/ }).click();
    return readFileSync(await (await download).path(), 'utf8');
}

/** A page of some text, as long as those that the demo takes. */
const pageOf = (number: number): string => {
    const paragraphs = Array.from(
        { length: 100 },
        (_, at) => `<p>Paragraph ${at} of page ${number} says what page ${number} is about, in words enough.</p>`,
    );
    const head = `<title>Page ${number}</title><meta name="description" content="About ${number}">`;
    return `<!doctype html><html><head>${head}</head><body><main><h1>Page ${number}</h1>${paragraphs.join('\n')}</main></body></html>`;
};
