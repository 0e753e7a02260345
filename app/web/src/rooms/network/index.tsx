/** The network as it is now: bandwidth, nodes, work, rewards, and everything that happens. */
import { lazy, Suspense, useMemo, useSyncExternalStore } from 'react';

import type { NetworkView } from '../../data/model';
import { useEpochs, useEvents, useNetwork } from '../../data/queries';
import { useNow, useSession } from '../../session';
import { clock, count, counted, dateTime, rate, share, shortLmr } from '../../text/units';
import { explain } from '../../transactions/explain';
import { Alert, Badge, Empty, Figure, Loading, Notice, Panel } from '../../ui/basics';
import { Bars, type Sample, Sparkline } from '../../ui/charts';
import { EventList } from '../../ui/EventList';
import { Ranking } from './Ranking';
import { loadOf, perMinute, useSampled } from './series';

const NodeMap = lazy(() => import('./NodeMap'));
/** Minutes of the chart of settled shards. */
const MINUTES = 30;

/** See the module. */
export default function NetworkRoom(_: { item: string | undefined }) {
    const network = useNetwork();
    const sampled = useSampled(network.data, network.dataUpdatedAt);
    if (network.data === undefined) {
        if (network.error === null) return <Loading lines={6} />;
        return <Alert>{explain(network.error)}</Alert>;
    }
    return (
        <div className="grid gap-4 lg:grid-cols-3">
            <Headline network={network.data} sampled={sampled} />
            <Panel
                title="Nodes"
                className="lg:col-span-2"
                flush
                aside={`${count(network.data.activeNodes)} of ${count(network.data.nodes)} share bandwidth now`}
            >
                <Suspense fallback={<Loading lines={8} />}>
                    <NodeMap />
                </Suspense>
            </Panel>
            <div className="grid gap-4">
                <Tasks />
                <Rewards />
            </div>
            <Happened />
            <div className="grid content-start gap-4">
                {network.data.parameters !== undefined && <Ranking parameters={network.data.parameters} />}
                <Emission network={network.data} />
            </div>
        </div>
    );
}

function Headline({ network, sampled }: { network: NetworkView; sampled: ReturnType<typeof useSampled> }) {
    const load = loadOf(network);
    return (
        <section aria-label="Figures" className="rounded-lg border border-line bg-panel p-4 lg:col-span-3">
            {(network.parameters?.paused.length ?? 0) > 0 && (
                <div className="mb-4">
                    <Notice tone="glow">
                        The guardian has paused {network.parameters!.paused.join(', ')}. What was begun goes on, and
                        money can be taken out.
                    </Notice>
                </div>
            )}
            <dl className="grid grid-cols-2 gap-x-6 gap-y-4 md:grid-cols-3 xl:grid-cols-6">
                <Figure
                    label="Bandwidth offered"
                    value={rate(network.offeredKbps)}
                    note={`by ${counted(network.activeNodes, 'node')}`}
                />
                <Live
                    label="Attested, down"
                    value={rate(network.attestedDownKbps)}
                    note={`up ${rate(network.attestedUpKbps)}`}
                    samples={sampled.attested}
                />
                <Live
                    label="In use"
                    value={rate(network.inUseKbps)}
                    note={`${counted(network.activeAssignments, 'shard')} at work`}
                    samples={sampled.inUse}
                />
                <Live
                    label="Load"
                    value={share(Math.round(load * 10_000))}
                    note={`of ${counted(network.shardCapacity, 'shard')} at once`}
                    samples={sampled.load}
                />
                <Figure
                    label="Jobs open"
                    value={count(network.openJobs)}
                    note={`${counted(network.activeListings, 'dataset')} for sale`}
                />
                <Figure
                    label="Rewards minted"
                    value={shortLmr(network.minted)}
                    note={`${shortLmr(network.claimed)} claimed`}
                />
            </dl>
        </section>
    );
}

function Live({
    label,
    value,
    note,
    samples,
}: {
    label: string;
    value: string;
    note: string;
    samples: readonly Sample[];
}) {
    const chart = <Sparkline samples={samples} label={`${label} since this page was opened, now ${value}`} />;
    return <Figure label={label} value={value} note={note} chart={chart} />;
}

function Tasks() {
    const settled = useEvents({ name: 'ShardSettled' });
    const now = useNow(10);
    const events = useMemo(() => settled.data?.pages.flatMap(({ events }) => events) ?? [], [settled.data]);
    const minutes = perMinute(events, now, MINUTES);
    return (
        <Panel title="Shards settled per minute" aside={`last ${MINUTES} minutes`}>
            <Bars
                label="Shards settled in each of the last minutes"
                empty="Nothing yet"
                bars={minutes.map(({ minute, count: value }) => ({
                    key: `${minute}`,
                    value,
                    shown: counted(value, 'shard'),
                    title: clock(minute * 60).slice(0, 5),
                }))}
            />
        </Panel>
    );
}

function Rewards() {
    const epochs = useEpochs();
    const bars = (epochs.data ?? []).filter(({ attested }) => attested).toReversed();
    return (
        <Panel title="Rewards by epoch">
            <Bars
                label="Rewards of the latest epochs"
                empty={epochs.error === null ? 'No epoch has been attested yet.' : explain(epochs.error)}
                bars={bars.map(({ epoch, reward, nodes, endsAt }) => ({
                    key: `${epoch}`,
                    value: Number(reward),
                    shown: shortLmr(reward),
                    title: `Epoch ${epoch}, ${dateTime(endsAt)}, ${counted(nodes, 'node')}`,
                }))}
            />
        </Panel>
    );
}

function Emission({ network: { cap, minted, claimed, burned, oracles, epochSeconds } }: { network: NetworkView }) {
    const rows = [
        ['Minted', `${shortLmr(minted)} of at most ${shortLmr(cap)}`],
        ['Claimed by nodes', shortLmr(claimed)],
        ['Burned of fees', shortLmr(burned)],
        ['Oracles', `${oracles}, one epoch every ${count(epochSeconds)} s`],
    ] as const;
    return (
        <Panel title="LMR">
            <dl className="space-y-2">
                {rows.map(([name, value]) => (
                    <div key={name} className="flex justify-between gap-4">
                        <dt className="text-muted">{name}</dt>
                        <dd className="text-right font-medium">{value}</dd>
                    </div>
                ))}
            </dl>
        </Panel>
    );
}

function Happened() {
    const { news, source, live } = useSession();
    const past = useEvents({}, source.kind === 'chain');
    const arrived = useSyncExternalStore(news.subscribe, news.get);
    const events = useMemo(() => {
        const pages = past.data?.pages ?? [];
        // Only the newest page can hold what also arrived by itself.
        const known = new Set(pages[0]?.events.map(({ id }) => id));
        return [...arrived.filter(({ id }) => !known.has(id)), ...pages.flatMap(({ events }) => events)];
    }, [arrived, past.data]);
    const { hasNextPage, isFetchingNextPage, fetchNextPage } = past;
    return (
        <Panel
            title="What happens"
            className="lg:col-span-2"
            flush
            fill
            aside={
                <Badge tone={live === 'live' ? 'good' : 'glow'}>
                    {live === 'live' ? 'live' : 'waiting for the network'}
                </Badge>
            }
        >
            {events.length === 0 ? (
                past.isPending ? (
                    <Loading />
                ) : (
                    <Empty title="Nothing has happened yet">{past.error === null ? '' : explain(past.error)}</Empty>
                )
            ) : (
                <EventList
                    events={events}
                    label="What happened, the newest first"
                    onEnd={() => hasNextPage && !isFetchingNextPage && void fetchNextPage()}
                />
            )}
        </Panel>
    );
}
