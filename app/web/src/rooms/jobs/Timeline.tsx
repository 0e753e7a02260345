/** Stretches of work on a common axis of time. */
import { useVirtualizer } from '@tanstack/react-virtual';
import { useRef } from 'react';

import { useNow } from '../../session';
import { clock, shortened, span } from '../../text/units';
import type { Stretch } from './stretches';

const ROW = 26;
/** What a node does with a shard one after the other, and in which colour that is drawn. */
const STAGES = [
    ['fetching', 'bg-glow/60'],
    ['committed, waiting for the others', 'bg-accent/45'],
    ['shown, until settled', 'bg-accent'],
] as const;
const OUTCOME = {
    working: 'text-glow',
    paid: 'text-good',
    'not paid': 'text-muted',
    'out of time': 'text-bad',
    rejected: 'text-bad',
} as const;

/** See the module. */
export function Timeline({ stretches }: { stretches: readonly Stretch[] }) {
    const frame = useRef<HTMLDivElement>(null);
    const now = useNow(2);
    const rows = useVirtualizer({
        count: stretches.length,
        getScrollElement: () => frame.current,
        estimateSize: () => ROW,
        overscan: 10,
    });
    const from = Math.min(...stretches.map(({ claimed }) => claimed));
    const to = stretches.some(({ ended }) => ended === undefined)
        ? now
        : Math.max(...stretches.map(({ ended }) => ended ?? from));
    const percent = (time: number) => ((time - from) / Math.max(to - from, 1)) * 100;
    return (
        <>
            <div className="flex justify-between border-b border-line py-1.5 pr-25 pl-16 text-2xs sm:pl-43 text-muted">
                <span>{clock(from)}</span>
                <span>{clock(to)}</span>
            </div>
            <div
                ref={frame}
                role="region"
                aria-label="Work by shard"
                tabIndex={0}
                className="max-h-96 overflow-y-auto overflow-x-hidden"
            >
                <ol className="relative" style={{ height: rows.getTotalSize() }}>
                    {rows.getVirtualItems().map(({ index, start }) => {
                        const { shard, replica, node, claimed, committed, revealed, ended, outcome } =
                            stretches[index]!;
                        const end = ended ?? now;
                        const part = (begin: number | undefined, until: number | undefined, colour: string) =>
                            begin === undefined ? null : (
                                <span
                                    className={`absolute inset-y-0 ${colour}`}
                                    style={{
                                        left: `${percent(begin)}%`,
                                        width: `max(3px, ${percent(until ?? end) - percent(begin)}%)`,
                                    }}
                                />
                            );
                        return (
                            <li
                                key={`${shard}/${replica}/${claimed}`}
                                className="absolute inset-x-0 flex items-center gap-3 px-4"
                                style={{ height: ROW, transform: `translateY(${start}px)` }}
                            >
                                <span className="w-9 shrink-0 text-xs">{shard}</span>
                                <span
                                    className="w-24 shrink-0 font-mono text-2xs text-muted max-sm:hidden"
                                    title={node}
                                >
                                    {shortened(node)}
                                </span>
                                <span
                                    className="relative h-2.5 flex-1 overflow-hidden rounded-sm bg-raised"
                                    role="img"
                                    aria-label={`Shard ${shard}: node ${shortened(node)} worked for ${span(Math.max(end - claimed, 1))}, ${outcome}`}
                                >
                                    {part(claimed, committed, STAGES[0][1])}
                                    {part(committed, revealed, STAGES[1][1])}
                                    {part(revealed, ended, STAGES[2][1])}
                                </span>
                                <span className={`w-18 shrink-0 text-right text-2xs ${OUTCOME[outcome]}`}>
                                    {outcome}
                                </span>
                            </li>
                        );
                    })}
                </ol>
            </div>
            <ul className="flex flex-wrap gap-x-4 gap-y-1 border-t border-line px-4 py-2 text-2xs text-muted">
                {STAGES.map(([stage, colour]) => (
                    <li key={stage} className="inline-flex items-center gap-1.5">
                        <span aria-hidden className={`size-2 rounded-[2px] ${colour}`} />
                        {stage}
                    </li>
                ))}
            </ul>
        </>
    );
}
