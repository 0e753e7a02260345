/** Where nodes stand and what they share. */
import { useMemo } from 'react';

import type { NodeView } from '../../data/model';
import { useNodes } from '../../data/queries';
import { count, rate } from '../../text/units';
import { explain } from '../../transactions/explain';
import { Empty, Loading } from '../../ui/basics';
import { type Mark, WorldMap } from '../../ui/WorldMap';

/** Rate from which on a mark is not drawn larger, kbit/s. */
const LARGEST = 1_000_000;

/** See the module. */
export default function NodeMap() {
    const nodes = useNodes();
    const marks = useMemo(() => marksOf(nodes.data ?? []), [nodes.data]);
    if (nodes.data === undefined)
        return nodes.error === null ? (
            <Loading lines={8} />
        ) : (
            <Empty title="Nodes could not be read">{explain(nodes.error)}</Empty>
        );
    const attested = nodes.data.reduce((sum, node) => sum + (node.attestation?.downKbps ?? 0), 0);
    return (
        <div className="p-3">
            <WorldMap
                marks={marks}
                label={`${count(nodes.data.length)} nodes on a map of the Earth, together attested with ${rate(attested)}`}
            />
            <ul className="flex flex-wrap gap-x-4 gap-y-1 px-1 pt-2 text-xs text-muted">
                <Legend colour="bg-accent">measured</Legend>
                <Legend colour="bg-glow">at work on a shard</Legend>
                <Legend colour="bg-muted">paused or not measured yet</Legend>
                <li className="max-sm:hidden">Places are cells of some 120 km; nobody states where they live.</li>
            </ul>
        </div>
    );
}

const Legend = ({ colour, children }: { colour: string; children: string }) => (
    <li className="inline-flex items-center gap-1.5">
        <span aria-hidden className={`size-2 rounded-full ${colour}`} />
        {children}
    </li>
);

/** Nodes of one cell are spread around its centre, so that none hides another. */
export function marksOf(nodes: readonly NodeView[]): Mark[] {
    const inCell = new Map<string, number>();
    return nodes.map(({ region, centre, active, attestation, work }) => {
        const before = inCell.get(region) ?? 0;
        inCell.set(region, before + 1);
        // The golden angle fills a disc evenly (Vogel, 1979).
        const [angle, radius] = [before * 2.399963, Math.min(Math.sqrt(before) * 0.45, 2)];
        const measured = active && attestation !== undefined;
        return {
            latitude: Math.min(Math.max(centre.latitude + radius * Math.sin(angle), -89), 89),
            longitude: centre.longitude + radius * Math.cos(angle),
            weight: Math.min(Math.sqrt((attestation?.downKbps ?? 0) / LARGEST), 1),
            tone: !measured ? 'muted' : (work?.active ?? 0) > 0 ? 'glow' : 'accent',
        };
    });
}
