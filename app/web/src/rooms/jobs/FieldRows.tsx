/** The columns of a manifest, one row each. */
import { Button } from '../../ui/basics';
import { Choice, TextField } from '../../ui/fields';
import type { DraftField, Format } from './manifest';

const SOURCES: Readonly<Record<Format, readonly (readonly [DraftField['source'], string])[]>> = {
    html: [
        ['css', 'CSS selector'],
        ['text', 'All visible text'],
    ],
    json: [['json_pointer', 'JSON pointer']],
    text: [['text', 'The whole text']],
};

/** See the module. */
export function FieldRows({
    fields,
    format,
    onFields,
}: {
    fields: readonly DraftField[];
    format: Format;
    onFields: (fields: readonly DraftField[]) => void;
}) {
    const change = (at: number, what: Partial<DraftField>) =>
        onFields(fields.map((field, index) => (index === at ? { ...field, ...what } : field)));
    const add = () =>
        onFields([
            ...fields,
            { name: '', source: SOURCES[format][0]![0], path: '', attribute: '', multiple: false, required: false },
        ]);
    return (
        <>
            <ul className="space-y-4">
                {fields.map((field, at) => (
                    <li key={at} className="grid grid-cols-2 gap-x-3 gap-y-2 sm:grid-cols-[9rem_9rem_1fr_7rem]">
                        <TextField label="Name" value={field.name} onText={name => change(at, { name })} />
                        <Choice
                            label="Found by"
                            value={field.source}
                            options={withCurrent(SOURCES[format], field.source)}
                            onChoice={source => change(at, { source })}
                        />
                        {field.source === 'text' ? (
                            <span className="max-sm:hidden" />
                        ) : (
                            <TextField
                                label={field.source === 'css' ? 'Selector' : 'Pointer'}
                                className="font-mono text-xs"
                                value={field.path}
                                onText={path => change(at, { path })}
                            />
                        )}
                        {field.source === 'css' ? (
                            <TextField
                                label="Attribute"
                                placeholder="its text"
                                value={field.attribute}
                                onText={attribute => change(at, { attribute })}
                            />
                        ) : (
                            <span className="max-sm:hidden" />
                        )}
                        <div className="col-span-2 flex flex-wrap items-center gap-x-5 gap-y-1 text-xs sm:col-span-4">
                            <Check
                                label="A page without it gives no record"
                                checked={field.required}
                                onCheck={required => change(at, { required })}
                            />
                            {field.source === 'css' && (
                                <Check
                                    label="All matches, as a list"
                                    checked={field.multiple}
                                    onCheck={multiple => change(at, { multiple })}
                                />
                            )}
                            <button
                                type="button"
                                className="ml-auto text-bad underline underline-offset-2"
                                onClick={() => onFields(fields.filter((_, index) => index !== at))}
                                aria-label={`Remove column ${field.name}`}
                            >
                                Remove
                            </button>
                        </div>
                    </li>
                ))}
            </ul>
            <Button className="mt-4" onClick={add}>
                Add a column
            </Button>
        </>
    );
}

/** After a change of format, what was chosen stays visible until something else is. */
const withCurrent = (options: readonly (readonly [DraftField['source'], string])[], current: DraftField['source']) =>
    options.some(([source]) => source === current) ? options : [...options, [current, 'Not for these pages'] as const];

const Check = ({
    label,
    checked,
    onCheck,
}: {
    label: string;
    checked: boolean;
    onCheck: (checked: boolean) => void;
}) => (
    <label className="inline-flex items-center gap-1.5">
        <input
            type="checkbox"
            className="accent-accent"
            checked={checked}
            onChange={event => onCheck(event.target.checked)}
        />
        {label}
    </label>
);
