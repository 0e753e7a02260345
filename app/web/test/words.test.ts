import { parseLmr } from '@lumora/client';
import { describe, expect, it } from 'vitest';

import { ConfigError, parseConfig } from '../src/config';
import { parseRoute } from '../src/route';
import { reasonSentence, whyZero } from '../src/text/reasons';
import { bytes, fromNow, lmr, rate, span, typedLmr } from '../src/text/units';

describe('units', () => {
    it('writes and reads amounts exactly', () => {
        for (const units of [0n, 1n, 1_500_000n, 999_999n, 12_345_678_901_234n])
            expect(parseLmr(typedLmr(units))).toBe(units);
        expect(lmr(1_234_500_000n)).toBe('1,234.5 LMR');
        for (const text of ['', '-1', '1.2345678', '1e3', 'x', '.5']) expect(parseLmr(text)).toBeUndefined();
    });

    it('chooses units that a person reads', () => {
        expect([rate(900), rate(2_500), rate(1_000_000)]).toEqual(['900 kbit/s', '2.5 Mbit/s', '1 Gbit/s']);
        expect([bytes(999), bytes(1_200_000)]).toEqual(['999 B', '1.2 MB']);
        expect([span(1), span(7_300)]).toEqual(['1 second', '2 hours']);
        expect([fromNow(100, 160), fromNow(160, 100), fromNow(100, 101)]).toEqual([
            '1 minute ago',
            'in 1 minute',
            'just now',
        ]);
    });
});

describe('reasons', () => {
    it('that are newer than these pages say so', () => {
        expect(reasonSentence(8)).toContain('Too few oracles');
        expect(reasonSentence(200)).toContain('Reload');
    });

    it('explain every zero, and nothing where a node earns', () => {
        const attested = { reason: 0, measuredAt: 1_000, contribution: 5n };
        expect(whyZero({ active: true, registeredAt: 0, attestation: attested }, 60, 1_010)).toBeUndefined();
        expect(whyZero({ active: false, registeredAt: 0, attestation: attested }, 60, 1_010)).toContain('paused');
        expect(whyZero({ active: true, registeredAt: 1_000 }, 60, 1_010)).toContain('next epoch');
        expect(whyZero({ active: true, registeredAt: 0 }, 60, 1_010)).toContain('never been measured');
        expect(whyZero({ active: true, registeredAt: 0, attestation: attested }, 60, 9_000)).toContain(
            'some epochs old',
        );
        for (const [reason, words] of [
            [8, 'Too few oracles'],
            [14, 'belong to this owner'],
            [15, 'share one link'],
        ] as const) {
            const nothing = { ...attested, reason, contribution: 0n };
            expect(whyZero({ active: true, registeredAt: 0, attestation: nothing }, 60, 1_010)).toContain(words);
        }
    });
});

describe('configuration', () => {
    it('needs a network and its address, and derives the WebSocket', () => {
        expect(parseConfig({ network: 'localnet', rpcUrl: 'http://127.0.0.1:8899/' })).toEqual({
            network: 'localnet',
            rpcUrl: 'http://127.0.0.1:8899',
            wsUrl: 'ws://127.0.0.1:8900',
            indexerUrl: undefined,
            storeUrl: undefined,
        });
        expect(parseConfig({ network: 'devnet', rpcUrl: 'https://rpc.example.org' }).wsUrl).toBe(
            'wss://rpc.example.org',
        );
    });

    it('names what is wrong', () => {
        for (const wrong of [
            null,
            {},
            { network: 'moon', rpcUrl: 'http://a' },
            { network: 'devnet' },
            { network: 'devnet', rpcUrl: 'javascript:1' },
        ]) {
            expect(() => parseConfig(wrong)).toThrow(ConfigError);
        }
    });
});

it('leads unknown addresses to the network', () => {
    expect(parseRoute('#/jobs/abc')).toEqual({ room: 'jobs', item: 'abc' });
    expect(parseRoute('#/nowhere')).toEqual({ room: 'network', item: undefined });
    expect(parseRoute('')).toEqual({ room: 'network', item: undefined });
});
