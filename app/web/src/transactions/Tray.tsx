/** The transactions of this visit, step by step, in a corner of the page. */
import { useEffect } from 'react';

import type { Config } from '../config';
import { useSession } from '../session';
import { shortened } from '../text/units';
import { Spinner } from '../ui/basics';
import { dismiss, type Entry, type Phase, useTransactions } from './list';

const STEPS = ['Simulated', 'Signed', 'Sent', 'Confirmed'] as const;
const DONE: Readonly<Record<Exclude<Phase['name'], 'failed'>, number>> = {
    simulating: 0,
    signing: 1,
    sending: 2,
    pending: 3,
    confirmed: 4,
};
const SAYING = {
    simulating: 'Trying it out before anything is signed',
    signing: 'Waiting for your signature',
    sending: 'Sending',
    pending: 'Sent; waiting for the network',
    confirmed: 'Done',
    failed: 'Not done',
} as const;

/** Where a signature can be looked at. */
export function explorerLink(signature: string, { network, rpcUrl }: Config): string {
    const cluster = {
        mainnet: '',
        devnet: '?cluster=devnet',
        testnet: '?cluster=testnet',
        localnet: `?cluster=custom&customUrl=${encodeURIComponent(rpcUrl)}`,
    };
    return `https://explorer.solana.com/tx/${signature}${cluster[network]}`;
}

/** See the module. */
export function Tray() {
    const entries = useTransactions();
    return (
        <div
            role="log"
            aria-label="Transactions"
            aria-live="polite"
            className="fixed inset-x-3 bottom-17 z-40 flex flex-col items-end gap-2 md:inset-x-auto md:right-5 md:bottom-5"
        >
            {entries.slice(0, 3).map(entry => (
                <Card key={entry.id} entry={entry} />
            ))}
        </div>
    );
}

/** How long a card of something done stays. What failed stays until it is read. */
const STAYS_MS = 12_000;

function Card({ entry: { id, title, phase } }: { entry: Entry }) {
    const { config } = useSession();
    const failed = phase.name === 'failed';
    const over = failed || phase.name === 'confirmed';
    const done = phase.name === 'confirmed';
    useEffect(() => {
        if (!done) return;
        const timer = setTimeout(() => dismiss(id), STAYS_MS);
        return () => clearTimeout(timer);
    }, [done, id]);
    const signature = 'signature' in phase ? phase.signature : undefined;
    return (
        <article
            data-phase={phase.name}
            className="w-full rounded-lg border border-line bg-panel p-3 shadow-float md:w-88"
        >
            <div className="flex items-start gap-2">
                <div className="min-w-0 flex-1">
                    <p className="truncate font-medium">{title}</p>
                    <p className={failed ? 'text-bad' : phase.name === 'confirmed' ? 'text-good' : 'text-muted'}>
                        {failed ? phase.reason : SAYING[phase.name]}
                    </p>
                </div>
                {over ? (
                    <button
                        type="button"
                        onClick={() => dismiss(id)}
                        aria-label={`Dismiss ${title}`}
                        className="grid size-6 shrink-0 place-items-center rounded-md text-muted hover:bg-raised"
                    >
                        <svg
                            aria-hidden
                            viewBox="0 0 16 16"
                            className="size-3.5 fill-none stroke-current"
                            strokeWidth="1.6"
                        >
                            <path d="M3.5 3.5l9 9m0-9l-9 9" />
                        </svg>
                    </button>
                ) : (
                    <span className="mt-1 text-muted">
                        <Spinner />
                    </span>
                )}
            </div>
            {phase.name !== 'failed' && (
                <ol className="mt-2 grid grid-cols-4 gap-1 text-2xs text-muted">
                    {STEPS.map((step, at) => (
                        <li key={step} className={at < DONE[phase.name] ? 'text-ink' : ''}>
                            <span
                                aria-hidden
                                className={`mb-1 block h-0.5 rounded-full ${at < DONE[phase.name] ? 'bg-accent' : 'bg-line'}`}
                            />
                            {step}
                        </li>
                    ))}
                </ol>
            )}
            {signature !== undefined && (
                <p className="mt-1.5 text-xs text-muted">
                    Signature{' '}
                    <a
                        className="font-mono text-accent underline underline-offset-2"
                        href={explorerLink(signature, config)}
                        target="_blank"
                        rel="noreferrer"
                        aria-label={`${shortened(signature)}, signature in the explorer`}
                    >
                        {shortened(signature)}
                    </a>
                </p>
            )}
        </article>
    );
}
