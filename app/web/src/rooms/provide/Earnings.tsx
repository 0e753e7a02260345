/** What a node earned, epoch by epoch. */
import { useVirtualizer } from '@tanstack/react-virtual';
import { useMemo, useRef } from 'react';

import type { NodeView } from '../../data/model';
import { useEvents } from '../../data/queries';
import { isFine, reasonSentence } from '../../text/reasons';
import { dateTime, rate, shortLmr } from '../../text/units';
import { explain } from '../../transactions/explain';
import { Button } from '../../ui/basics';
import { Bars } from '../../ui/charts';
import { earningsOf, type EpochEarning } from './epochs';

const SHOWN_BARS = 60;
const ROW = 32;

/** See the module. */
export function Earnings({ node }: { node: NodeView }) {
    const events = useEvents({ address: node.address });
    const { hasNextPage, isFetchingNextPage, fetchNextPage } = events;
    const earned = useMemo(
        () => earningsOf(events.data?.pages.flatMap(({ events }) => events) ?? [], !hasNextPage),
        [events.data, hasNextPage],
    );
    const bars = earned.slice(0, SHOWN_BARS).toReversed();
    return (
        <section aria-label="Earnings by epoch" className="mt-6">
            <h3 className="mb-2 text-xs font-semibold text-muted">Earnings by epoch</h3>
            <Bars
                label="Earnings of the latest epochs"
                empty={
                    events.error !== null
                        ? explain(events.error)
                        : events.isPending
                          ? 'Reading…'
                          : 'No epoch has paid yet.'
                }
                bars={bars.map(({ epoch, reward, reason, time }) => ({
                    key: `${epoch}`,
                    value: Number(reward),
                    shown: shortLmr(reward),
                    title: `Epoch ${epoch}${time === undefined ? '' : `, ${dateTime(time)}`}${reward === 0n ? `: ${reasonSentence(reason)}` : ''}`,
                }))}
            />
            {earned.length > 0 && <History earned={earned} />}
            {hasNextPage && (
                <Button kind="quiet" className="mt-2" busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
                    Read earlier epochs
                </Button>
            )}
        </section>
    );
}

function History({ earned }: { earned: readonly EpochEarning[] }) {
    const frame = useRef<HTMLDivElement>(null);
    const rows = useVirtualizer({
        count: earned.length,
        getScrollElement: () => frame.current,
        estimateSize: () => ROW,
        // Heights belong to epochs: a new one moves all others down.
        getItemKey: index => `${earned[index]!.epoch}`,
        overscan: 8,
    });
    return (
        <div
            ref={frame}
            role="region"
            aria-label="Epochs, the newest first"
            tabIndex={0}
            className="mt-3 max-h-56 overflow-y-auto rounded-md border border-line"
        >
            <ol className="relative" style={{ height: rows.getTotalSize() }}>
                {rows.getVirtualItems().map(({ index, start }) => {
                    const { epoch, reward, reason, downKbps, upKbps } = earned[index]!;
                    return (
                        <li
                            key={`${epoch}`}
                            ref={rows.measureElement}
                            data-index={index}
                            className="absolute inset-x-0 flex items-baseline gap-x-3 border-b border-line px-3 py-1 max-sm:flex-wrap"
                            style={{ minHeight: ROW, transform: `translateY(${start}px)` }}
                        >
                            <span className="w-18 shrink-0 text-xs text-muted">Epoch {`${epoch}`}</span>
                            <span className="w-24 shrink-0 font-medium">{shortLmr(reward)}</span>
                            <span className="w-56 shrink-0 truncate text-xs text-muted max-sm:hidden">
                                {rate(downKbps)} down, {rate(upKbps)} up
                            </span>
                            <span
                                className={`min-w-0 flex-1 text-xs max-sm:basis-full ${isFine(reason) ? 'text-muted' : 'text-glow'}`}
                            >
                                {reasonSentence(reason)}
                            </span>
                        </li>
                    );
                })}
            </ol>
        </div>
    );
}
