/** Quantities in words: LMR, rates, volumes, times, shares, addresses. */
import { formatLmr, LMR } from '@lumora/client';
import { getBase16Decoder, type ReadonlyUint8Array } from '@solana/kit';

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

/** A count: `12,345`. */
export const count = (value: number | bigint): string => whole.format(value);

/** A count of things: `1 node`, `12,345 nodes`. */
export const counted = (value: number | bigint, thing: string): string =>
    `${count(value)} ${thing}${Number(value) === 1 ? '' : 's'}`;

/** A large count in few letters: `12.3K`. */
export const shortCount = (value: number | bigint): string => short.format(value);

/** LMR base units exactly, without trailing zeros: `1,234.5 LMR`. */
export const lmr = (units: bigint): string => `${formatLmr(units)} LMR`;

/** LMR base units rounded for a small place: `12.3K LMR`, `0.42 LMR`. */
export function shortLmr(units: bigint): string {
    const value = Number(units) / Number(LMR);
    const text = Math.abs(value) < 10 ? Number(value.toPrecision(3)).toString() : short.format(value);
    return `${text} LMR`;
}

/** LMR base units as a person types them into a field. */
export const typedLmr = (units: bigint): string => formatLmr(units).replaceAll(',', '');

/** Lamports as SOL. */
export const sol = (lamports: bigint): string =>
    `${new Intl.NumberFormat('en', { maximumFractionDigits: 6 }).format(Number(lamports) / 1e9)} SOL`;

/** A rate of kbit/s: `2.5 Mbit/s`. */
export function rate(kbps: number | bigint): string {
    const value = Number(kbps);
    if (value >= 1e9) return `${tenths.format(value / 1e9)} Tbit/s`;
    if (value >= 1e6) return `${tenths.format(value / 1e6)} Gbit/s`;
    if (value >= 1e3) return `${tenths.format(value / 1e3)} Mbit/s`;
    return `${whole.format(value)} kbit/s`;
}

/** Bytes: `1.2 GB`. */
export function bytes(value: number | bigint): string {
    let size = Number(value);
    for (const unit of ['B', 'kB', 'MB', 'GB', 'TB']) {
        if (size < 1000 || unit === 'TB') return `${unit === 'B' ? whole.format(size) : tenths.format(size)} ${unit}`;
        size /= 1000;
    }
    return '';
}

/** Basis points: `85 %`, `0.25 %`. */
export const share = (basisPoints: number): string =>
    `${new Intl.NumberFormat('en', { maximumFractionDigits: 2 }).format(basisPoints / 100)} %`;

/** Microseconds: `41 ms`. */
export const latency = (microseconds: number): string => `${tenths.format(microseconds / 1000)} ms`;

const STEPS: readonly (readonly [number, string])[] = [
    [86_400, 'day'],
    [3_600, 'hour'],
    [60, 'minute'],
    [1, 'second'],
];

/** A time span in seconds by its largest unit: `2 hours`. */
export function span(seconds: number): string {
    const [size, unit] = STEPS.find(([size]) => seconds >= size) ?? [1, 'second'];
    const amount = Math.floor(seconds / size);
    return `${amount} ${unit}${amount === 1 ? '' : 's'}`;
}

/** A Unix time seen from now: `5 minutes ago`, `in 2 hours`, `just now`. */
export function fromNow(unix: number, now: number = Date.now() / 1000): string {
    const ahead = unix - now;
    if (Math.abs(ahead) < 5) return 'just now';
    return ahead > 0 ? `in ${span(ahead)}` : `${span(-ahead)} ago`;
}

/** A Unix time as date and time of this place. */
export const dateTime = (unix: number): string =>
    new Date(unix * 1000).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' });

/** A Unix time as time of day. */
export const clock = (unix: number): string =>
    new Date(unix * 1000).toLocaleTimeString('en', {
        hourCycle: 'h23',
        hour: '2-digit',
        minute: '2-digit',
        second: '2-digit',
    });

/** The beginning and the end of an address or signature. */
export const shortened = (address: string): string =>
    address.length <= 11 ? address : `${address.slice(0, 4)}…${address.slice(-4)}`;

/** Bytes in hexadecimal. */
export const hex = (bytes: ReadonlyUint8Array): string => getBase16Decoder().decode(bytes);
