/** The limits as sliders have them, and what they mean. */
import { bytes } from '../../text/units';

/** Positions of the rate's slider. */
export const RATE_STEPS = 100;
const LEAST_KBPS = 100;
const DECADES = 4;
/** Fewest shards at once: a node fills a part of what it states, and 2 lets it work on one. */
export const LEAST_CAPACITY = 2;
/** Most shards at once that the slider offers. */
export const MOST_CAPACITY = 64;
const MONTH_SECONDS = 30 * 86_400;

/** The rate at a position, with two significant digits: 100 kbit/s to 1 Gbit/s. */
export const rateAt = (position: number): number =>
    Number((LEAST_KBPS * 10 ** ((position / RATE_STEPS) * DECADES)).toPrecision(2));

/** The position nearest to a rate. */
export const positionOf = (kbps: number): number =>
    Math.min(Math.max(Math.round((Math.log10(Math.max(kbps, 1) / LEAST_KBPS) / DECADES) * RATE_STEPS), 0), RATE_STEPS);

/** What a rate amounts to if it were used all month. */
export const monthly = (kbps: number): string => bytes((kbps * 1000 * MONTH_SECONDS) / 8);

/** Shards that a node may work on at once: the network's share of what it states. */
export const workable = (capacity: number, capacityShareBps = 8_000): number =>
    Math.floor((capacity * capacityShareBps) / 10_000);
