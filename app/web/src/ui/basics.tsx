/** The smallest parts that all rooms are made of. */
import { type ButtonHTMLAttributes, type ReactNode, useId, useState } from 'react';

import { shortened } from '../text/units';

const BUTTON = {
    primary: 'bg-accent text-on-accent hover:opacity-90',
    plain: 'border border-line bg-panel text-ink hover:bg-raised',
    quiet: 'text-muted hover:bg-raised hover:text-ink',
    danger: 'border border-line bg-panel text-bad hover:bg-bad-soft',
} as const;

/** A button. While `busy` it says so and cannot be pressed again. */
export function Button({
    kind = 'plain',
    busy = false,
    className = '',
    children,
    disabled,
    ...rest
}: ButtonHTMLAttributes<HTMLButtonElement> & { kind?: keyof typeof BUTTON; busy?: boolean }) {
    return (
        <button
            type="button"
            className={`inline-flex h-9 items-center justify-center gap-2 rounded-md px-3 text-sm font-medium whitespace-nowrap transition-colors disabled:cursor-not-allowed disabled:opacity-50 ${BUTTON[kind]} ${className}`}
            disabled={disabled || busy}
            aria-busy={busy}
            {...rest}
        >
            {busy && <Spinner />}
            {children}
        </button>
    );
}

/** Something goes on. */
export const Spinner = () => (
    <span aria-hidden className="size-3.5 animate-spin rounded-full border-2 border-current border-r-transparent" />
);

/** A part of a room with a heading. */
export function Panel({
    title,
    aside,
    children,
    className = '',
    flush = false,
    fill = false,
}: {
    title?: ReactNode;
    aside?: ReactNode;
    children: ReactNode;
    className?: string;
    flush?: boolean;
    /** On a wide screen, what is in it takes all the height that the grid gives the panel. */
    fill?: boolean;
}) {
    const id = useId();
    return (
        <section
            aria-labelledby={title === undefined ? undefined : id}
            className={`min-w-0 rounded-lg border border-line bg-panel ${fill ? 'flex flex-col' : ''} ${className}`}
        >
            {title !== undefined && (
                <header className="flex min-h-11 flex-wrap items-center justify-between gap-x-4 gap-y-1 border-b border-line px-4 py-2">
                    <h2 id={id} className="text-sm font-semibold">
                        {title}
                    </h2>
                    {aside !== undefined && <div className="text-xs text-muted">{aside}</div>}
                </header>
            )}
            <div className={`${flush ? '' : 'p-4'} ${fill ? 'relative grow' : ''}`}>{children}</div>
        </section>
    );
}

/** A figure with its name. */
export function Figure({
    label,
    value,
    note,
    chart,
}: {
    label: ReactNode;
    value: ReactNode;
    note?: ReactNode;
    chart?: ReactNode;
}) {
    return (
        <div className="relative min-w-0">
            <dt className="truncate text-xs text-muted">{label}</dt>
            <dd className="truncate text-lg font-semibold tracking-tight">{value}</dd>
            {note !== undefined && <dd className="text-2xs text-muted">{note}</dd>}
            {chart !== undefined && <dd className="mt-1 hidden lg:block">{chart}</dd>}
        </div>
    );
}

/** Figures side by side. */
export const Figures = ({ children, className = '' }: { children: ReactNode; className?: string }) => (
    <dl className={`grid grid-cols-2 gap-x-6 gap-y-4 sm:grid-cols-3 lg:grid-cols-4 ${className}`}>{children}</dl>
);

/** Names and values, one pair to a line. */
export function Facts({ of }: { of: readonly (readonly [ReactNode, ReactNode])[] }) {
    return (
        <dl className="divide-y divide-line">
            {of.map(([name, value], at) => (
                <div key={at} className="flex items-baseline justify-between gap-4 py-1.5">
                    <dt className="shrink-0 text-muted">{name}</dt>
                    <dd className="min-w-0 text-right break-words">{value}</dd>
                </div>
            ))}
        </dl>
    );
}

const TONES = {
    neutral: 'bg-raised text-muted',
    accent: 'bg-accent-soft text-accent',
    glow: 'bg-glow-soft text-glow',
    good: 'bg-accent-soft text-good',
    bad: 'bg-bad-soft text-bad',
} as const;

/** The tone of a state. */
export type Tone = keyof typeof TONES;

/** A state in one word. */
export const Badge = ({ tone = 'neutral', children }: { tone?: Tone; children: ReactNode }) => (
    <span
        className={`inline-flex items-center rounded-sm px-1.5 py-px text-2xs font-medium whitespace-nowrap ${TONES[tone]}`}
    >
        {children}
    </span>
);

/** A sentence that stands out. */
export function Notice({
    tone = 'neutral',
    children,
    role,
}: {
    tone?: Tone;
    children: ReactNode;
    role?: 'alert' | 'status';
}) {
    return (
        <div
            role={role}
            className={`rounded-md px-3 py-2 text-sm ${TONES[tone]} ${tone === 'neutral' ? 'text-ink' : ''}`}
        >
            {children}
        </div>
    );
}

/** What went wrong, read out at once. */
export const Alert = ({ children }: { children: ReactNode }) => (
    <Notice tone="bad" role="alert">
        {children}
    </Notice>
);

/** Nothing is here yet, and what to do about it. */
export const Empty = ({ title, children }: { title: string; children?: ReactNode }) => (
    <div className="px-6 py-10 text-center">
        <p className="font-medium">{title}</p>
        {children !== undefined && <div className="mx-auto mt-1 max-w-md text-muted">{children}</div>}
    </div>
);

/** Room for what is being read. */
export const Loading = ({ lines = 3 }: { lines?: number }) => (
    <div role="status" className="space-y-2 p-4">
        <span className="sr-only">Loading</span>
        {Array.from({ length: lines }, (_, at) => (
            <div
                key={at}
                aria-hidden
                className="h-4 animate-pulse rounded-sm bg-raised"
                style={{ width: `${90 - at * 14}%` }}
            />
        ))}
    </div>
);

/** An address in short, with the whole of it to copy. */
export function Copyable({ text, label }: { text: string; label: string }) {
    const [copied, setCopied] = useState(false);
    const copy = async () => {
        await navigator.clipboard?.writeText(text);
        setCopied(true);
        setTimeout(() => setCopied(false), 1_500);
    };
    return (
        <button
            type="button"
            onClick={() => void copy()}
            title={text}
            aria-label={`${copied ? 'copied' : shortened(text)}, copy ${label}`}
            className="rounded-sm font-mono text-xs text-muted hover:text-ink"
        >
            {copied ? 'copied' : shortened(text)}
        </button>
    );
}

/** A part of a whole, as a bar. */
export function Meter({ value, label, tone = 'accent' }: { value: number; label: string; tone?: 'accent' | 'glow' }) {
    const percent = Math.round(Math.min(Math.max(value, 0), 1) * 100);
    return (
        <div
            role="meter"
            aria-label={label}
            aria-valuenow={percent}
            aria-valuemin={0}
            aria-valuemax={100}
            className="h-1.5 overflow-hidden rounded-full bg-raised"
        >
            <div
                className={`h-full rounded-full ${tone === 'glow' ? 'bg-glow' : 'bg-accent'}`}
                style={{ width: `${percent}%` }}
            />
        </div>
    );
}
