/** Where the nodes of a job stand. */
import { useMemo } from 'react';

import type { NodeView } from '../../data/model';
import { count, counted } from '../../text/units';
import { type Mark, WorldMap } from '../../ui/WorldMap';
import type { Stretch } from './stretches';

/** See the module. */
export default function WorkMap({ stretches, nodes }: { stretches: readonly Stretch[]; nodes: readonly NodeView[] }) {
    const working = useMemo(() => Map.groupBy(stretches, ({ node }) => node), [stretches]);
    const involved = nodes.filter(({ address }) => working.has(address));
    const most = Math.max(...[...working.values()].map(list => list.length), 1);
    const marks = involved.map(({ address, centre }): Mark => {
        const work = working.get(address)!;
        return {
            ...centre,
            weight: work.length / most,
            tone: work.some(({ outcome }) => outcome === 'working') ? 'glow' : 'accent',
        };
    });
    return (
        <div className="p-3">
            <WorldMap
                marks={marks}
                label={`${count(working.size)} nodes that worked on this job, on a map of the Earth`}
            />
            <p className="px-1 pt-1 text-xs text-muted">
                {counted(working.size, 'node')}, larger the more shards they took
            </p>
        </div>
    );
}
