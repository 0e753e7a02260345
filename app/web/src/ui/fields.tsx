/** Form fields with their label, their meaning and what is wrong with them. */
import { type InputHTMLAttributes, type ReactNode, useId } from 'react';

const INPUT =
    'w-full rounded-md border border-edge bg-panel px-2.5 text-sm text-ink placeholder:text-muted aria-invalid:border-bad';

type Wrapped = { readonly label: ReactNode; readonly hint?: ReactNode; readonly error?: string | undefined };

function Wrap({ id, label, hint, error, children }: Wrapped & { id: string; children: ReactNode }) {
    return (
        <div className="min-w-0">
            <label htmlFor={id} className="mb-1 block text-xs font-medium">
                {label}
            </label>
            {children}
            {hint !== undefined && (
                <p id={`${id}-hint`} className="mt-1 text-xs text-muted">
                    {hint}
                </p>
            )}
            {error !== undefined && (
                <p id={`${id}-error`} className="mt-1 text-xs text-bad">
                    {error}
                </p>
            )}
        </div>
    );
}

const described = (id: string, { hint, error }: Wrapped) =>
    [hint !== undefined && `${id}-hint`, error !== undefined && `${id}-error`].filter(Boolean).join(' ') || undefined;

/** One line of text. */
export function TextField({
    label,
    hint,
    error,
    onText,
    className = '',
    ...rest
}: Wrapped & { onText: (text: string) => void } & Omit<InputHTMLAttributes<HTMLInputElement>, 'onChange'>) {
    const id = useId();
    return (
        <Wrap id={id} label={label} hint={hint} error={error}>
            <input
                id={id}
                className={`${INPUT} h-9 ${className}`}
                aria-invalid={error !== undefined}
                aria-describedby={described(id, { label, hint, error })}
                onChange={event => onText(event.target.value)}
                autoComplete="off"
                {...rest}
            />
        </Wrap>
    );
}

/** Several lines of text. */
export function TextArea({
    label,
    hint,
    error,
    value,
    rows,
    onText,
}: Wrapped & { value: string; rows: number; onText: (text: string) => void }) {
    const id = useId();
    return (
        <Wrap id={id} label={label} hint={hint} error={error}>
            <textarea
                id={id}
                className={`${INPUT} py-2 font-mono text-xs leading-5`}
                rows={rows}
                value={value}
                spellCheck={false}
                aria-invalid={error !== undefined}
                aria-describedby={described(id, { label, hint, error })}
                onChange={event => onText(event.target.value)}
            />
        </Wrap>
    );
}

/** One of a few. */
export function Choice<T extends string>({
    label,
    hint,
    value,
    options,
    onChoice,
}: Wrapped & { value: T; options: readonly (readonly [T, string])[]; onChoice: (value: T) => void }) {
    const id = useId();
    return (
        <Wrap id={id} label={label} hint={hint}>
            <select
                id={id}
                className={`${INPUT} h-9`}
                value={value}
                aria-describedby={described(id, { label, hint })}
                onChange={event => onChoice(event.target.value as T)}
            >
                {options.map(([option, text]) => (
                    <option key={option} value={option}>
                        {text}
                    </option>
                ))}
            </select>
        </Wrap>
    );
}

/** A quantity by sliding, with what it means. `spoken` is what a screen reader says of the value. */
export function Slider({
    label,
    hint,
    value,
    shown,
    min,
    max,
    step = 1,
    disabled,
    onValue,
}: Wrapped & {
    value: number;
    shown: string;
    min: number;
    max: number;
    step?: number;
    disabled?: boolean;
    onValue: (value: number) => void;
}) {
    const id = useId();
    return (
        <div>
            <div className="flex items-baseline justify-between gap-4">
                <label htmlFor={id} className="text-xs font-medium">
                    {label}
                </label>
                <output htmlFor={id} className="font-semibold">
                    {shown}
                </output>
            </div>
            <input
                id={id}
                type="range"
                className="slider"
                min={min}
                max={max}
                step={step}
                value={value}
                disabled={disabled}
                aria-valuetext={shown}
                aria-describedby={hint === undefined ? undefined : `${id}-hint`}
                style={{ '--filled': `${((value - min) / (max - min)) * 100}%` } as React.CSSProperties}
                onChange={event => onValue(Number(event.target.value))}
            />
            {hint !== undefined && (
                <p id={`${id}-hint`} className="text-xs text-muted">
                    {hint}
                </p>
            )}
        </div>
    );
}
