/** The rooms in a real browser, on an embedded network with an indexer, with real transactions and the built app. */
import { readFileSync } from 'node:fs';

import {
    asNode,
    fetchAs,
    fetchJob,
    fetchJobs,
    findNodeAddress,
    freezeAdaptation,
    registerNode,
    rules,
    send,
    type registry,
    unfreezeAdaptation,
} from '@lumora/client';
import { address, type KeyPairSigner } from '@solana/kit';
import axe from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { CHROMIUM, compose, press, signed, SOON, tabTo, visit } from './browser';
import { fundedWallet, type Listed, listDataset, LUMORA_BIN, startNetwork, type TestNetwork } from './network';

const LMR = 1_000_000n;
/** The cell that H3 gives for Berlin, at resolution 3. */
const BERLIN = 0x831f1dfffffffffn;

/** What an indexer tells of a node that was measured and got nothing. */
const ATTESTATION = {
    epoch: '5',
    uptime_bps: 10_000,
    reputation_bps: 9_000,
    down_kbps: 40_000,
    up_kbps: 20_000,
    rtt_us: 20_000,
    contribution: '0',
    cumulative_reward: '0',
};
/** Adaptations as an indexer tells them, the newest first. */
const ADAPTATIONS = [8, 7, 6, 5, 4].map(epoch => ({
    seq: `${1_000_000 + epoch}`,
    signature: '1'.repeat(64),
    ordinal: 0,
    slot: epoch,
    time: Math.floor(Date.now() / 1_000) - 3_600 * (9 - epoch),
    program: 'registry',
    name: 'RankingAdapted',
    fields: {
        wait_reason: 2,
        weights_reason: epoch === 8 ? 2 : 0,
        adaptations: epoch - 3,
        epoch: `${epoch}`,
        from_weights: [4_000, 3_000, 2_000, 1_000],
        to_weights: epoch === 8 ? [3_800, 3_000, 2_000, 1_200] : [4_000, 3_000, 2_000, 1_000],
        from_max_wait_seconds: 2 + epoch,
        to_max_wait_seconds: 3 + epoch,
    },
}));

if (LUMORA_BIN === undefined) {
    console.warn(
        'Browser tests are skipped: set LUMORA_BIN to a built `lumora`, and build the programs with `cargo xtask build-sbf`.',
    );
}

describe.skipIf(LUMORA_BIN === undefined)('in a browser', () => {
    let network: TestNetwork;
    let browser: Browser;
    let listed: Listed;
    /** Of a seller whose bond is too small for the penalty of a sale. */
    let unbacked: Listed;

    beforeAll(async () => {
        network = await startNetwork();
        browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
        listed = await listDataset(network, 12_000, 25n * LMR);
        unbacked = await listDataset(network, 20, 25n * LMR, LMR);
    });

    afterAll(async () => {
        await browser?.close();
        await network?.stop();
    });

    const open = (room: string, secret?: string, options = {}) =>
        visit(browser, network.siteUrl, room, secret, options);

    const nodeOf = async (signer: KeyPairSigner): Promise<registry.Node> =>
        (await fetchAs(network.rpc, await findNodeAddress(signer.address), asNode))!.data;

    /** Registers a node without the page. */
    const register = async (owner: KeyPairSigner, limitKbps: number) => {
        const description = {
            operator: network.authority.address,
            transportKey: new Uint8Array(32).fill(7),
            h3Cell: BERLIN,
            location: rules.unitVector(52.5, 13.4),
            limitKbps,
            shardCapacity: 4,
        };
        await send(network.rpc, owner, await registerNode(owner, description));
    };

    it('registers a node, sets its limits and bonds it', async () => {
        const { signer, secret } = await fundedWallet(network, 1_000n * LMR);
        const { page, done } = await open('provide', secret);
        await page.getByLabel('Degrees north').fill('52.52');
        await page.getByLabel('Degrees east').fill('13.40');
        await page.getByRole('button', { name: 'Make new keys' }).click();
        await page.getByText('is at 52.').waitFor(SOON);
        await page.getByRole('button', { name: 'Register node' }).click();
        await signed(page, 'Register a node');
        expect(await nodeOf(signer)).toMatchObject({ h3Cell: BERLIN, limitKbps: 21_000 });

        const slider = page.getByRole('slider', { name: 'Shared rate' });
        await slider.focus();
        for (let step = 0; step < 10; step++) await slider.press('ArrowRight');
        await page.getByRole('button', { name: /^Set to/ }).click();
        await signed(page, 'Set limits');
        const after = await nodeOf(signer);
        expect(after.limitKbps).toBeGreaterThan(45_000);
        expect(after.shardCapacity).toBe(4);
        await page.getByText('The first measurement comes with the next epoch').waitFor(SOON);

        // What is needed for work is said before and after too little was bonded.
        await page.getByText('To take work, deposit at least').waitFor(SOON);
        await bond(page, '0.5');
        await page.getByText('To take work, deposit at least').waitFor(SOON);
        await bond(page, '900');
        await page.getByText(/It covers \d+ shards at once/).waitFor(SOON);
        expect((await nodeOf(signer)).bond).toBe(900_500_000n);

        await page.getByRole('button', { name: 'Pause' }).click();
        await signed(page, 'Pause the node');
        await page.getByText('The node is paused by its owner').first().waitFor(SOON);
        await done();
    });

    it('buys, opens and saves a dataset that is exactly what was sealed', async () => {
        const { secret } = await fundedWallet(network, 100n * LMR);
        const { page, done } = await open('market', secret);
        await page.getByRole('link', { name: /Books of a library/ }).click(SOON);
        await page.getByRole('heading', { name: 'Books of a library' }).waitFor(SOON);
        await page.getByRole('heading', { name: 'Where it comes from' }).waitFor(SOON);
        const delivered = listed.deliverOnce();
        await page.getByRole('button', { name: 'Buy for 25 LMR' }).click();
        await signed(page, 'Buy for 25 LMR');
        await delivered;
        await page.getByRole('button', { name: 'Download and decrypt' }).click(SOON);
        await page.getByText('the 12000 rows are those').waitFor(SOON);
        const download = page.waitForEvent('download');
        await page.getByRole('button', { name: /^Save .* as JSON Lines/ }).click();
        expect(readFileSync(await (await download).path(), 'utf8')).toBe(listed.rows);

        await page.getByLabel('4 of 5').focus();
        await page.keyboard.press('Space');
        await page.getByRole('button', { name: 'Rate', exact: true }).click();
        await signed(page, 'Rate 4 of 5');
        await page.getByText('4.0 of 5 by 1').waitFor(SOON);
        await done();
    });

    it('composes a job, stores its manifest and escrows what it may cost', async () => {
        const { signer, secret } = await fundedWallet(network, 100n * LMR);
        const { page, done } = await open('jobs/new', secret);
        await compose(page, 'https://example.org/a');
        await page.getByRole('button', { name: 'Create and escrow 6 LMR' }).click(SOON);
        await signed(page, 'Create a job for 6 LMR');
        await page.waitForURL(/#\/jobs\/[1-9A-HJ-NP-Za-km-z]{32,}/, SOON);
        const job = address(page.url().split('/').at(-1)!);
        expect((await fetchJob(network.rpc, job))!.data).toMatchObject({
            client: signer.address,
            escrowed: 6n * LMR,
            replicas: 2,
            maxReplicas: 3,
            shardCount: 1,
        });

        await page.getByRole('button', { name: 'Cancel' }).click(SOON);
        await signed(page, 'Cancel the job');
        await page.getByRole('button', { name: 'Close and take back the rest' }).click(SOON);
        await signed(page, 'Close the job');
        expect(await fetchJob(network.rpc, job)).toBeUndefined();
        await page
            .getByText('This job is closed')
            .or(page.getByText('closed', { exact: true }))
            .first()
            .waitFor(SOON);
        await done();
    });

    it('shows what happens as it happens', async () => {
        const { signer } = await fundedWallet(network, 0n);
        const { page, done } = await open('network');
        await page.getByText('Live · localnet').waitFor(SOON);
        const before = await page.getByRole('region', { name: 'What happened' }).innerText(SOON);
        await register(signer, 77_000);
        expect(before).not.toContain('77 Mbit/s');
        await page.getByText('registered, shares up to 77 Mbit/s').waitFor(SOON);
        await done();
    });

    it('shows how the oracles adapted the score, why, and that it is frozen', async () => {
        const { authority, rpc, indexerUrl } = network;
        const { page, done } = await open('network');
        const panel = page.getByRole('region', { name: 'Who gets work' });
        await panel.getByText('not adapted so far').waitFor(SOON);
        await send(rpc, authority, await freezeAdaptation(authority));
        await panel.getByText('The oracles may not adapt weights and wait until the authority allows').waitFor(SOON);
        await page.getByText(/froze the score of the assignment/).waitFor(SOON);
        await send(rpc, authority, await unfreezeAdaptation(authority));
        await panel.getByText('not adapted so far').waitFor(SOON);

        // A quorum of oracles with a hundred claims behind it is more than these tests have: the indexer's answer is given.
        await page.route(`${indexerUrl}/v1/events?*name=RankingAdapted*`, route =>
            route.fulfill({ json: { items: ADAPTATIONS, next: null } }),
        );
        await page.reload();
        await panel.getByText(/Longest wait 10 s → 11 s/).waitFor(SOON);
        await panel.getByText('Many claims were refused because another was first').first().waitFor(SOON);
        await panel.getByText(/Reputation 10 % → 12 %/).waitFor(SOON);
        await panel.getByText('Many assignments expired or were rejected: reputation counts more.').waitFor(SOON);
        await panel.getByText('The oracles adapted it to epoch 5').waitFor({ state: 'hidden' });
        await panel.getByText('2 earlier changes').click();
        await panel.getByText('The oracles adapted it to epoch 5').waitFor(SOON);
        await panel.getByRole('img', { name: /^Longest wait over time/ }).waitFor(SOON);
        expect((await findings(page)).map(({ id, impact }) => `${id} ${impact}`)).toEqual([]);
        await done();
    });

    it('says in Provide why a node gets less than it measured', async () => {
        const { signer, secret } = await fundedWallet(network, 0n);
        await register(signer, 50_000);
        const { page, done } = await open('provide', secret);
        await page.getByText('The first measurement comes with the next epoch').waitFor(SOON);
        // What oracles attest is given by hand; everything else is the indexer's own answer.
        let reason = 14;
        await page.route(`${network.indexerUrl}/v1/nodes?*owner=*`, async route => {
            const response = await route.fetch();
            const { items, next } = (await response.json()) as { items: object[]; next: null };
            const attestation = { ...ATTESTATION, reason, measured_at: Math.floor(Date.now() / 1000) };
            await route.fulfill({ response, json: { items: items.map(item => ({ ...item, attestation })), next } });
        });
        await page.getByText('It earns nothing now. Too many nodes belong to this owner').waitFor(SOON);
        reason = 15;
        await page.getByText('It earns nothing now. The nodes of this network share one link').waitFor(SOON);
        await page.unrouteAll({ behavior: 'ignoreErrors' });
        await done();
    });

    it('reads everything from the chain where there is no indexer', async () => {
        const { page, done } = await open('network', undefined, {
            config: (config: object) => ({ ...config, indexerUrl: null }),
        });
        await page.getByText('Live · localnet').waitFor(SOON);
        await page.getByRole('img', { name: /nodes on a map/ }).waitFor(SOON);
        await page
            .getByText(/registered, shares up to/)
            .first()
            .waitFor(SOON);
        await page.goto(`${network.siteUrl}/#/market`);
        await page.getByRole('link', { name: /Books of a library/ }).waitFor(SOON);
        await done();
    });

    describe('says what to do', () => {
        it('when a signature is declined', async () => {
            const { secret } = await fundedWallet(network, 100n * LMR);
            const { page, done } = await open('jobs/new', secret);
            await compose(page, 'https://example.org/a');
            await page.getByRole('button', { name: 'Create and escrow 6 LMR' }).click(SOON);
            await page.getByRole('button', { name: 'Reject' }).click(SOON);
            await page.getByText('nothing has changed: approve it in the wallet to go on').waitFor(SOON);
            await done();
        });

        it('when LMR is lacking, before anything is signed', async () => {
            const { secret } = await fundedWallet(network, 2n * LMR);
            const { page, done } = await open(`market/${listed.address}`, secret);
            await page.getByRole('button', { name: 'Buy for 25 LMR' }).click(SOON);
            await page.getByText('This takes 25 LMR and your wallet has 2 LMR. Add 23 LMR').waitFor(SOON);
            await done();
        });

        it('when SOL is lacking, before anything is signed', async () => {
            const { page, done } = await open('provide', 'new');
            await page.getByLabel('Degrees north').fill('1');
            await page.getByLabel('Degrees east').fill('1');
            await page.getByRole('button', { name: 'Make new keys' }).click();
            await page.getByRole('button', { name: 'Register node' }).click(SOON);
            await page.getByText(/too little SOL for the fee or the rent: send it some/).waitFor(SOON);
            await done();
        });

        it("when the seller's bond does not cover another sale", async () => {
            const { secret } = await fundedWallet(network, 100n * LMR);
            const { page, done } = await open(`market/${unbacked.address}`, secret);
            await page.getByRole('button', { name: 'Buy for 25 LMR' }).click(SOON);
            await page.locator('article[data-phase=failed]').waitFor(SOON);
            // The program's own sentence, in a build for production.
            expect(await page.locator('article[data-phase=failed]').innerText()).toMatch(/bond/i);
            await done();
        });

        it('when the network cannot be reached, and goes on when it can', async () => {
            const { secret } = await fundedWallet(network, 100n * LMR);
            const { page, context, done } = await open('jobs/new', secret);
            await compose(page, 'https://example.org/a');
            await context.route(`${network.rpcUrl}/**`, route => route.abort());
            await page.getByRole('button', { name: 'Create and escrow 6 LMR' }).click(SOON);
            await page.getByText('The network cannot be reached: check the connection').first().waitFor(SOON);
            await context.unrouteAll();
            await page.getByRole('button', { name: 'Create and escrow 6 LMR' }).click(SOON);
            await signed(page, 'Create a job for 6 LMR');
            await done();
        });

        it('when the indexer cannot be reached, and goes on by itself when it can', async () => {
            const { page, context, done } = await open('market');
            await page.getByRole('link', { name: /Books of a library/ }).waitFor(SOON);
            await context.route(`${network.indexerUrl}/**`, route => route.abort());
            await page.reload();
            await page.getByText(`The indexer at ${network.indexerUrl} cannot be reached.`).first().waitFor(SOON);
            await context.unrouteAll();
            await page.getByRole('link', { name: /Books of a library/ }).waitFor(SOON);
            await done();
        });

        it('when a transaction was not taken before its blockhash expired, and nothing was paid', async () => {
            const { signer, secret } = await fundedWallet(network, 100n * LMR);
            const { page, context, done } = await open('jobs/new', secret);
            await compose(page, 'https://example.org/a');
            // A node that loses what it is sent, until the chain is far ahead.
            await context.route(`${network.rpcUrl}/**`, async route => {
                const { id, method } = route.request().postDataJSON() as { id: string; method: string };
                const answer = (result: unknown) => route.fulfill({ json: { jsonrpc: '2.0', id, result } });
                if (method === 'sendTransaction') return answer('1'.repeat(64));
                if (method === 'getBlockHeight') return answer(1_000_000_000);
                return route.continue();
            });
            await page.getByRole('button', { name: 'Create and escrow 6 LMR' }).click(SOON);
            await page.getByRole('button', { name: 'Sign', exact: true }).click(SOON);
            await page.getByText('can no longer land: nothing has changed, try again').waitFor(SOON);
            await context.unrouteAll();
            await page.getByRole('button', { name: 'Create and escrow 6 LMR' }).click(SOON);
            await signed(page, 'Create a job for 6 LMR');
            await done();
            expect(await fetchJobs(network.rpc, signer.address)).toHaveLength(1);
        });
    });

    describe('without a mouse', () => {
        it('a wallet is connected and a node registered', async () => {
            const { signer, secret } = await fundedWallet(network, 0n);
            const { page, done } = await open('network');
            await tabTo(page, 'Skip to content');
            await tabTo(page, 'Provide');
            await press(page, 'Enter');
            await connectByKeys(page, secret);
            await tabTo(page, 'Degrees north');
            await page.keyboard.type('52.52');
            await tabTo(page, 'Degrees east');
            await page.keyboard.type('13.40');
            await tabTo(page, 'Make new keys');
            await press(page, 'Enter');
            await page.getByText('is at 52.').waitFor(SOON);
            await tabTo(page, 'Shared rate');
            await press(page, 'ArrowRight');
            await tabTo(page, 'Register node');
            await press(page, 'Enter');
            await signByKeys(page, 'Register a node');
            expect((await nodeOf(signer)).h3Cell).toBe(BERLIN);
            await done();
        });

        it('a dataset is found and bought', async () => {
            const { secret } = await fundedWallet(network, 100n * LMR);
            const { page, done } = await open('market');
            await connectByKeys(page, secret);
            await tabTo(page, 'Search');
            await page.keyboard.type('books');
            await page.getByText('1 dataset', { exact: true }).waitFor(SOON);
            await tabTo(page, /^Books of a library/);
            await press(page, 'Enter');
            await page.getByRole('heading', { name: 'Books of a library' }).waitFor(SOON);
            await page.getByRole('button', { name: 'Buy for 25 LMR' }).and(page.locator(':enabled')).waitFor(SOON);
            await tabTo(page, 'Buy for 25 LMR');
            await press(page, 'Enter');
            await signByKeys(page, 'Buy for 25 LMR');
            await done();
        });

        it('a job is composed and created', async () => {
            const { secret } = await fundedWallet(network, 100n * LMR);
            const { page, done } = await open('jobs');
            await connectByKeys(page, secret);
            await tabTo(page, 'Compose a job');
            await press(page, 'Enter');
            for (const [label, text] of [
                ['Name', 'A page'],
                ['Licence of the content', 'CC-BY-4.0'],
                ["Contact for the sites' owners", 'mailto:test@example.org'],
                ['Addresses, one to a line', 'https://example.org/a'],
            ] as const) {
                await tabTo(page, label);
                await page.keyboard.type(text);
            }
            await page
                .getByRole('button', { name: 'Create and escrow 6 LMR' })
                .and(page.locator(':enabled'))
                .waitFor(SOON);
            await tabTo(page, 'Create and escrow 6 LMR');
            await press(page, 'Enter');
            await signByKeys(page, 'Create a job for 6 LMR');
            await done();
        });

        it('the network is read', async () => {
            const { page, done } = await open('network');
            await page.getByRole('region', { name: 'What happened' }).waitFor(SOON);
            await tabTo(page, /^What happened/);
            await press(page, 'End');
            await tabTo(page, /^Transaction /);
            await done();
        });
    });

    it('has no serious findings of accessibility, in either theme', async () => {
        const { signer, secret } = await fundedWallet(network, 0n);
        await register(signer, 50_000);
        const [job] = await fetchJobs(network.rpc);
        const items = [`market/${listed.address}`, `jobs/${job!.address}`];
        const counts: Record<string, number> = {};
        for (const colorScheme of ['light', 'dark'] as const) {
            for (const viewport of [
                { width: 1440, height: 900 },
                { width: 390, height: 844 },
            ]) {
                const { page, done } = await open('network', secret, { context: { colorScheme, viewport } });
                for (const room of ['network', 'provide', 'market', 'jobs', 'jobs/new', ...items]) {
                    await page.goto(`${network.siteUrl}/#/${room}`);
                    await page.waitForTimeout(1_500);
                    const found = await findings(page);
                    for (const { impact } of found) counts[`${impact}`] = (counts[`${impact}`] ?? 0) + 1;
                    const serious = found.filter(({ impact }) => impact === 'serious' || impact === 'critical');
                    expect(serious.map(({ id, nodes }) => `${room} ${colorScheme}: ${id} ${nodes[0]?.html}`)).toEqual(
                        [],
                    );
                }
                await page.getByRole('button', { name: /…/ }).first().click();
                expect((await findings(page)).map(({ id, impact }) => `dialog ${id} ${impact}`)).toEqual([]);
                await done();
            }
        }
        console.info('axe, findings by impact:', counts);
    });

    it('ships the licences of what it is made of, the map included', async () => {
        const { page, done } = await open('network');
        const link = page.getByRole('link', { name: /^Licences/ });
        const text = await (await fetch(await link.evaluate(element => (element as HTMLAnchorElement).href))).text();
        expect(text).toContain('world-atlas');
        expect(text).toContain('Copyright 2013-2019 Michael Bostock');
        expect(text).toContain('react-dom');
        await done();
    });

    it('paints before anything was asked of the network', async () => {
        const page = await browser.newPage();
        const asked: string[] = [];
        const hold = (route: { request: () => { url: () => string } }) => void asked.push(route.request().url());
        for (const url of [network.rpcUrl, network.indexerUrl]) await page.route(`${url}/**`, hold);
        await page.goto(`${network.siteUrl}/#/network`);
        await page.getByRole('heading', { name: 'Network', exact: true }).waitFor(SOON);
        const paint = () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime;
        await expect.poll(() => page.evaluate(paint), SOON).toBeGreaterThan(0);
        expect(asked.length).toBeGreaterThan(0);
        console.info(`first contentful paint after ${(await page.evaluate(paint))?.toFixed(0)} ms`);
        await page.close();
    });
});

async function bond(page: Page, amount: string): Promise<void> {
    await page.getByLabel('Amount in LMR').fill(amount);
    await page.getByRole('button', { name: 'Deposit' }).click();
    await signed(page, `Bond ${amount} LMR`);
}

async function connectByKeys(page: Page, secret: string): Promise<void> {
    await tabTo(page, 'Connect wallet');
    await press(page, 'Enter');
    await tabTo(page, 'Localnet key');
    await press(page, 'Enter');
    await page.getByLabel('Secret key').waitFor(SOON);
    await tabTo(page, 'Secret key');
    await page.keyboard.insertText(secret);
    await press(page, 'Enter');
    await page.getByRole('button', { name: /…/ }).first().waitFor(SOON);
}

async function signByKeys(page: Page, title: string): Promise<void> {
    const button = page.getByRole('button', { name: 'Sign', exact: true });
    await button.waitFor(SOON);
    // The dialog puts the focus there.
    expect(await button.evaluate(element => element === document.activeElement)).toBe(true);
    await press(page, 'Enter');
    await page.locator('article[data-phase=confirmed]', { hasText: title }).waitFor(SOON);
}

async function findings(page: Page): Promise<axe.Result[]> {
    await page.addScriptTag({ content: axe.source });
    return page.evaluate(async () => (await (globalThis as unknown as { axe: typeof axe }).axe.run()).violations);
}
