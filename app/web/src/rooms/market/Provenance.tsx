/** Where the rows come from: sites, what robots.txt said, and every shard with the node that did it. */
import { type dataset } from '@lumora/client';
import { getAddressDecoder } from '@solana/kit';
import { useState } from 'react';

import { count, counted, dateTime, hex, shortened } from '../../text/units';
import { Copyable, Panel } from '../../ui/basics';
import { Choice } from '../../ui/fields';

const SHOWN = 200;
const ALL = 'all';

/** See the module. */
export function Provenance({ described: { card, package: package_ } }: { described: dataset.Described }) {
    const [node, setNode] = useState<string>(ALL);
    const origins = package_.origins.map(origin => ({
        ...origin,
        node: getAddressDecoder().decode(origin.node) as string,
        job: getAddressDecoder().decode(origin.job) as string,
        root: hex(origin.resultRoot),
    }));
    const nodes = [...Map.groupBy(origins, origin => origin.node)].sort(([, a], [, b]) => b.length - a.length);
    const shown = origins.filter(origin => node === ALL || origin.node === node);
    const skipped = Object.values(card.skipped).reduce((sum: number, pages) => sum + (pages ?? 0), 0);
    return (
        <Panel
            title="Where it comes from"
            aside={`${counted(origins.length, 'shard')} by ${counted(nodes.length, 'node')}`}
        >
            <p className="mb-4 max-w-prose text-muted">
                Collected from {dateTime(card.collected_from)} to {dateTime(card.collected_until)}. Of each shard the
                chain has the result root; whoever buys computes these roots again from the rows.{' '}
                {count(card.robots.allowed)} pages were allowed by a robots.txt, {count(card.robots.no_rules)} had no
                rule, {count(card.robots.forbidden)} were forbidden and left alone. {count(skipped)} pages gave no row,{' '}
                {count(card.duplicates_removed)} duplicates were removed.
            </p>
            <h3 className="mb-1 text-xs font-semibold text-muted">Sites</h3>
            <ul className="mb-5 divide-y divide-line">
                {card.sources.map(({ site, rows }) => (
                    <li key={site} className="flex justify-between gap-4 py-1">
                        <span className="min-w-0 truncate">{site}</span>
                        <span className="text-muted">{counted(rows, 'row')}</span>
                    </li>
                ))}
            </ul>
            <div className="mb-2 max-w-xs">
                <Choice
                    label="Shards"
                    value={node}
                    onChoice={setNode}
                    options={[
                        [ALL, 'of all nodes'],
                        ...nodes.map(
                            ([address, shards]) => [address, `of ${shortened(address)} (${shards.length})`] as const,
                        ),
                    ]}
                />
            </div>
            <div
                role="region"
                aria-label="Shards"
                tabIndex={0}
                className="max-h-72 overflow-auto rounded-md border border-line"
            >
                <table className="w-full text-left">
                    <thead className="sticky top-0 bg-panel text-xs text-muted">
                        <tr>
                            <th className="px-3 py-2 font-medium">Shard</th>
                            <th className="px-3 py-2 font-medium">Node</th>
                            <th className="px-3 py-2 text-right font-medium">Records</th>
                            <th className="px-3 py-2 font-medium">Result root</th>
                        </tr>
                    </thead>
                    <tbody className="divide-y divide-line">
                        {shown.slice(0, SHOWN).map(({ job, shard, node, records, root }) => (
                            <tr key={`${job}/${shard}`}>
                                <td className="px-3 py-1.5">{shard}</td>
                                <td className="px-3 py-1.5">
                                    <Copyable text={node} label="node" />
                                </td>
                                <td className="px-3 py-1.5 text-right">{count(records)}</td>
                                <td className="px-3 py-1.5">
                                    <Copyable text={root} label="result root" />
                                </td>
                            </tr>
                        ))}
                    </tbody>
                </table>
            </div>
            {shown.length > SHOWN && (
                <p className="mt-1 text-xs text-muted">
                    The first {SHOWN} of {count(shown.length)} shards.
                </p>
            )}
        </Panel>
    );
}
