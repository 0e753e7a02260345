/** What a dataset holds: its columns, rows that the seller shows, rows that chance chose. */
import type { dataset } from '@lumora/client';

import { count, dateTime } from '../../text/units';
import { Badge, Empty, Meter, Panel } from '../../ui/basics';
import type { CheckedSample } from './store';

const KINDS: Readonly<Record<dataset.Kind, string>> = {
    boolean: 'yes or no',
    integer: 'whole number',
    number: 'number',
    text: 'text',
    text_list: 'list of texts',
    json: 'structure',
};

/** The columns. */
export function Columns({ card }: { card: dataset.Card }) {
    return (
        <Panel title="Columns" aside={`${count(card.schema.length)} in ${count(card.rows)} rows`} flush>
            <div className="overflow-x-auto">
                <table className="w-full text-left">
                    <thead className="text-xs text-muted">
                        <tr className="border-b border-line">
                            <th className="px-4 py-2 font-medium">Name</th>
                            <th className="px-4 py-2 font-medium">Holds</th>
                            <th className="w-2/5 px-4 py-2 font-medium">Present in</th>
                        </tr>
                    </thead>
                    <tbody className="divide-y divide-line">
                        {card.schema.map(({ name, kind, present }) => (
                            <tr key={name}>
                                <td className="px-4 py-1.5 font-mono text-xs">{name}</td>
                                <td className="px-4 py-1.5 whitespace-nowrap">{KINDS[kind]}</td>
                                <td className="px-4 py-1.5">
                                    <div className="flex items-center gap-3">
                                        <div className="flex-1">
                                            <Meter
                                                value={present / Math.max(card.rows, 1)}
                                                label={`${name} is present in ${present} of ${card.rows} rows`}
                                            />
                                        </div>
                                        <span className="w-14 text-right text-xs text-muted">{count(present)}</span>
                                    </div>
                                </td>
                            </tr>
                        ))}
                    </tbody>
                </table>
            </div>
        </Panel>
    );
}

/** Rows in clear. Those of the sample are proven to be of the dataset, and nobody chose them. */
export function Preview({
    card,
    sample,
}: {
    card: dataset.Card | undefined;
    sample: CheckedSample | null | undefined;
}) {
    const proven = sample !== null && sample !== undefined && sample.problem === undefined;
    return (
        <Panel
            title={proven ? 'Free sample' : 'Rows that the seller shows'}
            aside={
                proven ? (
                    <Badge tone="good">
                        {sample.beaconKnown
                            ? 'chosen by chance, proven to be of this dataset'
                            : 'proven to be of this dataset'}
                    </Badge>
                ) : undefined
            }
            flush
        >
            {sample?.problem !== undefined && (
                <p className="border-b border-line bg-bad-soft px-4 py-2 text-bad">
                    The published sample is not to be trusted: {sample.problem}.
                </p>
            )}
            {proven ? (
                <ul className="divide-y divide-line">
                    {sample.sample.rows.map(({ number, record, fetched_at, robots }) => (
                        <li key={number} className="px-4 py-2.5">
                            <p className="mb-1 text-xs text-muted">
                                Row {count(number)}, fetched {dateTime(fetched_at)},{' '}
                                {robots === 'allowed' ? 'allowed by robots.txt' : 'no robots.txt rule'}
                            </p>
                            <Record value={JSON.parse(record)} />
                        </li>
                    ))}
                </ul>
            ) : card === undefined || card.preview.length === 0 ? (
                <Empty title="No rows to show">The seller published neither rows nor a sample.</Empty>
            ) : (
                <ul className="divide-y divide-line">
                    {card.preview.slice(0, 5).map((row, at) => (
                        <li key={at} className="px-4 py-2.5">
                            <Record value={row} />
                        </li>
                    ))}
                </ul>
            )}
        </Panel>
    );
}

/** A record by its members, long texts cut. */
function Record({ value }: { value: unknown }) {
    const members = typeof value === 'object' && value !== null ? Object.entries(value) : [['', value] as const];
    return (
        <dl className="grid grid-cols-[minmax(4rem,auto)_minmax(0,1fr)] gap-x-4 gap-y-0.5">
            {members.map(([name, inner]) => (
                <div key={name} className="contents">
                    <dt className="font-mono text-xs leading-5 text-muted">{name}</dt>
                    <dd className="line-clamp-2 break-words">
                        {inner === null ? (
                            <span className="text-muted">none</span>
                        ) : typeof inner === 'string' ? (
                            inner
                        ) : (
                            JSON.stringify(inner)
                        )}
                    </dd>
                </div>
            ))}
        </dl>
    );
}
