/** How the score of the assignment came to be what it is: what the authority set, what the oracles adapted, and why. */
import { waitReasonOf, weightsReasonOf } from '@lumora/client';

import { type EventView, SCORE_TERMS, type Weights } from '../../data/model';
import { count, share } from '../../text/units';

/** Weights of the score, and the seconds that a node with a score of zero waits. */
export type Tuning = { readonly weights: Weights; readonly maxWaitSeconds: number };

/** One change. */
export type Change = {
    readonly id: string;
    readonly time: number;
    /** What held before; `undefined` where nothing tells. */
    readonly from: Tuning | undefined;
    readonly to: Tuning;
    /** Who changed it. */
    readonly by: string;
    /** Why, a sentence each. */
    readonly reasons: readonly string[];
};

/** The events that change the score. */
export const CHANGING = ['RankingAdapted', 'ParametersApplied'] as const;

/** The changes that these events tell of, the oldest first. */
export function changesOf(events: readonly EventView[]): readonly Change[] {
    const told = events
        .flatMap(event => changeOf(event) ?? [])
        .sort((a, b) => a.time - b.time || a.id.localeCompare(b.id, 'en', { numeric: true }));
    // What the authority set is told without what was before; most often it changed something else.
    const whole = told.map((change, at) => ({ ...change, from: change.from ?? told[at - 1]?.to }));
    return whole.filter(({ from, to }) => from === undefined || !isSame(from, to));
}

function changeOf({ id, name, time, fields }: EventView): Change | undefined {
    if (time === undefined) return undefined;
    if (name === 'ParametersApplied') {
        const to = tuningOf(fields['parameters'] as Fields | undefined, '');
        return to && { id, time, from: undefined, to, by: 'The authority set it', reasons: [] };
    }
    const [from, to] = [tuningOf(fields, 'from_'), tuningOf(fields, 'to_')];
    if (name !== 'RankingAdapted' || from === undefined || to === undefined) return undefined;
    const reasons = [
        from.maxWaitSeconds === to.maxWaitSeconds ? undefined : waitReasonOf(Number(fields['wait_reason'])),
        hasSameWeights(from, to) ? undefined : weightsReasonOf(Number(fields['weights_reason'])),
    ];
    return {
        id,
        time,
        from,
        to,
        by: `The oracles adapted it to epoch ${fields['epoch']}`,
        reasons: reasons.flatMap(reason => reason?.sentence ?? []),
    };
}

type Fields = Readonly<Record<string, unknown>>;

function tuningOf(fields: Fields | undefined, prefix: string): Tuning | undefined {
    const weights = fields?.[`${prefix}weights`];
    const maxWaitSeconds = Number(fields?.[`${prefix}max_wait_seconds`]);
    return isWeights(weights) && Number.isFinite(maxWaitSeconds) ? { weights, maxWaitSeconds } : undefined;
}

const isWeights = (value: unknown): value is Weights =>
    Array.isArray(value) && value.length === SCORE_TERMS.length && value.every(one => typeof one === 'number');

const hasSameWeights = (a: Tuning, b: Tuning): boolean => a.weights.every((weight, term) => weight === b.weights[term]);

const isSame = (a: Tuning, b: Tuning): boolean => hasSameWeights(a, b) && a.maxWaitSeconds === b.maxWaitSeconds;

/** What held from when on: from before the first change, as far as it is known, until now. */
export function stepsOf(
    changes: readonly Change[],
    current: Tuning,
    now: number,
): readonly (Tuning & { readonly time: number })[] {
    const steps = changes.map(({ time, to }) => ({ time, ...to }));
    const first = changes[0];
    if (first === undefined)
        return [
            { time: now - 1, ...current },
            { time: now, ...current },
        ];
    // As much of the time before the first change as shows what it changed.
    const before = first.from && { time: first.time - Math.max((now - first.time) / 8, 1), ...first.from };
    return [
        ...(before === undefined ? [] : [before]),
        ...steps,
        { time: Math.max(now, steps.at(-1)!.time), ...current },
    ];
}

/** What a change changed: `Reputation 10 % → 12 %`; all that it set, where nothing tells what was before. */
export function differences({ from, to }: Pick<Change, 'from' | 'to'>): readonly string[] {
    const line = (name: string, before: string | undefined, after: string) =>
        before === after ? [] : [before === undefined ? `${name} ${after}` : `${name} ${before} → ${after}`];
    return [
        ...SCORE_TERMS.flatMap((name, term) =>
            line(name, from && share(from.weights[term]!), share(to.weights[term]!)),
        ),
        ...line('Longest wait', from && seconds(from.maxWaitSeconds), seconds(to.maxWaitSeconds)),
    ];
}

/** A wait: its seconds, since a step may be one. */
export const seconds = (wait: number): string => `${count(wait)} s`;
