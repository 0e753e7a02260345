import { describe, expect, it } from 'vitest';

import type { EventView } from '../src/data/model';
import { changesOf, differences, stepsOf } from '../src/rooms/network/changes';
import { eventSentence } from '../src/text/events';

const event = (id: string, name: string, time: number | undefined, fields: object): EventView => ({
    id,
    signature: id,
    time,
    program: 'registry',
    name,
    fields: fields as EventView['fields'],
});
const applied = (id: string, time: number, weights: readonly number[], max_wait_seconds: number) =>
    event(id, 'ParametersApplied', time, { parameters: { weights, max_wait_seconds } });
const adapted = event('12', 'RankingAdapted', 300, {
    wait_reason: 2,
    weights_reason: 2,
    adaptations: 1,
    epoch: '7',
    from_weights: [4_000, 3_000, 2_000, 1_000],
    to_weights: [3_800, 3_000, 2_000, 1_200],
    from_max_wait_seconds: 10,
    to_max_wait_seconds: 11,
});

describe('what changed the score of the assignment', () => {
    it('is told in the order of time, with who did it and why', () => {
        const [first, second, ...more] = changesOf([adapted, applied('9', 100, [4_000, 3_000, 2_000, 1_000], 10)]);
        expect(more).toEqual([]);
        expect([first!.by, first!.reasons]).toEqual(['The authority set it', []]);
        expect(differences(first!)).toEqual([
            'Bandwidth 40 %',
            'Proximity 30 %',
            'Latency 20 %',
            'Reputation 10 %',
            'Longest wait 10 s',
        ]);
        expect(second!.by).toBe('The oracles adapted it to epoch 7');
        expect(differences(second!)).toEqual([
            'Bandwidth 40 % → 38 %',
            'Reputation 10 % → 12 %',
            'Longest wait 10 s → 11 s',
        ]);
        expect(second!.reasons).toEqual([
            'Many claims were refused because another was first: a longer wait pulls nodes apart.',
            'Many assignments expired or were rejected: reputation counts more.',
        ]);
    });

    it('gives reasons only for what it changed', () => {
        const fields = { ...adapted.fields, to_weights: adapted.fields['from_weights'], weights_reason: 0 };
        const [change] = changesOf([{ ...adapted, fields }]);
        expect(differences(change!)).toEqual(['Longest wait 10 s → 11 s']);
        expect(change!.reasons).toHaveLength(1);
    });

    it('leaves out what set other parameters, what another program tells, and what has no time', () => {
        const same = applied('13', 400, [3_800, 3_000, 2_000, 1_200], 11);
        const strange = event('14', 'RankingAdapted', 500, { to_weights: ['x'] });
        expect(changesOf([strange, same, adapted, { ...adapted, time: undefined }]).map(({ id }) => id)).toEqual([
            '12',
        ]);
    });

    it('of one second is ordered by the number of the event', () => {
        const later = applied('100', 300, [2_500, 2_500, 2_500, 2_500], 20);
        expect(changesOf([later, adapted]).map(({ id }) => id)).toEqual(['12', '100']);
    });
});

it('the steps of the score reach from before the first change to now', () => {
    const current = { weights: [3_800, 3_000, 2_000, 1_200], maxWaitSeconds: 11 } as const;
    const steps = stepsOf(changesOf([adapted]), current, 380);
    expect(steps.map(({ time, maxWaitSeconds }) => [time, maxWaitSeconds])).toEqual([
        [290, 10],
        [300, 11],
        [380, 11],
    ]);
    expect(stepsOf([], current, 380).map(({ time }) => time)).toEqual([379, 380]);
});

it('adaptations and their freeze are put into words', () => {
    expect(eventSentence(adapted)).toBe('The oracles adapted the score of the assignment to what epoch 7 showed');
    const by = 'JobXyz1111111111111111111111111111111111111';
    const freeze = (frozen: number) => eventSentence(event('1', 'AdaptationFreezeChanged', 1, { frozen, by }));
    expect(freeze(1)).toBe('JobX…1111 froze the score of the assignment');
    expect(freeze(0)).toBe('The oracles may adapt the score of the assignment again');
});
