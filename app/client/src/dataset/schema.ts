/** The columns of a dataset, inferred from the rows as `crates/data` does. */
import { compare, utf8 } from '../bytes';
import type { Card, Kind } from './card';
import { DatasetError } from './error';
import type { Json, JsonObject } from './json';

/** Most columns that rows may have. */
const MAX_COLUMNS = 4_096;
/** Doubles represent every integer up to here. */
const EXACT = 1n << 53n;
const MAX_I64 = (1n << 63n) - 1n;

/** What a value can be taken for. A long integer is one of 64 bits that a double does not represent. */
type Sort = 'boolean' | 'integer' | 'long integer' | 'number' | 'text' | 'text list' | 'other';

/** Learns the columns from rows, one after the other. */
export class Inference {
    readonly #columns = new Map<string, { readonly seen: Set<Sort>; present: number }>();

    /** `columns` are there even if no row has them. */
    constructor(columns: readonly string[]) {
        for (const name of columns) this.#column(name);
    }

    /** Takes note of a row, as read from its canonical bytes. */
    row(row: JsonObject): void {
        for (const [name, value] of Object.entries(row)) {
            const column = this.#column(name);
            if (value === null) continue;
            column.seen.add(sortOf(value));
            column.present += 1;
        }
    }

    /** The columns by name. */
    finish(): Card['schema'] {
        const byName = [...this.#columns].map(([name, column]) => ({ name, key: utf8(name), column }));
        byName.sort((a, b) => compare(a.key, b.key));
        return byName.map(({ name, column }) => ({ name, kind: kindOf(column.seen), present: column.present }));
    }

    #column(name: string) {
        const known = this.#columns.get(name);
        if (known !== undefined) return known;
        if (this.#columns.size === MAX_COLUMNS) {
            throw new DatasetError('Unsealable', { why: 'the rows have more than 4,096 different members' });
        }
        const column = { seen: new Set<Sort>(), present: 0 };
        this.#columns.set(name, column);
        return column;
    }
}

function sortOf(value: Exclude<Json, null>): Sort {
    switch (typeof value) {
        case 'boolean':
            return 'boolean';
        case 'string':
            return 'text';
        case 'bigint':
            return integerSort(value);
        case 'number':
            return Number.isSafeInteger(value) ? 'integer' : 'number';
        default:
            return Array.isArray(value) && value.every(item => typeof item === 'string') ? 'text list' : 'other';
    }
}

function integerSort(value: bigint): Sort {
    if (value > MAX_I64) return 'other';
    return value <= EXACT && value >= -EXACT ? 'integer' : 'long integer';
}

function kindOf(seen: ReadonlySet<Sort>): Kind {
    const only = (...sorts: Sort[]) => [...seen].every(sort => sorts.includes(sort));
    // A column without any value is text: every format can write it.
    if (only('text')) return 'text';
    if (only('boolean')) return 'boolean';
    if (only('integer', 'long integer')) return 'integer';
    if (only('integer', 'number')) return 'number';
    if (only('text list')) return 'text_list';
    return 'json';
}
