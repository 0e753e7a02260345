/** `lumora demo --keep` for the tests: a whole network with nodes, oracles and a seller, each a process of its own. */
import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { dataset, fetchJob, send, transferLmr } from '@lumora/client';
import { type Address, address, createSolanaRpc, type KeyPairSigner, type Rpc, type SolanaRpcApi } from '@solana/kit';

import { fundedSigner, LUMORA_BIN, pause, run, signerOf } from './network';

const WITHIN_MS = 420_000;
/** Within which the block that chooses a sample is final. */
const FINAL_WITHIN_MS = 240_000;

/** See the module. */
export type Demo = {
    /** For whatever a test keeps; gone at the end. */
    readonly folder: string;
    /** Where the demo has its keys, configurations, store and results. */
    readonly root: string;
    readonly siteUrl: string;
    /** Where its pages are served, if it serves them. */
    readonly pagesUrl: string;
    readonly rpcUrl: string;
    readonly rpc: Rpc<SolanaRpcApi>;
    /** A new wallet with SOL and so much of the client's LMR. */
    readonly wallet: (lmr: bigint) => Promise<{ signer: KeyPairSigner; secret: string }>;
    readonly stop: () => Promise<void>;
};

/** Runs a demo and waits until its flow is through. `prepare` gives its arguments. */
export async function startDemo(prepare: (folder: string) => readonly string[]): Promise<Demo> {
    const folder = mkdtempSync(join(tmpdir(), 'lumora-demo-'));
    const root = join(folder, 'demo');
    const demo = run(['demo', '--keep', '--folder', root, ...prepare(folder)]);
    await demo.says('web app   http', WITHIN_MS);
    const rpcUrl = demo.said(/LUMORA_RPC_URL=(\S+)/);
    const rpc = createSolanaRpc(rpcUrl);
    const client = await signerOf(join(root, 'keys/client.json'));
    return {
        folder,
        root,
        siteUrl: demo.said(/web app {3}(\S+)/),
        pagesUrl: demo.said(/site {6}(\S+)/),
        rpcUrl,
        rpc,
        wallet: async lmr => {
            const made = await fundedSigner({ rpc });
            await send(rpc, client, await transferLmr(client, made.signer.address, lmr), { computeUnitPrice: 0 });
            return made;
        },
        stop: async () => {
            await demo.stop();
            rmSync(folder, { recursive: true, force: true });
        },
    };
}

/** A published sample, as far as the tests look at it. */
export type Sample = { readonly rows: readonly { readonly number: number; readonly record: string }[] };

/** Makes a dataset of a job's results, lists it and publishes its free sample, as a seller does by the command line. */
export async function sellResults(
    demo: Demo,
    job: string,
    resultsKey: string,
    secret: string,
): Promise<{ listing: Address; sample: Sample }> {
    const own = (name: string) => join(demo.folder, name);
    const [wallet, manifest, store] = [own('seller.json'), own('manifest.json'), join(demo.root, 'store')];
    writeFileSync(wallet, secret, { mode: 0o600 });
    const { manifestHash } = (await fetchJob(demo.rpc, address(job)))!.data;
    const cid = dataset.cidOfDigest(new Uint8Array(manifestHash));
    copyFileSync(join(store, dataset.objectPath(cid)), manifest);
    const given = ['--url', demo.rpcUrl, '--json', '--key-file', wallet, '--store', store];
    const files = ['--secret', own('sale.secret'), '--work', own('work')];
    const told = async (command: string, key: string, ...options: string[]): Promise<unknown> => {
        const { stdout } = await lumora(['dataset', command, ...given, ...files, '--key', key, ...options]);
        return JSON.parse(stdout);
    };
    await told('build', resultsKey, '--job', job, '--manifest', manifest);
    const listing = address((await told('list', wallet, '--job', job, '--price', '5000000')) as string);
    return { listing, sample: (await whenFinal(() => told('sample', wallet, '--listing', listing))) as Sample };
}

/** Repeats what the command line says to try again: the block that chooses a sample must be final. */
async function whenFinal<T>(attempt: () => Promise<T>): Promise<T> {
    for (const begun = Date.now(); ; await pause(2_000)) {
        try {
            return await attempt();
        } catch (error) {
            const { stderr = '' } = error as { stderr?: string };
            if (!stderr.includes('not final yet') || Date.now() - begun > FINAL_WITHIN_MS) throw error;
        }
    }
}

/** Runs `lumora` to its end. */
export const lumora = (options: readonly string[]) => promisify(execFile)(LUMORA_BIN!, [...options]);
