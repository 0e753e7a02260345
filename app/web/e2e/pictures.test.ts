/** Takes the pictures in docs/screenshots anew, small where pngquant is installed: PICTURES=1 npm run e2e -- pictures */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, it } from 'vitest';

import { CHROMIUM, compose, signed, visit } from './browser';
import { type Demo, sellResults, startDemo } from './demo';

const LMR = 1_000_000n;
const FOLDER = resolve(import.meta.dirname, '../../../docs/screenshots');
/** Pages of the job that is portrayed. */
const PAGES = 40;
const PATIENT = { timeout: 240_000 };
const WIDE = { width: 1440, height: 900 };
/** A wide picture shows more where the page has more. */
const TALLEST = 1_200;
const NARROW = { width: 390, height: 844 };

describe.skipIf(process.env['PICTURES'] === undefined)('pictures', () => {
    let demo: Demo;
    let browser: Browser;

    beforeAll(async () => {
        mkdirSync(FOLDER, { recursive: true });
        demo = await startDemo(() => ['--pages', '240', '--shards', '16', '--epoch-seconds', '15']);
        browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    });

    afterAll(async () => {
        await browser?.close();
        await demo?.stop();
    });

    it('of every room, light and dark, wide and narrow', async () => {
        const client = await demo.wallet(180n * LMR);
        const { page, done } = await visit(browser, demo.siteUrl, 'market', client.secret);
        await page.getByRole('link', { name: /Documentation pages/ }).click();
        await page.getByRole('button', { name: 'Buy for 120 LMR' }).click();
        await signed(page, 'Buy for 120 LMR');
        await page.getByRole('button', { name: 'Download and decrypt' }).waitFor(PATIENT);
        const listing = page.url().split('#/')[1]!;

        await page.goto(`${demo.siteUrl}/#/jobs/new`);
        const files: { name: string; path: Promise<string> }[] = [];
        page.on('download', download => files.push({ name: download.suggestedFilename(), path: download.path() }));
        const rows = readFileSync(join(demo.root, 'dataset.jsonl'), 'utf8').trimEnd().split('\n');
        const urls = rows.map(row => (JSON.parse(row) as { url: string }).url);
        const pages = urls.filter(url => url.startsWith(demo.pagesUrl)).slice(0, PAGES);
        await describeJob(page, pages);
        await page.getByRole('slider', { name: 'Shards', exact: true }).focus();
        for (let step = 0; step < 3; step++) await page.keyboard.press('ArrowRight');
        await page.getByRole('button', { name: /^Create and escrow/ }).click();
        await signed(page, 'Create a job for');
        await page.waitForURL(/#\/jobs\/[1-9A-HJ-NP-Za-km-z]{32,}/);
        const job = page.url().split('#/')[1]!;
        await page.getByText('4 of 4', { exact: true }).waitFor(PATIENT);
        const key = await files.find(({ name }) => name === 'results-key.json')!.path;
        chmodSync(key, 0o600);
        const sale = await sellResults(demo, job.split('/')[1]!, key, client.secret);

        await page.goto(`${demo.siteUrl}/#/${listing}`);
        await page.getByRole('button', { name: 'Download and decrypt' }).click(PATIENT);
        await page.getByText('come from shards whose result root').waitFor(PATIENT);
        await portray(page, 'market');
        await page.goto(`${demo.siteUrl}/#/market/${sale.listing}`);
        await page.getByText('chosen by chance, proven to be of this dataset').waitFor(PATIENT);
        await portray(page, 'sample');
        await page.goto(`${demo.siteUrl}/#/${job}`);
        await portray(page, 'job');
        await page.goto(`${demo.siteUrl}/#/jobs/new`);
        await describeJob(page, pages);
        await page.getByLabel('Description').blur();
        await portray(page, 'compose');
        await done();

        const provider = readFileSync(join(demo.root, 'keys/node-1-owner.json'), 'utf8');
        for (const [room, secret] of [
            ['provide', provider],
            ['network', undefined],
        ] as const) {
            const { page, done } = await visit(browser, demo.siteUrl, room, secret, { context: { viewport: WIDE } });
            // Figures are sampled while the page is open.
            await page.waitForTimeout(45_000);
            await portray(page, room);
            await done();
        }
    });
});

async function describeJob(page: Page, pages: readonly string[]): Promise<void> {
    await compose(page, pages.join('\n'));
    await page.getByLabel('Requests per second and site').fill('20');
    await page.getByLabel('Name', { exact: true }).first().fill('Titles of documentation');
    await page.getByLabel('Description').fill('Address and title of each page');
}

async function portray(page: Page, name: string): Promise<void> {
    await page.setViewportSize(WIDE);
    const content = await page.evaluate(() => document.documentElement.scrollHeight);
    for (const viewport of [{ ...WIDE, height: Math.min(content, TALLEST) }, NARROW]) {
        await page.setViewportSize(viewport);
        for (const colorScheme of ['light', 'dark'] as const) {
            await page.emulateMedia({ colorScheme });
            await page.evaluate(() => scrollTo(0, 0));
            await page.waitForTimeout(1_500);
            const path = join(FOLDER, `${name}-${viewport.width}-${colorScheme}.png`);
            await page.screenshot({ path });
            spawnSync('pngquant', ['--force', '--skip-if-larger', '--output', path, path]);
        }
    }
    await page.setViewportSize(WIDE);
    await page.emulateMedia({ colorScheme: 'light' });
}
