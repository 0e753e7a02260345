/** Datasets for sale: search, and one of them in full. */
import { useDeferredValue, useState } from 'react';

import type { ListingView } from '../../data/model';
import { useListings } from '../../data/queries';
import { linkTo } from '../../route';
import { useSession } from '../../session';
import { bytes, count, counted, fromNow, shortened, shortLmr } from '../../text/units';
import { explain } from '../../transactions/explain';
import { Alert, Badge, Empty, Loading, Notice, Panel } from '../../ui/basics';
import { Choice, TextField } from '../../ui/fields';
import { ListingPage } from './ListingPage';
import { type Order, search } from './search';
import { useCard } from './store';

/** Datasets of a page of the list. */
const PAGE = 30;

/** See the module. */
export default function MarketRoom({ item }: { item: string | undefined }) {
    return item === undefined ? <Search /> : <ListingPage key={item} address={item} />;
}

function Search() {
    const { config } = useSession();
    const listings = useListings();
    const [text, setText] = useState('');
    const [order, setOrder] = useState<Order>('newest');
    const [shown, setShown] = useState(PAGE);
    const [names, setNames] = useState<ReadonlyMap<string, string>>(new Map());
    const words = useDeferredValue(text);
    if (listings.data === undefined) {
        return listings.error === null ? <Loading lines={5} /> : <Alert>{explain(listings.error)}</Alert>;
    }
    const found = search(listings.data, words, order, names);
    const learn = (address: string, text: string) =>
        setNames(known => (known.get(address) === text ? known : new Map(known).set(address, text)));
    return (
        <div className="space-y-4">
            <form
                role="search"
                className="grid gap-3 sm:grid-cols-[1fr_14rem]"
                onSubmit={event => event.preventDefault()}
            >
                <TextField
                    label="Search"
                    type="search"
                    placeholder="Words of the data card, an address, a seller"
                    value={text}
                    onText={setText}
                />
                <Choice
                    label="Order"
                    value={order}
                    onChoice={setOrder}
                    options={[
                        ['newest', 'Newest first'],
                        ['cheapest', 'Cheapest first'],
                        ['largest', 'Most rows first'],
                        ['best', 'Best rated first'],
                    ]}
                />
            </form>
            {config.storeUrl === undefined && (
                <Notice tone="glow">
                    No store is configured, so data cards cannot be shown, and nothing can be downloaded here. Set
                    “storeUrl” in config.json to where the datasets lie.
                </Notice>
            )}
            <p role="status" className="text-xs text-muted">
                {counted(found.length, 'dataset')}
            </p>
            {found.length === 0 ? (
                <Panel>
                    <Empty title={listings.data.length === 0 ? 'Nothing is for sale yet' : 'Nothing fits these words'}>
                        {listings.data.length === 0
                            ? 'Datasets appear here when somebody lists the result of a job.'
                            : 'Try fewer words.'}
                    </Empty>
                </Panel>
            ) : (
                <ul className="grid gap-3 lg:grid-cols-2 2xl:grid-cols-3">
                    {found.slice(0, shown).map(listing => (
                        <li key={listing.address}>
                            <Card listing={listing} onCard={learn} />
                        </li>
                    ))}
                </ul>
            )}
            {found.length > shown && (
                <button
                    type="button"
                    className="text-accent underline underline-offset-2"
                    onClick={() => setShown(shown + PAGE)}
                >
                    Show {count(Math.min(PAGE, found.length - shown))} more
                </button>
            )}
        </div>
    );
}

function Card({ listing, onCard }: { listing: ListingView; onCard: (address: string, text: string) => void }) {
    const card = useCard(listing);
    const { data } = card;
    if (data !== undefined) {
        const text = [
            data.name,
            data.description,
            data.licence,
            ...data.schema.map(({ name }) => name),
            ...data.sources.map(({ site }) => site),
        ].join(' ');
        queueMicrotask(() => onCard(listing.address, text));
    }
    return (
        <a
            href={linkTo('market', listing.address)}
            className="flex h-full flex-col rounded-lg border border-line bg-panel p-4 hover:border-accent"
        >
            <span className="flex items-start justify-between gap-3">
                <span className="text-base leading-5 font-semibold">
                    {data?.name ?? `Dataset ${shortened(listing.address)}`}
                </span>
                <span className="shrink-0 font-semibold text-accent">{shortLmr(listing.price)}</span>
            </span>
            <span className="mt-1 line-clamp-2 flex-1 text-muted">
                {data?.description ||
                    (card.error === null ? (data === undefined ? 'Reading the data card…' : '') : explain(card.error))}
            </span>
            <span className="mt-3 flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-muted">
                {!listing.active && <Badge tone="glow">withdrawn</Badge>}
                <span>{counted(listing.rows, 'row')}</span>
                <span>{bytes(listing.sizeBytes)}</span>
                <span>{ratingText(listing)}</span>
                <span>{count(listing.sales)} sold</span>
                <span>{fromNow(listing.createdAt)}</span>
            </span>
        </a>
    );
}

/** Ratings in words. */
export const ratingText = ({ meanRating, ratings }: Pick<ListingView, 'meanRating' | 'ratings'>): string =>
    meanRating === undefined ? 'not rated' : `${(meanRating / 100).toFixed(1)} of 5 by ${count(ratings)}`;
