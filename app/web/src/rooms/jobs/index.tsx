/** Jobs: compose one, watch one, and those of the wallet. */
import { useState } from 'react';

import type { JobState, JobView } from '../../data/model';
import { useJobsOf } from '../../data/queries';
import { go, linkTo } from '../../route';
import { useSession } from '../../session';
import { count, fromNow, shortened, shortLmr } from '../../text/units';
import { explain } from '../../transactions/explain';
import { Alert, Badge, Button, Empty, Loading, Meter, Panel, type Tone } from '../../ui/basics';
import { TextField } from '../../ui/fields';
import { Compose } from './Compose';
import { JobPage } from './JobPage';

const NEW = 'new';

/** See the module. */
export default function JobsRoom({ item }: { item: string | undefined }) {
    if (item === NEW) return <Compose />;
    return item === undefined ? <Own /> : <JobPage key={item} address={item} />;
}

/** The colour of a job's state. */
export const STATE_TONE: Readonly<Record<JobState, Tone>> = {
    open: 'accent',
    cancelled: 'glow',
    settled: 'good',
    closed: 'neutral',
};

function Own() {
    const { wallet } = useSession();
    const jobs = useJobsOf(wallet);
    const [address, setAddress] = useState('');
    return (
        <div className="space-y-4">
            <div className="flex flex-wrap items-end justify-between gap-3">
                <form
                    className="flex w-full max-w-xl items-end gap-2"
                    onSubmit={event => {
                        event.preventDefault();
                        if (address.trim() !== '') go('jobs', address.trim());
                    }}
                >
                    <div className="flex-1">
                        <TextField
                            label="Watch a job"
                            placeholder="Address of any job"
                            value={address}
                            onText={setAddress}
                            className="font-mono text-xs"
                        />
                    </div>
                    <Button type="submit" disabled={address.trim() === ''}>
                        Watch
                    </Button>
                </form>
                <Button kind="primary" onClick={() => go('jobs', NEW)}>
                    Compose a job
                </Button>
            </div>
            <Panel title="Your jobs" flush>
                {wallet === undefined ? (
                    <Empty title="Have pages scraped by the network">
                        Describe pages and columns, escrow LMR, and watch nodes near the source work. Several nodes do
                        each shard, and are paid when their results agree. Connect a wallet to see your jobs; composing
                        one needs none.
                    </Empty>
                ) : jobs.data === undefined ? (
                    jobs.error === null ? (
                        <Loading />
                    ) : (
                        <div className="p-4">
                            <Alert>{explain(jobs.error)}</Alert>
                        </div>
                    )
                ) : jobs.data.length === 0 ? (
                    <Empty title="No jobs of this wallet">
                        Compose one: it is checked as you type, and costs nothing before you sign.
                    </Empty>
                ) : (
                    <ul className="divide-y divide-line">
                        {jobs.data.map(job => (
                            <li key={job.address}>
                                <Line job={job} />
                            </li>
                        ))}
                    </ul>
                )}
            </Panel>
        </div>
    );
}

function Line({ job }: { job: JobView }) {
    return (
        <a
            href={linkTo('jobs', job.address)}
            className="grid grid-cols-[1fr_auto] items-center gap-x-4 gap-y-1 px-4 py-3 hover:bg-raised sm:grid-cols-[10rem_1fr_8rem_7rem]"
        >
            <span className="flex items-center gap-2">
                <span className="font-mono text-xs">{shortened(job.address)}</span>
                <Badge tone={STATE_TONE[job.state]}>{job.state}</Badge>
            </span>
            <span className="order-last col-span-2 sm:order-none sm:col-span-1">
                <Meter
                    value={job.settledShards / job.shardCount}
                    label={`${job.settledShards} of ${job.shardCount} shards settled`}
                />
                <span className="text-2xs text-muted">
                    {count(job.settledShards)} of {count(job.shardCount)} shards settled
                </span>
            </span>
            <span className="text-right font-medium">{shortLmr(job.escrowed)}</span>
            <span className="text-right text-xs text-muted max-sm:hidden">{fromNow(job.openedAt)}</span>
        </a>
    );
}
