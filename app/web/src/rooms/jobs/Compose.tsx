/** Composing a job: what to fetch, what to keep of it, on which terms; checked while it is written. */
import { createJob, dataset, escrowOf, findJobAddress, MAX_REPLICAS, MAX_SHARDS, parseLmr } from '@lumora/client';
import type { GetBlockTimeApi, GetSlotApi, Rpc } from '@solana/kit';
import { lazy, Suspense, useDeferredValue, useMemo, useState } from 'react';

import { vectorOf } from '../../data/places';
import { useBalances, useNetwork } from '../../data/queries';
import { keepSecret } from '../../data/secrets';
import { go, linkTo } from '../../route';
import { useSession } from '../../session';
import { bytes, count, counted, hex, lmr, share, span } from '../../text/units';
import { explain } from '../../transactions/explain';
import { useSend } from '../../transactions/useSend';
import { Alert, Button, Facts, Loading, Notice, Panel } from '../../ui/basics';
import { Choice, Slider, TextArea, TextField } from '../../ui/fields';
import { save } from '../../ui/save';
import { FieldRows } from './FieldRows';
import { type Draft, type Format, NEW_DRAFT, write } from './manifest';
import { putManifest, type Stored } from './publish';
import { keypairFile, newResultsKey, type ResultsKey, resultsName } from './results';
import { expectedOf, mostReplicas, type Terms, termsProblem, timesFor } from './terms';

const TargetMap = lazy(() => import('../../ui/WorldMap').then(({ WorldMap }) => ({ default: WorldMap })));
const HOUR = 3_600;

const isSelector = (text: string): boolean => {
    try {
        document.createDocumentFragment().querySelector(text);
        return true;
    } catch {
        return false;
    }
};

/** See the module. */
export function Compose() {
    const [draft, setDraft] = useState<Draft>(NEW_DRAFT);
    const [touched, setTouched] = useState<ReadonlySet<keyof Draft>>(new Set());
    const [shards, setShards] = useState(1);
    const [replicas, setReplicas] = useState(2);
    const [price, setPrice] = useState('2');
    const [hours, setHours] = useState(24);
    const [target, setTarget] = useState({ latitude: 50.11, longitude: 8.68 });
    const network = useNetwork();
    const later = useDeferredValue(draft);
    const [results] = useState(newResultsKey);
    const written = useMemo(() => write(later, results.publicKey, isSelector), [later, results]);
    const set = <P extends keyof Draft>(part: P, value: Draft[P]) => {
        setDraft(before => ({ ...before, [part]: value }));
        setTouched(before => new Set(before).add(part));
    };
    // What was not written yet is not wrong yet.
    const problemOf = (part: keyof Draft) =>
        touched.has(part) ? written.problems.find(problem => problem.part === part)?.sentence : undefined;
    const pages = written.manifest.pages.urls.length;
    const terms: Terms = {
        shards,
        replicas,
        price: parseLmr(price) ?? 0n,
        openSeconds: hours * HOUR,
        ...timesFor(replicas, network.data?.parameters?.unbondingSeconds ?? Infinity),
    };
    const wrongTerms = termsProblem(terms, pages);

    return (
        <div className="space-y-4">
            <a href={linkTo('jobs')} className="inline-block text-accent underline underline-offset-2">
                Your jobs
            </a>
            <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_24rem]">
                <div className="grid gap-4">
                    <Panel title="1. The dataset to be">
                        <div className="grid gap-3 sm:grid-cols-2">
                            <TextField
                                label="Name"
                                value={draft.name}
                                onText={text => set('name', text)}
                                error={problemOf('name')}
                                placeholder="Library documentation"
                            />
                            <TextField
                                label="Licence of the content"
                                value={draft.licence}
                                onText={text => set('licence', text)}
                                error={problemOf('licence')}
                                placeholder="CC-BY-4.0"
                                hint="An SPDX expression or a URL"
                            />
                            <TextField
                                label="Contact for the sites' owners"
                                value={draft.contact}
                                onText={text => set('contact', text)}
                                error={problemOf('contact')}
                                placeholder="mailto:you@example.org"
                                hint="Sent with every request"
                            />
                            <TextField
                                label="Description"
                                value={draft.description}
                                onText={text => set('description', text)}
                                placeholder="What it holds"
                            />
                        </div>
                    </Panel>
                    <Panel
                        title="2. Pages"
                        aside={`${counted(pages, 'page')} on ${counted(written.manifest.sites.length, 'site')}`}
                    >
                        <div className="space-y-3">
                            <TextArea
                                label="Addresses, one to a line"
                                rows={6}
                                value={draft.urls}
                                onText={text => set('urls', text)}
                                error={problemOf('urls')}
                                hint="Public pages only. Nodes obey robots.txt and Crawl-delay, whatever stands here."
                            />
                            <div className="grid gap-3 sm:grid-cols-2">
                                <Choice<Format>
                                    label="The pages are"
                                    value={draft.format}
                                    onChoice={format => set('format', format)}
                                    options={[
                                        ['html', 'Web pages (HTML)'],
                                        ['json', 'JSON documents'],
                                        ['text', 'Plain text'],
                                    ]}
                                />
                                <TextField
                                    label="Requests per second and site"
                                    inputMode="decimal"
                                    value={draft.requestsPerSecond}
                                    onText={text => set('requestsPerSecond', text)}
                                    error={problemOf('requestsPerSecond')}
                                    hint="A longer Crawl-delay of the site wins"
                                />
                                <TextField
                                    label="Largest page, bytes"
                                    inputMode="numeric"
                                    value={draft.maxBytes}
                                    onText={text => set('maxBytes', text)}
                                    error={problemOf('maxBytes')}
                                />
                                <TextField
                                    label="Give up a request after, seconds"
                                    inputMode="numeric"
                                    value={draft.timeoutSeconds}
                                    onText={text => set('timeoutSeconds', text)}
                                    error={problemOf('timeoutSeconds')}
                                />
                            </div>
                        </div>
                    </Panel>
                    <Panel title="3. Columns" aside="“url” is always there">
                        <FieldRows
                            fields={draft.fields}
                            format={draft.format}
                            onFields={fields => set('fields', fields)}
                        />
                        {problemOf('fields') !== undefined && (
                            <p role="alert" className="mt-2 text-xs text-bad">
                                {problemOf('fields')}
                            </p>
                        )}
                    </Panel>
                    <Panel title="4. Terms">
                        <div className="grid gap-x-6 gap-y-4 sm:grid-cols-2">
                            <Slider
                                label="Shards"
                                value={shards}
                                shown={count(shards)}
                                min={1}
                                max={Math.max(Math.min(pages, MAX_SHARDS), 2)}
                                onValue={setShards}
                                hint={
                                    pages > 0
                                        ? `About ${counted(Math.ceil(pages / shards), 'page')} each`
                                        : 'Add pages first'
                                }
                            />
                            <Slider
                                label="Nodes that do each shard"
                                value={replicas}
                                shown={`${replicas}`}
                                min={1}
                                max={MAX_REPLICAS}
                                onValue={setReplicas}
                                hint={
                                    replicas === 1
                                        ? 'Cheapest. The oracles may check a sample of it.'
                                        : `Paid when they agree; up to ${mostReplicas(replicas)} where they do not.`
                                }
                            />
                            <TextField
                                label="LMR for one node and shard"
                                inputMode="decimal"
                                value={price}
                                onText={setPrice}
                                error={
                                    parseLmr(price) === undefined ? 'An amount with at most six decimals.' : undefined
                                }
                                hint="The protocol's fee included"
                            />
                            <Slider
                                label="Shards can be taken for"
                                value={hours}
                                shown={counted(hours, 'hour')}
                                min={1}
                                max={168}
                                onValue={setHours}
                                hint="What nobody takes by then comes back to you"
                            />
                        </div>
                        <h3 className="mt-5 mb-1 text-xs font-medium">Where the data lives: nodes near it go first</h3>
                        <Suspense fallback={<Loading />}>
                            <TargetMap
                                label={`Map of the Earth; ${target.latitude.toFixed(1)} degrees north, ${target.longitude.toFixed(1)} east is chosen`}
                                marks={[{ ...target, weight: 1, tone: 'glow' }]}
                                onPick={setTarget}
                            />
                        </Suspense>
                        <div className="mt-2 grid grid-cols-2 gap-3">
                            <TextField
                                label="Degrees north"
                                type="number"
                                min={-90}
                                max={90}
                                step={0.01}
                                value={target.latitude.toFixed(2)}
                                onText={text => setTarget({ ...target, latitude: clamp(text, 90) })}
                            />
                            <TextField
                                label="Degrees east"
                                type="number"
                                min={-180}
                                max={180}
                                step={0.01}
                                value={target.longitude.toFixed(2)}
                                onText={text => setTarget({ ...target, longitude: clamp(text, 180) })}
                            />
                        </div>
                    </Panel>
                </div>
                <div className="grid gap-4 lg:sticky lg:top-19">
                    <Order
                        manifest={dataset.canonicalJson(written.manifest)}
                        results={results}
                        terms={terms}
                        target={target}
                        problem={
                            wrongTerms ??
                            (written.problems.length > 0 ? unfinished(written.problems.length) : undefined)
                        }
                    />
                    <Panel
                        title="Manifest"
                        aside={written.problems.length === 0 ? 'complete' : unfinished(written.problems.length)}
                        flush
                    >
                        <pre
                            tabIndex={0}
                            aria-label="The manifest as JSON"
                            className="max-h-96 overflow-auto p-4 font-mono text-2xs leading-4"
                        >
                            {JSON.stringify(shortManifest(written.manifest), null, 2)}
                        </pre>
                    </Panel>
                </div>
            </div>
        </div>
    );
}

const unfinished = (problems: number): string => `${counted(problems, 'thing')} to fill in or correct`;

const clamp = (text: string, most: number): number => Math.min(Math.max(Number(text) || 0, -most), most);

/** Long lists of pages would make the preview slow, and nobody reads them there. */
function shortManifest(manifest: ReturnType<typeof write>['manifest']) {
    const { urls } = manifest.pages;
    return urls.length <= 20
        ? manifest
        : { ...manifest, pages: { urls: [...urls.slice(0, 20), `and ${urls.length - 20} more`] } };
}

function Order({
    manifest,
    results,
    terms,
    target,
    problem,
}: {
    manifest: Uint8Array<ArrayBuffer>;
    results: ResultsKey;
    terms: Terms;
    target: { latitude: number; longitude: number };
    problem: string | undefined;
}) {
    const { wallet, config, rpc } = useSession();
    const { busy, send } = useSend();
    const network = useNetwork();
    const balances = useBalances(wallet);
    const [storing, setStoring] = useState(false);
    const [stored, setStored] = useState<Stored>();
    const [error, setError] = useState<string>();
    const escrow = escrowOf(terms);
    const fee = network.data?.parameters?.protocolFeeBps ?? 0;
    const paused = network.data?.parameters?.paused.includes('claiming work') ?? false;

    const create = async () => {
        setError(undefined);
        setStoring(true);
        try {
            const cid = await dataset.cidOf(manifest);
            const manifestHash = dataset.digestOfCid(cid);
            // What opens the results is on the disk before any money moves.
            await keepSecret(resultsName(hex(manifestHash)), results.seed);
            const outcome = await putManifest(config.storeUrl, cid, manifest);
            setStored(outcome);
            const id = Date.now();
            const deadline = (await chainTime(rpc)) + BigInt(terms.openSeconds);
            setStoring(false);
            const done = await send({
                title: `Create a job for ${lmr(escrow)}`,
                lmr: escrow,
                instructions: async client => {
                    const order = { ...terms, manifestHash, deadline, target: vectorOf(target) };
                    return (await createJob(client, id, order)).instructions;
                },
            });
            // Where the manifest must still be put somewhere, the page that says so stays.
            if (done) save('results-key.json', await keypairFile(results.seed));
            if (done && outcome.kind === 'stored') go('jobs', await findJobAddress(wallet!, id));
        } catch (thrown) {
            setError(explain(thrown));
        } finally {
            setStoring(false);
        }
    };
    return (
        <Panel title="What it costs">
            <Facts
                of={[
                    ['Into escrow now', <strong key="escrow">{lmr(escrow)}</strong>],
                    ['Spent if all results agree at once', lmr(expectedOf(terms))],
                    [`of which the protocol's fee, ${share(fee)}`, lmr((expectedOf(terms) * BigInt(fee)) / 10_000n)],
                    ['Comes back if not needed', lmr(escrow - expectedOf(terms))],
                    [
                        'To finish a shard',
                        `${span(terms.commitSeconds)}, then ${span(terms.revealSeconds)} to show it${terms.challengeSeconds > 0 ? `, ${span(terms.challengeSeconds)} to challenge it` : ''}`,
                    ],
                    ['Manifest', bytes(manifest.length)],
                    ...(balances.data === undefined ? [] : [['You have', lmr(balances.data.lmr)] as const]),
                ]}
            />
            <p className="mt-2 text-xs text-muted">
                Results are sealed for a key that is drawn for this job. It is kept in this browser and saved as
                results-key.json; <code className="font-mono text-2xs">lumora job fetch --key results-key.json</code>{' '}
                opens them with it.
            </p>
            {paused && (
                <Notice tone="glow">New jobs are paused by the guardian. Try again when the pause is lifted.</Notice>
            )}
            {stored?.kind === 'to put' && (
                <Notice tone="glow" role="status">
                    {stored.why} Save the manifest and put it at{' '}
                    <span className="font-mono text-xs break-all">{stored.place}</span>: nodes cannot begin without it.
                    <Button className="mt-2 w-full" onClick={() => save(stored.cid, new Blob([manifest]))}>
                        Save the manifest
                    </Button>
                </Notice>
            )}
            {error !== undefined && <Alert>{error}</Alert>}
            <Button
                kind="primary"
                className="mt-3 w-full"
                busy={busy || storing}
                disabled={wallet === undefined || problem !== undefined || paused}
                onClick={() => void create()}
            >
                Create and escrow {lmr(escrow)}
            </Button>
            <p role="status" className="mt-1.5 text-xs text-muted">
                {wallet === undefined ? 'Connect a wallet to create it.' : (problem ?? '')}
            </p>
        </Panel>
    );
}

/** The chain's own clock, in Unix seconds: a computer's may be off by more than a job is open. */
async function chainTime(rpc: Rpc<GetSlotApi & GetBlockTimeApi>): Promise<bigint> {
    const slot = await rpc.getSlot({ commitment: 'confirmed' }).send();
    const time = await rpc
        .getBlockTime(slot)
        .send()
        .catch(() => null);
    return time ?? BigInt(Math.floor(Date.now() / 1000));
}
