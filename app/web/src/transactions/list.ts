/** The transactions of this visit, for whoever shows them. */
import type { Signature } from '@solana/kit';
import { useSyncExternalStore } from 'react';

/** How far a transaction is. */
export type Phase =
    | { readonly name: 'simulating' }
    | { readonly name: 'signing' }
    | { readonly name: 'sending' }
    | { readonly name: 'pending'; readonly signature: Signature }
    | { readonly name: 'confirmed'; readonly signature: Signature }
    | { readonly name: 'failed'; readonly reason: string; readonly signature: Signature | undefined };

/** A transaction and how far it is. */
export type Entry = { readonly id: number; readonly title: string; readonly phase: Phase };

let entries: readonly Entry[] = [];
let nextId = 1;
const listeners = new Set<() => void>();

function set(next: readonly Entry[]): void {
    entries = next;
    listeners.forEach(listener => listener());
}

/** Begins an entry; gives the function that tells how it goes on. */
export function begin(title: string): (phase: Phase) => void {
    const id = nextId++;
    const entry: Entry = { id, title, phase: { name: 'simulating' } };
    set([entry, ...entries].slice(0, 20));
    return phase => set(entries.map(entry => (entry.id === id ? { ...entry, phase } : entry)));
}

/** Removes an entry. */
export const dismiss = (id: number): void => set(entries.filter(entry => entry.id !== id));

const subscribe = (listener: () => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
};

/** The transactions of this visit, the newest first. */
export const useTransactions = (): readonly Entry[] => useSyncExternalStore(subscribe, () => entries);
