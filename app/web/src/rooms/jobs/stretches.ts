/** Who worked on which shard when, from the events of a job: assignments are gone from the chain once they are settled. */
import type { EventView } from '../../data/model';

/** A node's work on one replica. */
export type Stretch = {
    readonly shard: number;
    readonly replica: number;
    readonly node: string;
    readonly claimed: number;
    readonly committed: number | undefined;
    readonly revealed: number | undefined;
    readonly ended: number | undefined;
    readonly outcome: 'working' | 'paid' | 'not paid' | 'out of time' | 'rejected';
};

/** All stretches, by shard and time. */
export function stretchesOf(events: readonly EventView[]): Stretch[] {
    const begun: Stretch[] = [];
    const current = new Map<string, number>();
    const change = (key: string, what: Partial<Stretch>) => {
        const at = current.get(key);
        if (at !== undefined) begun[at] = { ...begun[at]!, ...what };
    };
    for (const { name, fields, time } of events.toReversed()) {
        const shard = Number(fields['shard']);
        const replica = Number(fields['replica']);
        const key = `${shard}/${replica}`;
        switch (name) {
            case 'ShardClaimed': {
                current.set(key, begun.length);
                const claimed = Number(fields['claimed_at']);
                begun.push({
                    shard,
                    replica,
                    node: String(fields['node']),
                    claimed,
                    committed: undefined,
                    revealed: undefined,
                    ended: undefined,
                    outcome: 'working',
                });
                break;
            }
            case 'ResultCommitted':
                change(key, { committed: time });
                break;
            case 'ResultRevealed':
                change(key, { revealed: time });
                break;
            case 'AssignmentExpired':
                change(key, { ended: Number(fields['expired_at']), outcome: 'out of time' });
                break;
            case 'ResultRejected':
                change(key, { ended: time, outcome: 'rejected' });
                break;
            case 'ShardSettled': {
                const winners = Number(fields['winners']);
                for (let seat = 0; seat < 7; seat++) {
                    const at = current.get(`${shard}/${seat}`);
                    if (at !== undefined && begun[at]!.outcome === 'working') {
                        change(`${shard}/${seat}`, {
                            ended: time,
                            outcome: (winners >> seat) & 1 ? 'paid' : 'not paid',
                        });
                    }
                }
                break;
            }
        }
    }
    return begun.sort((a, b) => a.shard - b.shard || a.claimed - b.claimed);
}
