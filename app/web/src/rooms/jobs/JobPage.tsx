/** A job: how far its shards are, who works where, what it cost; cancelling and closing it. */
import { cancelJob, closeJob, fetchJob, type JobAccount, unspendable } from '@lumora/client';
import { address as asAddress, type GetAccountInfoApi, isAddress, type Rpc } from '@solana/kit';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useMemo } from 'react';

import type { JobView, ShardView } from '../../data/model';
import { useEvents, useJob, useNodes } from '../../data/queries';
import { secretOf } from '../../data/secrets';
import { linkTo } from '../../route';
import { useNow, useSession } from '../../session';
import { count, counted, fromNow, lmr, shortLmr } from '../../text/units';
import { explain, Told } from '../../transactions/explain';
import { useSend } from '../../transactions/useSend';
import { Alert, Badge, Button, Copyable, Empty, Facts, Figure, Figures, Loading, Notice, Panel } from '../../ui/basics';
import { save } from '../../ui/save';
import { STATE_TONE } from './index';
import { Timeline } from './Timeline';
import { keypairFile, resultsName } from './results';
import { stretchesOf } from './stretches';

const WorkMap = lazy(() => import('./WorkMap'));
/** Pages of a job's events that are read without being asked. */
const MOST_PAGES = 12;

/** See the module. */
export function JobPage({ address }: { address: string }) {
    const found = useJob(address);
    if (!isAddress(address)) return <Empty title="This is no address of a job" />;
    if (found.data === undefined) {
        return found.error === null ? <Loading lines={6} /> : <Alert>{explain(found.error)}</Alert>;
    }
    return (
        <div className="space-y-4">
            <a href={linkTo('jobs')} className="inline-block text-accent underline underline-offset-2">
                Your jobs
            </a>
            {found.data === null ? <Closed address={address} /> : <Shown {...found.data} />}
        </div>
    );
}

/** Of a closed job only its events are left. */
function Closed({ address }: { address: string }) {
    const stretches = useStretches(address);
    return (
        <>
            <Notice>
                This job is closed, or there is none with this address: its account is gone and what was left went back
                to its client.
            </Notice>
            {stretches.length > 0 && (
                <Panel title="Who worked on it" flush>
                    <Timeline stretches={stretches} />
                </Panel>
            )}
        </>
    );
}

function useStretches(address: string) {
    const events = useEvents({ address });
    const { data, hasNextPage, isFetchingNextPage, fetchNextPage } = events;
    const pages = data?.pages.length ?? 0;
    useEffect(() => {
        if (hasNextPage && !isFetchingNextPage && pages < MOST_PAGES) void fetchNextPage();
    }, [hasNextPage, isFetchingNextPage, fetchNextPage, pages]);
    return useMemo(() => stretchesOf(data?.pages.flatMap(({ events }) => events) ?? []), [data]);
}

function Shown({ job, shards }: { job: JobView; shards: readonly ShardView[] }) {
    const { wallet } = useSession();
    const now = useNow(5);
    const nodes = useNodes();
    const stretches = useStretches(job.address);
    const working = shards.filter(({ state, assignments }) => state !== 'settled' && assignments.length > 0).length;
    const spent = job.paid + job.fees;
    return (
        <>
            <Panel
                title={
                    <span className="inline-flex items-center gap-2">
                        Job <Copyable text={job.address} label="address of the job" />
                        <Badge tone={STATE_TONE[job.state]}>{job.state}</Badge>
                    </span>
                }
                aside={job.state === 'open' ? `shards can be taken until ${fromNow(job.deadline, now)}` : undefined}
            >
                <Figures>
                    <Figure
                        label="Shards settled"
                        value={`${count(job.settledShards)} of ${count(job.shardCount)}`}
                        note={`${count(working)} being worked on`}
                    />
                    <Figure
                        label="Nodes to each shard"
                        value={job.replicas}
                        note={`${count(job.liveAssignments)} at work now`}
                    />
                    <Figure label="Paid for work" value={shortLmr(spent)} note={`of ${lmr(job.escrowed)} in escrow`} />
                    <Figure
                        label="Back to the client"
                        value={shortLmr(job.refunded)}
                        note={
                            job.state === 'open'
                                ? 'the rest when it is closed'
                                : `${shortLmr(unspendable(job))} can be taken back`
                        }
                    />
                </Figures>
                <Strip shards={shards} />
                {wallet === job.client && <Actions job={job} now={now} />}
            </Panel>
            <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_24rem]">
                <Panel title="Who works when" aside={counted(stretches.length, 'assignment')} flush>
                    {stretches.length === 0 ? (
                        <Empty title="Nobody has taken a shard yet">
                            Better placed nodes may go first; others wait a little.
                        </Empty>
                    ) : (
                        <Timeline stretches={stretches} />
                    )}
                </Panel>
                <div className="grid gap-4">
                    <Panel title="Where" flush>
                        <Suspense fallback={<Loading />}>
                            <WorkMap stretches={stretches} nodes={nodes.data ?? []} />
                        </Suspense>
                    </Panel>
                    <Panel title="Terms">
                        <Facts
                            of={[
                                ['For one node and shard', lmr(job.price)],
                                ['Client', <Copyable key="client" text={job.client} label="client" />],
                                [
                                    'Manifest, SHA-256',
                                    <Copyable key="manifest" text={job.manifestHash} label="hash of the manifest" />,
                                ],
                            ]}
                        />
                    </Panel>
                </div>
            </div>
        </>
    );
}

const SHARD_COLOUR = { open: 'bg-line', assigned: 'bg-glow', settled: 'bg-accent' } as const;
/** More shards than these would be specks: a bar tells as much. */
const MOST_SQUARES = 1_024;

function Strip({ shards }: { shards: readonly ShardView[] }) {
    const of = (state: ShardView['state']) => shards.filter(shard => shard.state === state).length;
    const text = `${of('settled')} settled, ${of('assigned')} taken by all their nodes, ${of('open')} open`;
    if (shards.length === 0) return null;
    return (
        <div className="mt-5">
            <div role="img" aria-label={`Shards: ${text}`} className="flex flex-wrap gap-[3px]">
                {shards.length <= MOST_SQUARES
                    ? shards.map(({ shard, state, assignments }) => (
                          <span
                              key={shard}
                              title={`Shard ${shard}: ${state}`}
                              className={`size-3 rounded-[2px] ${state === 'open' && assignments.length > 0 ? 'bg-glow/50' : SHARD_COLOUR[state]}`}
                          />
                      ))
                    : (['settled', 'assigned', 'open'] as const).map(state => (
                          <span
                              key={state}
                              className={`h-3 rounded-[2px] ${SHARD_COLOUR[state]}`}
                              style={{ width: `calc(${(of(state) / shards.length) * 100}% - 3px)` }}
                          />
                      ))}
            </div>
            <p className="mt-1.5 text-xs text-muted">{text}</p>
        </div>
    );
}

/** The key that opens the results, where the job was composed in this browser. */
function ResultsFile({ job }: { job: JobView }) {
    const seed = useQuery({
        queryKey: ['secret', job.manifestHash],
        queryFn: async () => (await secretOf(resultsName(job.manifestHash))) ?? null,
    });
    if (!seed.data) return null;
    const store = async () => save('results-key.json', await keypairFile(new Uint8Array(seed.data!)));
    return <Button onClick={() => void store()}>Save the results’ key</Button>;
}

/** The job as it is now: others may have worked on it, or closed it, since the page read it. */
async function latest(rpc: Rpc<GetAccountInfoApi>, { address }: JobView): Promise<JobAccount> {
    const job = await fetchJob(rpc, asAddress(address));
    if (job === undefined) throw new Told('Somebody closed this job meanwhile: what was left went back to its client.');
    return job;
}

function Actions({ job, now }: { job: JobView; now: number }) {
    const { rpc } = useSession();
    const { busy, send } = useSend();
    const over = job.state !== 'open' || job.deadline <= now;
    const closable = (job.settledShards === job.shardCount || over) && job.liveAssignments === 0;
    return (
        <div className="mt-4 flex flex-wrap items-center gap-2 border-t border-line pt-3">
            <Button
                kind="danger"
                busy={busy}
                disabled={job.state !== 'open' || over}
                onClick={() =>
                    void send({
                        title: 'Cancel the job',
                        instructions: async client => cancelJob(client, await latest(rpc, job)),
                    })
                }
            >
                Cancel
            </Button>
            <Button
                busy={busy}
                disabled={!closable}
                onClick={() =>
                    void send({
                        title: 'Close the job',
                        instructions: async client => closeJob(client, await latest(rpc, job)),
                    })
                }
            >
                Close and take back the rest
            </Button>
            <ResultsFile job={job} />
            <p className="text-xs text-muted">
                {closable
                    ? 'Nobody is at work. Closing gives back what is left, and the rent.'
                    : over
                      ? 'It can be closed when the work that was begun is judged.'
                      : 'Cancelling stops further claims; work that was begun is still judged and paid.'}
            </p>
        </div>
    );
}
