/** What happened, as a list of any length: only what is seen is in the page. */
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef } from 'react';

import type { EventView } from '../data/model';
import { useSession } from '../session';
import { eventSentence } from '../text/events';
import { clock, dateTime, shortened } from '../text/units';
import { explorerLink } from '../transactions/Tray';

const ROW = 34;

/** See the module. `onEnd` is called when the end comes into view. On a wide screen it fills its panel. */
export function EventList({
    events,
    onEnd,
    label,
}: {
    events: readonly EventView[];
    onEnd?: () => void;
    label: string;
}) {
    const { config } = useSession();
    const frame = useRef<HTMLDivElement>(null);
    const rows = useVirtualizer({
        count: events.length,
        getScrollElement: () => frame.current,
        estimateSize: () => ROW,
        overscan: 8,
    });
    const shown = rows.getVirtualItems();
    const last = shown.at(-1)?.index ?? 0;
    useEffect(() => {
        if (onEnd !== undefined && events.length > 0 && last >= events.length - 20) onEnd();
    }, [last, events.length, onEnd]);
    return (
        <div
            ref={frame}
            role="region"
            aria-label={label}
            tabIndex={0}
            className="h-80 overflow-y-auto overflow-x-hidden lg:absolute lg:inset-0 lg:h-auto"
        >
            <ol className="relative" style={{ height: rows.getTotalSize() }}>
                {shown.map(({ index, start }) => {
                    const event = events[index]!;
                    return (
                        <li
                            key={event.id}
                            aria-setsize={events.length}
                            aria-posinset={index + 1}
                            className="absolute inset-x-0 flex items-center gap-3 border-b border-line px-4"
                            style={{ height: ROW, transform: `translateY(${start}px)` }}
                        >
                            <time
                                className="w-15 shrink-0 text-xs text-muted"
                                title={event.time === undefined ? undefined : dateTime(event.time)}
                            >
                                {event.time === undefined ? '' : clock(event.time)}
                            </time>
                            <span className="min-w-0 flex-1 truncate">{eventSentence(event)}</span>
                            <a
                                href={explorerLink(event.signature, config)}
                                target="_blank"
                                rel="noreferrer"
                                aria-label={`Transaction ${shortened(event.signature)}`}
                                className="shrink-0 font-mono text-xs text-muted hover:text-accent max-sm:hidden"
                            >
                                {shortened(event.signature)}
                            </a>
                        </li>
                    );
                })}
            </ol>
        </div>
    );
}
