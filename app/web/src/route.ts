/** Addresses within the app: `#/room/item`, so that any web server of files can serve it. */
import { useSyncExternalStore } from 'react';

/** The rooms, in the order of the navigation. */
export const ROOMS = ['provide', 'market', 'jobs', 'network'] as const;

/** A room. */
export type Room = (typeof ROOMS)[number];

/** Where a person is. */
export type Route = { readonly room: Room; readonly item: string | undefined };

/** Reads the part of an address behind `#`. What is unknown leads to the network, which needs no wallet. */
export function parseRoute(hash: string): Route {
    const [name, item] = hash.replace(/^#?\/?/, '').split('/');
    const room = ROOMS.find(room => room === name) ?? 'network';
    return { room, item: item === undefined || item === '' ? undefined : decodeURIComponent(item) };
}

/** The link to a room, or to one thing in it. */
export const linkTo = (room: Room, item?: string): string =>
    item === undefined ? `#/${room}` : `#/${room}/${encodeURIComponent(item)}`;

/** Goes there. */
export const go = (room: Room, item?: string): void => {
    location.hash = linkTo(room, item);
};

const subscribe = (changed: () => void) => {
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
};

/** Where the person is now. */
export function useRoute(): Route {
    const hash = useSyncExternalStore(subscribe, () => location.hash);
    return parseRoute(hash);
}
