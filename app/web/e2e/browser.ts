/** Driving the app as a person does. */
import { type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { expect } from 'vitest';

/** The browser. */
export const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
/** As long as anything on a page may take. */
export const SOON = { timeout: 45_000 };

/** How a room is opened. */
export type VisitOptions = {
    readonly context?: BrowserContextOptions;
    /** Changes the configuration that the page reads. */
    readonly config?: (config: object) => object;
};

/** Opens a room; with a wallet connected where a secret is given, or `new` for one that holds nothing. */
export async function visit(
    browser: Browser,
    siteUrl: string,
    room: string,
    secret?: string,
    { context: options = {}, config }: VisitOptions = {},
) {
    const context = await browser.newContext({ acceptDownloads: true, ...options });
    const page = await context.newPage();
    const errors: string[] = [];
    page.on('pageerror', error => errors.push(error.message));
    if (config !== undefined) {
        await page.route('**/config.json', async route => {
            const response = await route.fetch();
            await route.fulfill({ json: config((await response.json()) as object) });
        });
    }
    await page.goto(`${siteUrl}/#/${room}`);
    if (secret !== undefined) await connect(page, secret);
    const done = async () => {
        expect(errors).toEqual([]);
        await context.close();
    };
    return { page, context, done };
}

async function connect(page: Page, secret: string): Promise<void> {
    await page.getByRole('button', { name: 'Connect wallet' }).click(SOON);
    await page.getByRole('button', { name: 'Localnet key' }).click(SOON);
    if (secret === 'new') await page.getByRole('button', { name: 'New key' }).click(SOON);
    else {
        await page.getByLabel('Secret key').fill(secret, SOON);
        await page.getByRole('button', { name: 'Use this key' }).click();
    }
    await page.getByRole('button', { name: /…/ }).first().waitFor(SOON);
}

/** Signs what the page asks for, and waits until it is confirmed. */
export async function signed(page: Page, title: string): Promise<void> {
    await page.getByRole('button', { name: 'Sign', exact: true }).click(SOON);
    await page.locator('article[data-phase=confirmed]', { hasText: title }).waitFor(SOON);
}

/** Writes a manifest of these pages. */
export async function compose(page: Page, urls: string): Promise<void> {
    await page.getByLabel('Name', { exact: true }).first().fill('A page');
    await page.getByLabel('Licence of the content').fill('CC-BY-4.0');
    await page.getByLabel("Contact for the sites' owners").fill('mailto:test@example.org');
    await page.getByLabel('Addresses, one to a line').fill(urls);
}

/** Presses Tab until what has this name is focused, and sees that the focus is shown. */
export async function tabTo(page: Page, name: string | RegExp): Promise<void> {
    for (let step = 0; step < 150; step++) {
        await page.keyboard.press('Tab');
        const focused = await page.evaluate(() => {
            const element = document.activeElement;
            if (!(element instanceof HTMLElement) || element === document.body) return '';
            const labels = 'labels' in element ? [...(element.labels as NodeListOf<HTMLElement>)] : [];
            const label = labels.map(one => one.firstChild?.textContent ?? '').join(' ');
            return (element.ariaLabel ?? (label || element.innerText)).trim();
        });
        if (typeof name === 'string' ? focused === name || focused.startsWith(`${name}\n`) : name.test(focused)) {
            const shown = await page.evaluate(() => {
                const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(document.activeElement!);
                return (outlineStyle !== 'none' && outlineWidth !== '0px') || boxShadow !== 'none';
            });
            expect(shown, `the focus on ${name} can be seen`).toBe(true);
            return;
        }
    }
    throw new Error(`Tab does not lead to ${name}`);
}

/** Presses a key. */
export const press = (page: Page, key: string): Promise<void> => page.keyboard.press(key);
