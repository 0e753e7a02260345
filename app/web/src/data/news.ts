/** The events that arrived while the page is open, for lists and figures that move with them. */
import type { EventView } from './model';

/** Events that are kept; older ones are forgotten. */
const MOST = 5_000;

/** See the module. */
export type News = {
    readonly add: (event: EventView) => void;
    /** The newest first. The list changes its identity with every change. */
    readonly get: () => readonly EventView[];
    readonly subscribe: (changed: () => void) => () => void;
};

/** Begins without news. Changes are told at most once per frame, however many events arrive in it. */
export function openNews(soon: (run: () => void) => void = run => void requestAnimationFrame(run)): News {
    let events: readonly EventView[] = [];
    let arrived: EventView[] = [];
    const listeners = new Set<() => void>();
    const flush = () => {
        events = [...arrived.reverse(), ...events].slice(0, MOST);
        arrived = [];
        listeners.forEach(listener => listener());
    };
    return {
        add: event => {
            if (arrived.length === 0) soon(flush);
            arrived.push(event);
        },
        get: () => events,
        subscribe: changed => {
            listeners.add(changed);
            return () => listeners.delete(changed);
        },
    };
}
