/** Finds listings by words, and orders them. */
import type { ListingView } from '../../data/model';

/** What comes first. */
export type Order = 'newest' | 'cheapest' | 'largest' | 'best';

const ascending = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

/** Ratings pulled towards the middle by three neutral ones: one friendly rating is no record. */
const esteem = ({ meanRating, ratings }: ListingView): number =>
    ((meanRating ?? 300) * Number(ratings) + 3 * 300) / (Number(ratings) + 3);

const ORDERS: Readonly<Record<Order, (a: ListingView, b: ListingView) => number>> = {
    newest: (a, b) => b.createdAt - a.createdAt,
    cheapest: (a, b) => ascending(a.price, b.price),
    largest: (a, b) => ascending(b.rows, a.rows),
    best: (a, b) => esteem(b) - esteem(a),
};

/**
 * The listings that can be bought and hold every word, in this order. `texts` is what is known of their data cards.
 */
export function search(
    listings: readonly ListingView[],
    words: string,
    order: Order,
    texts: ReadonlyMap<string, string>,
): ListingView[] {
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    return listings
        .filter(({ active }) => active)
        .filter(({ address, seller, job }) => {
            const text = `${texts.get(address) ?? ''} ${address} ${seller} ${job ?? ''}`.toLowerCase();
            return wanted.every(word => text.includes(word));
        })
        .toSorted(ORDERS[order]);
}
