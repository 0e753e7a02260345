/** A dataset in full: what it holds, where it comes from, what it costs, and the copy that was bought. */
import { asListing, fetchAs, type ListingAccount, listingState, penaltyOf } from '@lumora/client';
import { address as asAddress, isAddress } from '@solana/kit';
import { useQuery } from '@tanstack/react-query';

import { linkTo } from '../../route';
import { useSession } from '../../session';
import { bytes, count, dateTime, lmr, share, shortened, span } from '../../text/units';
import { explain } from '../../transactions/explain';
import { Alert, Badge, Copyable, Empty, Facts, Loading, Notice, Panel } from '../../ui/basics';
import { Columns, Preview } from './Contents';
import { ratingText } from './index';
import { Provenance } from './Provenance';
import { Purchase } from './Purchase';
import { useDescribed, useSample } from './store';

/** The address of zeros: no job. */
const NONE = '11111111111111111111111111111111';

/** See the module. */
export function ListingPage({ address }: { address: string }) {
    const { rpc } = useSession();
    const listing = useQuery({
        queryKey: ['live', 'listing', address],
        enabled: isAddress(address),
        queryFn: async () => {
            return (await fetchAs(rpc, asAddress(address), asListing)) ?? null;
        },
    });
    if (!isAddress(address)) return <Gone>This is no address of a listing.</Gone>;
    if (listing.data === undefined) {
        return listing.error === null ? <Loading lines={6} /> : <Alert>{explain(listing.error)}</Alert>;
    }
    if (listing.data === null) return <Gone>It was closed by its seller, or is on another network.</Gone>;
    return <Found listing={listing.data} />;
}

const Gone = ({ children }: { children: string }) => (
    <Panel>
        <Empty title="There is no such dataset">
            {children} <Back />
        </Empty>
    </Panel>
);

const Back = () => (
    <a href={linkTo('market')} className="inline-block text-accent underline underline-offset-2">
        All datasets
    </a>
);

function Found({ listing }: { listing: ListingAccount }) {
    const { data } = listing;
    const described = useDescribed(listing);
    const sample = useSample(listing);
    const card = described.data?.card;
    return (
        <div className="space-y-4">
            <Back />
            <div>
                <h2 className="text-xl font-semibold tracking-tight">
                    {card?.name ?? `Dataset ${shortened(listing.address)}`}
                </h2>
                {card !== undefined && <p className="max-w-prose text-muted">{card.description}</p>}
            </div>
            {described.error !== null && <Alert>{explain(described.error)} Do not buy before this is solved.</Alert>}
            <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
                <div className="order-2 grid gap-4 lg:order-1">
                    {card !== undefined && <Columns card={card} />}
                    {sample.error !== null && (
                        <Notice tone="glow" role="alert">
                            The free sample cannot be shown. {explain(sample.error)}
                        </Notice>
                    )}
                    <Preview card={card} sample={sample.data} />
                    {described.data !== undefined && <Provenance described={described.data} />}
                </div>
                {/* On a phone what it holds stands between the price and the small print. */}
                <div className="contents lg:sticky lg:top-19 lg:order-2 lg:grid lg:gap-4">
                    <div className="order-1 min-w-0">
                        <Purchase listing={listing} described={described.data} />
                    </div>
                    <Panel title="About" className="order-3">
                        <Facts
                            of={[
                                ['Rows', count(data.rows)],
                                ['Encrypted size', bytes(data.sizeBytes)],
                                ['Licence', card?.licence ?? '…'],
                                ['Collected', card === undefined ? '…' : dateTime(card.collected_until)],
                                ['Contact', card?.contact ?? '…'],
                                ['Rated', ratingText(rated(listing))],
                                [
                                    'Sold',
                                    count(data.sales) + (data.refunds > 0n ? `, ${count(data.refunds)} refunded` : ''),
                                ],
                                ['Delivered within', span(data.deliverySeconds)],
                                [
                                    'If it is late',
                                    penaltyOf(data) > 0n ? `money back and ${lmr(penaltyOf(data))}` : 'money back',
                                ],
                                ['Fee in the price', share(data.feeBps)],
                                ['Seller', <Copyable key="seller" text={data.seller} label="seller" />],
                                [
                                    'Job',
                                    data.job === NONE ? (
                                        'none named'
                                    ) : (
                                        <Copyable key="job" text={data.job} label="job" />
                                    ),
                                ],
                            ]}
                        />
                        {data.state !== listingState.active && <Badge tone="glow">withdrawn: it is sold no more</Badge>}
                    </Panel>
                </div>
            </div>
        </div>
    );
}

const rated = ({ data }: ListingAccount) => ({
    ratings: data.ratings,
    meanRating: data.ratings === 0n ? undefined : Number((data.ratingSum * 100n) / data.ratings),
});
