import { type LumoraEvent, rules, TransactionRefused } from '@lumora/client';
import type { Address } from '@solana/kit';
import { describe, expect, it } from 'vitest';

import { placeAt } from '../src/data/cells';
import { view } from '../src/data/chain';
import { Indexer, IndexerError } from '../src/data/indexer';
import { search } from '../src/rooms/market/search';
import { eventSentence } from '../src/text/events';
import { asSentence, explain, Told } from '../src/transactions/explain';
import { project, unproject } from '../src/ui/land';

describe('places', () => {
    it('are the cells and vectors that the registry takes', () => {
        const { cell, location, centre } = placeAt({ latitude: 37.775938728915946, longitude: -122.41795063018799 });
        expect(cell.toString(16)).toBe('832830fffffffff');
        expect(Math.abs(Math.hypot(...location) - 32_767)).toBeLessThan(2);
        expect(rules.degreesOf(location).latitude).toBeCloseTo(centre.latitude, 1);
        expect(rules.degreesOf(location).longitude).toBeCloseTo(centre.longitude, 1);
    });

    it('come back from where the map shows them', () => {
        for (const [latitude, longitude] of [
            [0, 0],
            [52.5, 13.4],
            [-33.9, 151.2],
            [80, -170],
        ] as const) {
            const place = unproject(project(latitude, longitude))!;
            expect(place.latitude).toBeCloseTo(latitude, 6);
            expect(place.longitude).toBeCloseTo(longitude, 6);
        }
        expect(unproject([2.6, -1.25])).toBeUndefined();
    });
});

describe('an event that the chain tells', () => {
    const job = 'JobXyz1111111111111111111111111111111111111' as Address;
    const event = {
        program: 'tasks',
        name: 'ShardSettled',
        data: { job, shard: 3, paidEach: 1_500_000n, resultRoot: new Uint8Array([1, 171]), h3Cell: [1n] },
    } as unknown as LumoraEvent;

    it('has the members that an indexer gives it', () => {
        expect(view(event, 'id', 'signature', 5)).toEqual({
            id: 'id',
            signature: 'signature',
            time: 5,
            program: 'tasks',
            name: 'ShardSettled',
            fields: { job, shard: 3, paid_each: '1500000', result_root: '01ab', h3_cell: ['1'] },
        });
    });

    it('is put into words', () => {
        expect(eventSentence(view(event, 'id', 'signature', 5))).toBe('Shard 3 of JobX…1111 settled, 1.5 LMR each');
    });
});

describe('what went wrong', () => {
    it('is told by the client, as a sentence', () => {
        const refusal = { name: 'ZeroPrice', sentence: 'the price of a shard must be above zero' };
        expect(explain(new TransactionRefused(refusal, []))).toBe('The price of a shard must be above zero.');
        expect(asSentence('Is it so?')).toBe('Is it so?');
    });

    it('is told by these pages in their own words, and otherwise with what it said', () => {
        expect(explain(new Told('Unlock the wallet.'))).toBe('Unlock the wallet.');
        expect(explain(new Error('x is not a function'))).toMatch(/^Something went wrong.*\(x is not a function\)\.$/);
    });

    it('tells a person, a wallet and the network apart', () => {
        expect(explain({ code: 4001, message: 'No' })).toContain('did not sign');
        expect(explain(new Error('User rejected the request.'))).toContain('did not sign');
        expect(explain(new TypeError('Failed to fetch'))).toContain('cannot be reached');
    });
});

describe('the indexer', () => {
    const answering = (answers: Record<string, unknown>) =>
        new Indexer('http://index', async input => {
            const { pathname, searchParams } = new URL(String(input));
            const answer = answers[`${pathname.slice(4)}${searchParams.get('cursor') ?? ''}`];
            return answer === undefined
                ? new Response('{"detail":"There is none."}', { status: 400 })
                : Response.json(answer);
        });
    const listing = {
        address: 'a',
        state: 'active',
        seller: 's',
        price: '5',
        delivery_seconds: 1,
        metadata_hash: '',
        content_hash: '',
        job: null,
        rows: '3',
        size_bytes: '1',
        sales: '0',
        refunds: '0',
        ratings: '0',
        mean_rating: null,
        created_at: 1,
    };

    it('is read to the last page', async () => {
        const indexer = answering({
            listings: { items: [listing], next: '2' },
            listings2: { items: [{ ...listing, address: 'b' }], next: null },
        });
        expect((await indexer.listings()).map(({ address, price }) => [address, price])).toEqual([
            ['a', 5n],
            ['b', 5n],
        ]);
    });

    it('refuses in its own words', async () => {
        await expect(answering({}).listings()).rejects.toThrow(new IndexerError('There is none.'));
    });
});

it('listings are found by every word, and ordered', () => {
    const base = {
        active: true,
        seller: 's',
        deliverySeconds: 1,
        metadataHash: '',
        contentHash: '',
        job: undefined,
        rows: 1n,
        sizeBytes: 1n,
        sales: 0n,
        refunds: 0n,
        ratings: 0n,
        meanRating: undefined,
    };
    const listings = [
        { ...base, address: 'a', price: 3n, createdAt: 1 },
        { ...base, address: 'b', price: 1n, createdAt: 2 },
        { ...base, address: 'c', price: 2n, createdAt: 3, active: false },
    ];
    const texts = new Map([
        ['a', 'Weather of Bern'],
        ['b', 'Weather of Basel'],
    ]);
    const found = (words: string, order: 'newest' | 'cheapest') =>
        search(listings, words, order, texts).map(({ address }) => address);
    expect(found('', 'newest')).toEqual(['b', 'a']);
    expect(found('WEATHER bern', 'cheapest')).toEqual(['a']);
    expect(found('weather', 'cheapest')).toEqual(['b', 'a']);
});
