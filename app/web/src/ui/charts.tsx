/** Small charts in SVG. Each has a sentence for whoever does not see it. */
import { type ReactNode, useId, useState } from 'react';

/** A point in time and a value. */
export type Sample = { readonly time: number; readonly value: number };

const COLOURS = ['var(--color-series-1)', 'var(--color-series-2)', 'var(--color-series-3)', 'var(--color-series-4)'];

/** A line without axes, beside a figure. */
export function Sparkline({ samples, label }: { samples: readonly Sample[]; label: string }) {
    if (samples.length < 2) return <div aria-hidden className="h-8" />;
    const [from, to] = [samples[0]!.time, samples.at(-1)!.time];
    const values = samples.map(({ value }) => value);
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const point = ({ time, value }: Sample) =>
        `${((time - from) / Math.max(to - from, 1)) * 100},${most === least ? 16 : 30 - ((value - least) / (most - least)) * 28}`;
    return (
        <svg role="img" aria-label={label} viewBox="0 0 100 32" preserveAspectRatio="none" className="h-8 w-full">
            <polyline
                points={samples.map(point).join(' ')}
                fill="none"
                stroke={COLOURS[0]}
                strokeWidth="1.5"
                vectorEffect="non-scaling-stroke"
            />
        </svg>
    );
}

/** A value that holds until the next one, above zero, with a dashed line at `level`. */
export function Steps({ samples, level, label }: { samples: readonly Sample[]; level: number; label: string }) {
    const [from, to] = [samples[0]?.time ?? 0, samples.at(-1)?.time ?? 1];
    const most = Math.max(level, ...samples.map(({ value }) => value), 1e-9) * 1.1;
    const x = (time: number) => ((time - from) / Math.max(to - from, 1)) * 100;
    const y = (value: number) => 32 - (value / most) * 32;
    const points = samples.flatMap(({ time, value }, at) => [
        `${x(time)},${y(value)}`,
        `${x(samples[at + 1]?.time ?? time)},${y(value)}`,
    ]);
    const stroke = { fill: 'none', strokeWidth: 1.5, vectorEffect: 'non-scaling-stroke' } as const;
    return (
        <svg role="img" aria-label={label} viewBox="0 0 100 32" preserveAspectRatio="none" className="mt-1 h-12 w-full">
            <line
                x1="0"
                x2="100"
                y1={y(level)}
                y2={y(level)}
                stroke="var(--color-edge)"
                strokeDasharray="3 3"
                {...stroke}
            />
            <polyline points={points.join(' ')} stroke={COLOURS[0]} {...stroke} />
        </svg>
    );
}

/** One bar of a {@link Bars}. */
export type Bar = { readonly key: string; readonly value: number; readonly shown: string; readonly title: string };

/** Bars side by side, the oldest first; pointing at one or moving to it by arrow keys tells its figures. */
export function Bars({ bars, label, empty }: { bars: readonly Bar[]; label: string; empty: ReactNode }) {
    const [chosen, setChosen] = useState<number>();
    const id = useId();
    if (bars.length === 0) return <p className="py-6 text-center text-muted">{empty}</p>;
    const most = Math.max(...bars.map(({ value }) => value), 1e-9);
    const shown = bars[chosen ?? bars.length - 1] ?? bars.at(-1)!;
    const move = (by: number) => setChosen(Math.min(Math.max((chosen ?? bars.length - 1) + by, 0), bars.length - 1));
    return (
        <figure>
            <figcaption
                id={id}
                className="mb-2 flex items-baseline justify-between gap-4 text-xs text-muted"
                aria-live="polite"
            >
                <span>{shown.title}</span>
                <span className="font-semibold text-ink">{shown.shown}</span>
            </figcaption>
            <div
                role="group"
                tabIndex={0}
                aria-label={`${label}. Arrow keys go through the bars.`}
                aria-describedby={id}
                className="flex h-24 items-end gap-px"
                onPointerLeave={() => setChosen(undefined)}
                onKeyDown={event => {
                    if (event.key === 'ArrowLeft') move(-1);
                    else if (event.key === 'ArrowRight') move(1);
                    else return;
                    event.preventDefault();
                }}
            >
                {bars.map(({ key, value }, at) => (
                    <div
                        key={key}
                        className="flex h-full min-w-0 max-w-8 flex-1 items-end"
                        onPointerEnter={() => setChosen(at)}
                    >
                        <div
                            className={`w-full rounded-t-[2px] ${shown === bars[at] ? 'bg-accent' : 'bg-accent/45'}`}
                            style={{ height: `${value === 0 ? 1 : Math.max((value / most) * 100, 3)}%` }}
                        />
                    </div>
                ))}
            </div>
        </figure>
    );
}

/** Steps of several shares that sum to one, as areas over each other. */
export function Shares({
    names,
    steps,
    label,
}: {
    names: readonly string[];
    steps: readonly { readonly time: number; readonly shares: readonly number[] }[];
    label: string;
}) {
    const [from, to] = [steps[0]?.time ?? 0, steps.at(-1)?.time ?? 1];
    const x = (time: number) => ((time - from) / Math.max(to - from, 1)) * 100;
    const tops = (series: number) =>
        steps.map(({ shares }) => shares.slice(0, series + 1).reduce((sum, share) => sum + share, 0));
    const line = (values: readonly number[]) =>
        steps.flatMap(({ time }, at) => {
            const next = steps[at + 1]?.time ?? time;
            return [`${x(time)},${100 - values[at]! * 100}`, `${x(next)},${100 - values[at]! * 100}`];
        });
    return (
        <figure>
            <svg
                role="img"
                aria-label={label}
                viewBox="0 0 100 100"
                preserveAspectRatio="none"
                className="h-24 w-full rounded-sm"
            >
                {names.map((_, series) => {
                    const below = series === 0 ? steps.map(() => 0) : tops(series - 1);
                    const points = [...line(tops(series)), ...line(below).reverse()];
                    return <polygon key={series} points={points.join(' ')} fill={COLOURS[series]} opacity="0.75" />;
                })}
            </svg>
            <figcaption className="mt-2 flex flex-wrap gap-x-4 gap-y-1 text-xs text-muted">
                {names.map((name, series) => (
                    <span key={name} className="inline-flex items-center gap-1.5">
                        <span aria-hidden className="size-2 rounded-[2px]" style={{ background: COLOURS[series] }} />
                        {name} {((steps.at(-1)?.shares[series] ?? 0) * 100).toFixed(0)} %
                    </span>
                ))}
            </figcaption>
        </figure>
    );
}
