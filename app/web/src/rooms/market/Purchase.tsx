/** Buying a copy, waiting for its key, opening it. */
import {
    buy,
    deliveredKey,
    delivery,
    findPurchaseAddress,
    listedOf,
    type ListingAccount,
    listingState,
    type PurchaseAccount,
    purchaseState,
    rate,
    RATING_SECONDS,
    refund,
    type dataset,
} from '@lumora/client';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';

import { keepSecret, secretOf } from '../../data/secrets';
import { useNow, useSession } from '../../session';
import { bytes, dateTime, fromNow, lmr, shortLmr, span } from '../../text/units';
import { explain } from '../../transactions/explain';
import { useSend } from '../../transactions/useSend';
import { Alert, Button, Loading, Notice, Panel } from '../../ui/basics';
import { save } from '../../ui/save';
import { usePurchases } from './purchases';
import { type Opening, useOpening } from './useOpening';

/** See the module. */
export function Purchase({
    listing,
    described,
}: {
    listing: ListingAccount;
    described: dataset.Described | undefined;
}) {
    const { wallet } = useSession();
    const purchases = usePurchases(listing.address, wallet);
    const latest = purchases.data?.[0];
    return (
        <Panel title={latest === undefined ? 'Buy a copy' : 'Your copy'} aside={shortLmr(listing.data.price)}>
            {wallet === undefined ? (
                <p className="text-muted">Connect a wallet to buy this dataset, or to open a copy that you bought.</p>
            ) : purchases.data === undefined ? (
                purchases.error === null ? (
                    <Loading />
                ) : (
                    <Notice tone="bad">{explain(purchases.error)}</Notice>
                )
            ) : latest === undefined ? (
                <Offer listing={listing} described={described} />
            ) : (
                <Copy key={latest.address} listing={listing} purchase={latest} />
            )}
        </Panel>
    );
}

function Offer({ listing, described }: { listing: ListingAccount; described: dataset.Described | undefined }) {
    const { wallet } = useSession();
    const { busy, send } = useSend();
    const [error, setError] = useState<string>();
    const { price, deliverySeconds } = listing.data;
    const pay = async () => {
        setError(undefined);
        // Drawn for this purchase alone, and on the disk before any money moves.
        const pair = delivery.keypair();
        try {
            await keepSecret(await findPurchaseAddress(listing.address, wallet!), pair.secret);
        } catch {
            setError(
                'This browser cannot store the secret that opens your copy, so nothing was paid. Leave private browsing, or allow this page to store data.',
            );
            return;
        }
        await send({
            title: `Buy for ${lmr(price)}`,
            lmr: price,
            instructions: buyer => buy(buyer, listing, pair.publicKey),
        });
    };
    return (
        <>
            <p className="text-muted">
                {lmr(price)} go into escrow. The seller has {span(deliverySeconds)} to hand over the key, and is paid in
                the same step. If it does not, anybody can send you the money back.
            </p>
            {error !== undefined && <Alert>{error}</Alert>}
            <Button
                kind="primary"
                className="mt-3 w-full"
                busy={busy}
                disabled={described === undefined || listing.data.state !== listingState.active}
                onClick={() => void pay()}
            >
                Buy for {shortLmr(price)}
            </Button>
            {described === undefined && (
                <p className="mt-1.5 text-xs text-muted">
                    It can be bought once its card and package are here and fit the listing.
                </p>
            )}
        </>
    );
}

function Copy({ listing, purchase }: { listing: ListingAccount; purchase: PurchaseAccount }) {
    const now = useNow(1);
    const { busy, send } = useSend();
    const { state, deadline, deliveredAt, amount } = purchase.data;
    if (state === purchaseState.delivered) {
        return (
            <>
                <p className="mb-3 text-muted">Key delivered {dateTime(Number(deliveredAt))}.</p>
                <Open listing={listing} purchase={purchase} />
                <Rate purchase={purchase} now={now} />
            </>
        );
    }
    const left = Number(deadline) - now;
    return left > 0 ? (
        <div role="status">
            <p className="font-medium">Paid into escrow. Waiting for the seller’s key.</p>
            <p className="text-muted">
                It comes by itself, at the latest {fromNow(Number(deadline), now)}. You may close this page; the secret
                that opens the copy is kept in this browser.
            </p>
            <SecretFile purchase={purchase} />
        </div>
    ) : (
        <>
            <Notice tone="glow">
                The seller did not deliver in time. You can take back {lmr(amount)}
                {purchase.data.penalty > 0n ? ` and a penalty of ${lmr(purchase.data.penalty)}` : ''}.
            </Notice>
            <Button
                kind="primary"
                className="mt-3 w-full"
                busy={busy}
                onClick={() =>
                    void send({ title: 'Take the money back', instructions: payer => refund(purchase, payer) })
                }
            >
                Take the money back
            </Button>
        </>
    );
}

/** A second place for the secret, since nothing else opens the copy. */
function SecretFile({ purchase }: { purchase: PurchaseAccount }) {
    const secret = useSecret(purchase);
    if (!secret.data) return null;
    return (
        <Button
            kind="quiet"
            className="mt-2 -ml-3"
            onClick={() => save(`${purchase.address}.secret`, new Blob([new Uint8Array(secret.data!)]))}
        >
            Save the secret as a file
        </Button>
    );
}

const useSecret = (purchase: PurchaseAccount) =>
    useQuery({
        queryKey: ['secret', purchase.address],
        queryFn: async () => (await secretOf(purchase.address)) ?? null,
    });

function Open({ listing, purchase }: { listing: ListingAccount; purchase: PurchaseAccount }) {
    const secret = useSecret(purchase);
    const { opening, begin, stop } = useOpening();
    if (secret.data === undefined) return <Loading lines={1} />;
    if (secret.data === null) return <MissingSecret purchase={purchase} />;
    const start = () => {
        const key = deliveredKey(listing, purchase, secret.data!);
        if (key !== undefined) begin(listedOf(listing), key, `${purchase.address}.jsonl`);
    };
    return (
        <>
            {opening.state === 'idle' && (
                <Button kind="primary" className="w-full" onClick={start}>
                    Download and decrypt
                </Button>
            )}
            <Progress opening={opening} onStop={stop} onAgain={start} />
            {opening.state === 'done' && (
                <Button
                    kind="primary"
                    className="mt-3 w-full"
                    onClick={() => save(`${listing.address}.jsonl`, opening.content)}
                >
                    Save {bytes(opening.content.size)} as JSON Lines
                </Button>
            )}
            <SecretFile purchase={purchase} />
        </>
    );
}

function Progress({ opening, onStop, onAgain }: { opening: Opening; onStop: () => void; onAgain: () => void }) {
    switch (opening.state) {
        case 'idle':
            return null;
        case 'running': {
            const part = opening.of === 0 ? 0 : opening.bytes / opening.of;
            return (
                <div>
                    <label className="flex justify-between text-xs text-muted" htmlFor="opening">
                        <span>Downloading, decrypting, verifying</span>
                        <span>
                            {bytes(opening.bytes)} of {opening.of === 0 ? '…' : bytes(opening.of)}
                        </span>
                    </label>
                    <progress id="opening" className="mt-1 h-1.5 w-full accent-accent" value={part} max={1} />
                    <Button className="mt-2 w-full" onClick={onStop}>
                        Stop (what is here is kept)
                    </Button>
                </div>
            );
        }
        case 'failed':
            return (
                <>
                    <Alert>{opening.reason}</Alert>
                    <Button className="mt-2 w-full" onClick={onAgain}>
                        Try again from where it stopped
                    </Button>
                </>
            );
        case 'done':
            return (
                <div role="status">
                    <Said title="Verified" lines={opening.statements.verified} mark="✓" tone="text-good" />
                    <Said title="Not verified" lines={opening.statements.notVerified} mark="·" tone="text-muted" />
                </div>
            );
    }
}

const Said = ({
    title,
    lines,
    mark,
    tone,
}: {
    title: string;
    lines: readonly string[];
    mark: string;
    tone: string;
}) => (
    <>
        <h3 className="mt-2 text-xs font-semibold">{title}</h3>
        <ul className="mt-1 space-y-1 text-xs">
            {lines.map(line => (
                <li key={line} className="flex gap-2">
                    <span aria-hidden className={tone}>
                        {mark}
                    </span>
                    {line}
                </li>
            ))}
        </ul>
    </>
);

function MissingSecret({ purchase }: { purchase: PurchaseAccount }) {
    const queries = useQueryClient();
    const [error, setError] = useState<string>();
    const take = async (file: File | undefined) => {
        if (file === undefined) return;
        const secret = new Uint8Array(await file.arrayBuffer());
        const fits = secret.length === 32 && isSecretOf(secret, purchase);
        if (!fits) {
            setError('This file is not the secret of this purchase.');
            return;
        }
        await keepSecret(purchase.address, secret);
        await queries.invalidateQueries({ queryKey: ['secret', purchase.address] });
    };
    return (
        <>
            <Notice tone="glow">
                This browser does not have the secret of this purchase. Open the page where you bought it, or choose the
                file that you saved.
            </Notice>
            <label className="mt-3 block text-xs font-medium">
                Secret file
                <input
                    type="file"
                    className="mt-1 block w-full text-xs text-muted file:mr-3 file:h-9 file:rounded-md file:border file:border-solid file:border-line file:bg-panel file:px-3 file:text-sm file:font-medium file:text-ink"
                    onChange={event => void take(event.target.files?.[0])}
                />
            </label>
            {error !== undefined && (
                <p role="alert" className="mt-1 text-xs text-bad">
                    {error}
                </p>
            )}
        </>
    );
}

function isSecretOf(secret: Uint8Array, purchase: PurchaseAccount): boolean {
    try {
        return delivery.publicKey(secret).every((byte, at) => byte === purchase.data.buyerKey[at]);
    } catch {
        return false;
    }
}

function Rate({ purchase, now }: { purchase: PurchaseAccount; now: number }) {
    const { busy, send } = useSend();
    const [rating, setRating] = useState(0);
    const given = purchase.data.rating;
    useEffect(() => setRating(given), [given]);
    if (given === 0 && now > Number(purchase.data.deliveredAt) + RATING_SECONDS) return null;
    return (
        <fieldset className="mt-4 border-t border-line pt-3" disabled={given !== 0}>
            <legend className="sr-only">Rate this dataset</legend>
            <div className="flex items-center justify-between gap-3">
                <div className="flex">
                    {[1, 2, 3, 4, 5].map(value => (
                        <label
                            key={value}
                            className="cursor-pointer has-disabled:cursor-default has-focus-visible:outline-2 has-focus-visible:outline-accent"
                        >
                            <input
                                type="radio"
                                name="rating"
                                className="sr-only"
                                value={value}
                                checked={rating === value}
                                onChange={() => setRating(value)}
                                aria-label={`${value} of 5`}
                            />
                            <span
                                aria-hidden
                                className={`text-xl leading-none ${value <= rating ? 'text-glow' : 'text-edge'}`}
                            >
                                {value <= rating ? '★' : '☆'}
                            </span>
                        </label>
                    ))}
                </div>
                {given !== 0 ? (
                    <span className="text-xs text-muted">You rated it.</span>
                ) : (
                    <Button
                        busy={busy}
                        disabled={rating === 0}
                        onClick={() =>
                            void send({
                                title: `Rate ${rating} of 5`,
                                instructions: buyer => rate(buyer, purchase, rating),
                            })
                        }
                    >
                        Rate
                    </Button>
                )}
            </div>
        </fieldset>
    );
}
