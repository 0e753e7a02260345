/** Figures over time: sampled while the page is open, and counted from events. */
import { useEffect, useRef, useState } from 'react';

import type { EventView, NetworkView } from '../../data/model';
import type { Sample } from '../../ui/charts';

/** Samples that are kept: half an hour at one in ten seconds. */
const MOST = 180;

/** What is sampled. */
export type Sampled = { readonly attested: Sample[]; readonly inUse: Sample[]; readonly load: Sample[] };

/** The part of the network's capacity for shards that is at work. */
export const loadOf = ({ activeAssignments, shardCapacity }: NetworkView): number =>
    shardCapacity === 0 ? 0 : activeAssignments / shardCapacity;

/** Keeps the figures of every answer. */
export function useSampled(network: NetworkView | undefined, answeredAt: number): Sampled {
    const [sampled, setSampled] = useState<Sampled>({ attested: [], inUse: [], load: [] });
    const latest = useRef(0);
    useEffect(() => {
        if (network === undefined || answeredAt === latest.current) return;
        latest.current = answeredAt;
        const time = answeredAt / 1000;
        const more = (samples: Sample[], value: number) => [...samples, { time, value }].slice(-MOST);
        setSampled(({ attested, inUse, load }) => ({
            attested: more(attested, Number(network.attestedDownKbps)),
            inUse: more(inUse, Number(network.inUseKbps)),
            load: more(load, loadOf(network)),
        }));
    }, [network, answeredAt]);
    return sampled;
}

/** How many of these events fell into each of the last `minutes`, the oldest minute first. */
export function perMinute(
    events: readonly EventView[],
    now: number,
    minutes: number,
): { minute: number; count: number }[] {
    const current = Math.floor(now / 60);
    const counts = new Map<number, number>();
    for (const { time } of events) {
        if (time !== undefined) counts.set(Math.floor(time / 60), (counts.get(Math.floor(time / 60)) ?? 0) + 1);
    }
    return Array.from({ length: minutes }, (_, at) => {
        const minute = current - minutes + 1 + at;
        return { minute, count: counts.get(minute) ?? 0 };
    });
}
