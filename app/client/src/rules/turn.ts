/** Whose turn it is among the nodes that may all claim: `crates/core/src/turn.rs`, which explains the convention. */
import { claimableAt, LONGEST_JITTER_MILLIS } from './score';

/** Seconds of a round: enough for a claim to be sent, executed, and seen by everybody. */
export const ROUND = 3n;
/** What was executed this many seconds before a round is known to everybody in it. */
export const LAG = 1n;

/** When the round began that contains `now`. */
export const roundStart = (now: bigint): bigint => now - (((now % ROUND) + ROUND) % ROUND);

/** Whether everybody has seen, when a round begins, what bears this time on the chain. */
export const isKnown = (start: bigint, at: bigint): boolean => at + LAG < start;

/** Whether a node with this score takes part, in the round that begins at `start`, for what became free at `openedAt`. */
export const takesPart = (start: bigint, openedAt: bigint, maxWait: number, score: number): boolean =>
    isKnown(start, openedAt) && claimableAt(openedAt, maxWait, score, LONGEST_JITTER_MILLIS) <= start;

/** A replica that can be claimed. */
export type Open = { readonly shard: number; readonly replica: number };

/** A shard with a replica that can be claimed, and the room that has to be found before it is begun, in replicas. */
export type Vacant = Open & { readonly needs: number };

/** What of a job is open in a round, where nodes have room for so many replicas besides what was begun. */
export function completable<T extends Vacant>(vacant: readonly T[], room: number): T[] {
    let left = room;
    return vacant.filter(({ needs }) => {
        if (needs > left) return false;
        left -= needs;
        return true;
    });
}

/** One job's replicas in one round, handed out to one node after the other. */
export class Turns {
    #open: readonly Open[];

    /** What is open, the lowest shard first; at most one replica of a shard. */
    constructor(open: readonly Open[]) {
        this.#open = open;
    }

    /** Whether everything is handed out. */
    get isOver(): boolean {
        return this.#open.length === 0;
    }

    /** What falls to the next node: as many as it has room for, but none of a shard of which its owner holds one. */
    take(room: number, holds: (shard: number) => boolean = () => false): readonly Open[] {
        const taken = this.offer(room, holds);
        this.#open = this.#open.filter(open => !taken.includes(open));
        return taken;
    }

    /** What would fall to the next node, and is left to the one after it. */
    offer(room: number, holds: (shard: number) => boolean = () => false): readonly Open[] {
        return this.#open.filter(({ shard }) => !holds(shard)).slice(0, room);
    }
}
