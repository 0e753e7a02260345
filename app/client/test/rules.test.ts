/** The rules of work: those of `lumora_core`, by the vectors that its tests write. */
import { readFileSync } from 'node:fs';

import { getAddressDecoder } from '@solana/kit';
import { describe, expect, it } from 'vitest';

import { reasonOf, rules, waitReasonOf, weightsReasonOf } from '../src';
import { fromHex } from '../src/bytes';

const core = new URL('../../../crates/core/', import.meta.url);
const read = (name: string) => JSON.parse(readFileSync(new URL(`tests/vectors/${name}.json`, core), 'utf8'));
const big = (texts: string[]) => texts.map(BigInt);

describe('a score', () => {
    it.each<{ at: number; one: any }>(read('score').cases.map((one: object, at: number) => ({ at, one })))(
        'is that of Rust: case $at',
        ({ one }) => {
            const [bandwidth, proximity, latency, reputation] = one.weights;
            const scoring: rules.Scoring = {
                weights: { bandwidth, proximity, latency, reputation },
                referenceKbps: one.reference_kbps,
                halfDistanceKm: one.half_distance_km,
                halfLatencyUs: one.half_latency_us,
            };
            const figures: rules.Figures = {
                attestedKbps: one.attested_kbps,
                limitKbps: one.limit_kbps,
                distanceKm: one.distance_km,
                rttUs: one.rtt_us,
                reputationBps: one.reputation_bps,
            };
            const terms = rules.terms(scoring, figures);
            expect([terms.bandwidth, terms.proximity, terms.latency, terms.reputation]).toEqual(one.terms);
            const score = rules.score(scoring, figures);
            expect(score).toBe(one.score);
            const node = getAddressDecoder().decode(fromHex(one.node));
            const jitter = rules.jitterMillis(fromHex(one.slot_hash), node, one.shard);
            expect(jitter).toBe(one.jitter_millis);
            expect(rules.claimableAt(BigInt(one.opened_at), one.max_wait, score, jitter)).toBe(
                BigInt(one.claimable_at),
            );
        },
    );
});

describe('an allocation', () => {
    const vectors = read('allocation');

    it('by capacity and under the load ceiling is that of Rust', () => {
        for (const { total, capacities, by_capacity, with_load_ceiling } of vectors.shares) {
            expect(rules.byCapacity(BigInt(total), big(capacities))).toEqual(big(by_capacity));
            expect(rules.withLoadCeiling(BigInt(total), big(capacities))).toEqual({
                tasks: big(with_load_ceiling.tasks),
                unallocated: BigInt(with_load_ceiling.unallocated),
            });
        }
        const { ceiling_bps, cases } = vectors.shards_allowed;
        expect(ceiling_bps).toBe(rules.LOAD_CEILING);
        for (const { capacity, allowed } of cases) expect(rules.shardsAllowed(capacity)).toBe(allowed);
    });

    it('by raw scores is that of Rust', () => {
        for (const { candidates, weights, raw_scores_millionths, total, tasks, unallocated } of vectors.ranks) {
            const nodes = candidates.map(([proximityMs, latencyMs, capacity]: number[]) => ({
                proximityMs,
                latencyMs,
                capacity,
            }));
            const scores = rules.rawScores(weights, nodes);
            expect(scores).toEqual(big(raw_scores_millionths));
            const placed = rules.byRank(BigInt(total), scores, nodes);
            expect(placed).toEqual({ tasks: big(tasks), unallocated: BigInt(unallocated) });
        }
    });
});

describe('a place', () => {
    const vectors = read('geo');

    it('is as far from another as in Rust', () => {
        for (const { a, b, km } of vectors.distances) {
            expect(rules.chordDistance(a, b)).toBe(km);
            expect(rules.chordDistance(b, a)).toBe(km);
        }
        for (const { vector, is_unit } of vectors.units) expect(rules.isUnit(vector)).toBe(is_unit);
        for (const { cell, is_coarse } of vectors.cells)
            expect(rules.isCoarseCell(BigInt(`0x${cell}`))).toBe(is_coarse);
    });

    it('given in degrees is a unit vector, and back', () => {
        for (const [latitude, longitude] of [
            [0, 0],
            [52.5, 13.4],
            [-33.9, 151.2],
            [90, 0],
            [-90, 17],
            [12, -180],
        ] as const) {
            const vector = rules.unitVector(latitude, longitude);
            expect(rules.isUnit(vector)).toBe(true);
            const back = rules.degreesOf(vector);
            expect(back.latitude).toBeCloseTo(latitude, 1);
            if (Math.abs(latitude) < 90) expect(Math.abs(back.longitude)).toBeCloseTo(Math.abs(longitude), 1);
        }
        expect(rules.unitVector(0, 0)).toEqual([32_767, 0, 0]);
        expect(() => rules.unitVector(90.1, 0)).toThrow('latitude');
        expect(() => rules.unitVector(Number.NaN, 0)).toThrow('latitude');
        expect(() => rules.unitVector(0, -181)).toThrow('longitude');
    });
});

describe('a turn', () => {
    const vectors = read('turn');

    it('falls to the node to which Rust gives it', () => {
        for (const { now, start } of vectors.rounds) expect(rules.roundStart(BigInt(now))).toBe(BigInt(start));
        for (const { start, at, is_known } of vectors.known) {
            expect(rules.isKnown(BigInt(start), BigInt(at))).toBe(is_known);
        }
        for (const { start, opened_at, max_wait, score, takes_part } of vectors.part) {
            expect(rules.takesPart(BigInt(start), BigInt(opened_at), max_wait, score)).toBe(takes_part);
        }
        const vacant = vectors.needs.map((needs: number, shard: number) => ({ shard, replica: 0, needs }));
        for (const { room, shards } of vectors.completable) {
            expect(rules.completable(vacant, room).map(({ shard }: any) => shard)).toEqual(shards);
        }
        const turns = new rules.Turns(Array.from({ length: vectors.open }, (_, shard) => ({ shard, replica: 0 })));
        for (const { room, holds, takes } of vectors.turns) {
            expect(turns.take(room, shard => shard === holds).map(({ shard }) => shard)).toEqual(takes);
        }
        expect(turns.isOver).toBe(true);
    });
});

describe('a reason', () => {
    it('has the sentence that Rust gives it', () => {
        const source = readFileSync(new URL('src/reason.rs', core), 'utf8');
        const rows = [...source.matchAll(/^ {4}(\w+) = (\d+), "(.*)";$/gm)];
        expect(rows.length).toBeGreaterThan(10);
        for (const [, name, code, sentence] of rows) expect(reasonOf(Number(code))).toEqual({ name, sentence });
        expect(reasonOf(rows.length)).toBeUndefined();
    });

    it.each([
        ['WaitReason', waitReasonOf],
        ['WeightsReason', weightsReasonOf],
    ] as const)('of an adaptation has the sentence that Rust gives it: %s', (kind, told) => {
        const source = readFileSync(new URL('src/adaptation.rs', core), 'utf8');
        const [, block] = new RegExp(`^ {4}${kind} \\{\\n([^}]*)\\}`, 'm').exec(source)!;
        const rows = [...block!.matchAll(/^ {8}(\w+) = (\d+): "(.*)",$/gm)];
        expect(rows.length).toBeGreaterThan(4);
        for (const [, name, code, sentence] of rows) expect(told(Number(code))).toEqual({ name, sentence });
        expect(told(rows.length)).toBeUndefined();
    });
});
