import { escrowOf } from '@lumora/client';
import { describe, expect, it } from 'vitest';

import type { EventView } from '../src/data/model';
import { type Draft, NEW_DRAFT, write } from '../src/rooms/jobs/manifest';
import { expectedOf, mostReplicas, termsProblem, timesFor } from '../src/rooms/jobs/terms';
import { stretchesOf } from '../src/rooms/jobs/stretches';
import { perMinute } from '../src/rooms/network/series';
import { earningsOf } from '../src/rooms/provide/epochs';
import { positionOf, RATE_STEPS, rateAt } from '../src/rooms/provide/limits';

const event = (name: string, time: number, fields: Record<string, unknown>): EventView => ({
    id: `${name}${time}`,
    signature: 's',
    time,
    program: 'tasks',
    name,
    fields,
});

const DRAFT: Draft = {
    ...NEW_DRAFT,
    name: 'Pages',
    licence: 'CC0-1.0',
    contact: 'mailto:a@example.org',
    urls: 'https://b.example.org/2#part https://b.example.org/2\nhttps://a.example.org/1',
};
const KEY = '11'.repeat(32);
const written = (change: Partial<Draft> = {}) => write({ ...DRAFT, ...change }, KEY, text => !text.includes('!'));

describe('a manifest', () => {
    it('has its pages sorted, without fragments and repetitions, and the sites that they need', () => {
        const { manifest, problems } = written();
        expect(problems).toEqual([]);
        expect(manifest.pages.urls).toEqual(['https://a.example.org/1', 'https://b.example.org/2']);
        expect(manifest.sites).toEqual(['https://a.example.org/', 'https://b.example.org/']);
    });

    it.each<[string, Partial<Draft>, keyof Draft]>([
        ['no name', { name: ' ' }, 'name'],
        ['a contact that reaches nobody', { contact: 'me' }, 'contact'],
        ['no pages', { urls: '' }, 'urls'],
        ['what is no URL', { urls: 'example.org' }, 'urls'],
        ['a login', { urls: 'https://me:secret@example.org/' }, 'urls'],
        ['another scheme', { urls: 'ftp://example.org/' }, 'urls'],
        ['a page that is left out', { deny: 'https://a.example.org/' }, 'urls'],
        ['no columns', { fields: [] }, 'fields'],
        ['a selector that is none', { fields: [{ ...NEW_DRAFT.fields[0]!, path: '!' }] }, 'fields'],
        ['a column named url', { fields: [{ ...NEW_DRAFT.fields[0]!, name: 'url' }] }, 'fields'],
        ['a selector for JSON', { format: 'json' }, 'fields'],
        ['too many bytes', { maxBytes: '999999999' }, 'maxBytes'],
        ['no rate', { requestsPerSecond: '' }, 'requestsPerSecond'],
    ])('is refused with %s', (_, change, part) => {
        expect(written(change).problems.map(problem => problem.part)).toContain(part);
    });
});

describe('terms', () => {
    it('escrow every node that may be needed', () => {
        const terms = { price: 2n, shards: 10, replicas: 2 };
        expect([expectedOf(terms), escrowOf(terms)]).toEqual([40n, 60n]);
        expect(escrowOf({ ...terms, replicas: 1 })).toBe(20n);
    });

    it('never outlive the bonds', () => {
        for (const replicas of [1, 2, 6, 7]) {
            for (const unbonding of [60, 600, 4_800, 1e9]) {
                const { commitSeconds, revealSeconds, challengeSeconds } = timesFor(replicas, unbonding);
                const rounds = mostReplicas(replicas) - replicas + 1;
                expect(commitSeconds + rounds * revealSeconds + challengeSeconds).toBeLessThanOrEqual(unbonding);
                expect(Math.min(commitSeconds, revealSeconds)).toBeGreaterThan(0);
                expect(challengeSeconds > 0).toBe(replicas === 1);
            }
        }
    });

    it('need as many pages as shards', () => {
        const terms = { price: 1n, shards: 3, replicas: 2, openSeconds: 1, ...timesFor(2, 1e9) };
        expect(termsProblem(terms, 2)).toContain('cannot be split');
        expect(termsProblem(terms, 3)).toBeUndefined();
        expect(termsProblem({ ...terms, price: 0n }, 3)).toContain('above zero');
    });
});

it('a timeline tells who worked when, and how it ended', () => {
    const of = (shard: number, replica: number) => ({ shard, replica, node: `n${replica}`, job: 'j' });
    const newestFirst = [
        event('ShardSettled', 40, { shard: 0, winners: 0b01 }),
        event('ResultRevealed', 30, of(0, 0)),
        event('ResultCommitted', 20, of(0, 1)),
        event('ResultCommitted', 15, of(0, 0)),
        event('ShardClaimed', 11, { ...of(0, 1), claimed_at: 11 }),
        event('ShardClaimed', 10, { ...of(0, 0), claimed_at: 10 }),
    ];
    expect(
        stretchesOf(newestFirst).map(({ node, committed, revealed, ended, outcome }) => [
            node,
            committed,
            revealed,
            ended,
            outcome,
        ]),
    ).toEqual([
        ['n0', 15, 30, 40, 'paid'],
        ['n1', 20, undefined, 40, 'not paid'],
    ]);
});

it('an epoch earns what its proof adds to the one before', () => {
    const proof = (epoch: number, reward: number) =>
        event('NodeProven', epoch, {
            epoch: `${epoch}`,
            cumulative_reward: `${reward}`,
            reason: 0,
            down_kbps: 1,
            up_kbps: 1,
        });
    const proofs = [proof(3, 70), proof(2, 30), proof(1, 30)];
    expect(earningsOf(proofs, true).map(({ epoch, reward }) => [epoch, reward])).toEqual([
        [3n, 40n],
        [2n, 0n],
        [1n, 30n],
    ]);
    expect(earningsOf(proofs, false)).toHaveLength(2);
});

it('minutes without events count as none', () => {
    const events = [event('ShardSettled', 120, {}), event('ShardSettled', 130, {}), event('ShardSettled', 10, {})];
    expect(perMinute(events, 190, 3).map(({ count }) => count)).toEqual([0, 2, 0]);
});

it('the slider of rates gives back where a rate stands', () => {
    for (let position = 0; position <= RATE_STEPS; position++)
        expect(Math.abs(positionOf(rateAt(position)) - position)).toBeLessThanOrEqual(1);
    expect([rateAt(0), rateAt(RATE_STEPS)]).toEqual([100, 1_000_000]);
});
