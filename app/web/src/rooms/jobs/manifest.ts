/**
 * The manifest of a job: what to fetch and what to keep of it, with the rules and the canonical form of
 * `crates/data/src/manifest.rs`. What is missing there and in `crates/data/src/extract.rs` is missing here.
 */

/** What the pages are. */
export type Format = 'html' | 'json' | 'text';

/** Where a member of the record is found. */
export type Field = {
    readonly css?: string;
    readonly json_pointer?: string;
    readonly text?: boolean;
    readonly attribute?: string;
    readonly multiple?: boolean;
    readonly required?: boolean;
};

/** A manifest as it is stored, defaults filled in. */
export type Manifest = {
    readonly version: 1;
    readonly name: string;
    readonly description: string;
    readonly licence: string;
    readonly contact: string;
    readonly sites: readonly string[];
    readonly pages: { readonly urls: readonly string[] };
    readonly scope: { readonly allow: readonly string[]; readonly deny: readonly string[] };
    readonly format: Format;
    readonly fields: Readonly<Record<string, Field>>;
    readonly max_bytes: number;
    readonly requests_per_second: number;
    readonly timeout_seconds: number;
    /** For which nodes seal the results. */
    readonly results_key: string;
};

/** One column as a person writes it. */
export type DraftField = {
    readonly name: string;
    readonly source: 'css' | 'json_pointer' | 'text';
    readonly path: string;
    readonly attribute: string;
    readonly multiple: boolean;
    readonly required: boolean;
};

/** A manifest as a person writes it: texts that may not be right yet. */
export type Draft = {
    readonly name: string;
    readonly description: string;
    readonly licence: string;
    readonly contact: string;
    readonly urls: string;
    readonly deny: string;
    readonly format: Format;
    readonly fields: readonly DraftField[];
    readonly maxBytes: string;
    readonly requestsPerSecond: string;
    readonly timeoutSeconds: string;
};

/** What is wrong, and with which part of the draft. */
export type Problem = { readonly part: keyof Draft; readonly sentence: string };

/** A draft that was read. */
export type Written = { readonly manifest: Manifest; readonly problems: readonly Problem[] };

/** Most pages that a manifest lists here; the command line takes lists of a million. */
export const MAX_PAGES = 10_000;
const MAX_PAGE_BYTES = 64 * 2 ** 20;
const MAX_FIELDS = 100;
const URL_FIELD = 'url';

/** An empty draft with the usual limits. */
export const NEW_DRAFT: Draft = {
    name: '',
    description: '',
    licence: '',
    contact: '',
    urls: '',
    deny: '',
    format: 'html',
    fields: [{ name: 'title', source: 'css', path: 'title', attribute: '', multiple: false, required: true }],
    maxBytes: '4194304',
    requestsPerSecond: '1',
    timeoutSeconds: '30',
};

/** Reads a draft. `isSelector` says whether a text is a CSS selector: the browser knows. */
export function write(draft: Draft, resultsKey: string, isSelector: (text: string) => boolean): Written {
    const problems: Problem[] = [];
    const problem = (part: keyof Draft, sentence: string) => void problems.push({ part, sentence });

    for (const part of ['name', 'licence', 'contact'] as const) {
        if (draft[part].trim() === '') problem(part, 'Fill this in.');
    }
    if (draft.contact.trim() !== '' && !isContact(draft.contact.trim())) {
        problem(
            'contact',
            "Write mailto:you@example.org or the address of a web page, so that a site's owner can object.",
        );
    }
    const urls = readUrls(draft.urls, sentence => problem('urls', sentence));
    if (urls.length === 0) problem('urls', 'List at least one page.');
    if (urls.length > MAX_PAGES)
        problem('urls', `List at most ${MAX_PAGES} pages here, or use the command line for more.`);
    const deny = readUrls(draft.deny, sentence => problem('deny', sentence));
    for (const url of urls) {
        if (deny.some(prefix => hasPrefix(url, prefix)))
            problem('urls', `${url.href} is under what you leave out. Remove it from one of the two.`);
    }
    const fields = readFields(draft, isSelector, sentence => problem('fields', sentence));
    const number = (
        part: 'maxBytes' | 'requestsPerSecond' | 'timeoutSeconds',
        least: number,
        most: number,
        whole: boolean,
    ): number => {
        const value = Number(draft[part]);
        const right =
            draft[part].trim() !== '' && value >= least && value <= most && (!whole || Number.isInteger(value));
        if (!right) problem(part, `Between ${least} and ${most.toLocaleString('en')}${whole ? ', whole' : ''}.`);
        return right ? value : least;
    };
    const manifest: Manifest = {
        version: 1,
        name: draft.name.trim(),
        description: draft.description.trim(),
        licence: draft.licence.trim(),
        contact: draft.contact.trim(),
        sites: [...new Set(urls.map(({ origin }) => `${origin}/`))].sort(),
        pages: { urls: urls.map(({ href }) => href) },
        scope: { allow: [], deny: deny.map(({ href }) => href) },
        format: draft.format,
        fields,
        max_bytes: number('maxBytes', 1, MAX_PAGE_BYTES, true),
        requests_per_second: number('requestsPerSecond', 0.001, 1_000, false),
        timeout_seconds: number('timeoutSeconds', 1, 600, true),
        results_key: resultsKey,
    };
    return { manifest, problems };
}

function readUrls(text: string, problem: (sentence: string) => void): URL[] {
    const urls = new Map<string, URL>();
    for (const line of text.split(/\s+/).filter(Boolean)) {
        const url = URL.parse(line);
        if (url === null) problem(`“${line}” is not a URL. Begin with https://.`);
        else if (url.protocol !== 'http:' && url.protocol !== 'https:')
            problem(`${line}: only http and https are fetched.`);
        else if (url.username !== '' || url.password !== '')
            problem(`${line} carries a login, and only public pages are fetched.`);
        else {
            // The fragment never reaches the server: two URLs that differ in it are one page.
            url.hash = '';
            urls.set(url.href, url);
        }
    }
    return [...urls.values()].sort((a, b) => (a.href < b.href ? -1 : 1));
}

function readFields(
    { fields, format }: Draft,
    isSelector: (text: string) => boolean,
    problem: (sentence: string) => void,
) {
    const read: Record<string, Field> = {};
    if (fields.length === 0) problem('Name at least one column.');
    if (fields.length > MAX_FIELDS) problem(`At most ${MAX_FIELDS} columns.`);
    for (const { name, source, path, attribute, multiple, required } of fields) {
        const shown = name === '' ? 'a column without a name' : `“${name}”`;
        if (name === '') problem('Every column needs a name.');
        if (name === URL_FIELD) problem('Choose another name than “url”: it is filled in for every record.');
        if (name in read) problem(`Two columns are named ${shown}.`);
        if (source === 'css' && format !== 'html') problem(`${shown}: CSS selectors are for web pages only.`);
        if (source === 'json_pointer' && format !== 'json')
            problem(`${shown}: JSON pointers are for JSON documents only.`);
        if (source === 'text' && format === 'json')
            problem(`${shown}: of JSON documents, name parts by JSON pointers.`);
        if (source === 'css' && (path.trim() === '' || !isSelector(path)))
            problem(`${shown}: “${path}” is not a CSS selector.`);
        if (source === 'json_pointer' && path !== '' && !path.startsWith('/'))
            problem(`${shown}: a JSON pointer is empty or begins with /, as /items/0/name.`);
        read[name] = {
            ...(source === 'css'
                ? { css: path, ...(attribute === '' ? {} : { attribute }), ...(multiple ? { multiple } : {}) }
                : {}),
            ...(source === 'json_pointer' ? { json_pointer: path } : {}),
            ...(source === 'text' ? { text: true } : {}),
            ...(required ? { required } : {}),
        };
    }
    return read;
}

/** Whether somebody can be reached under this contact. */
function isContact(contact: string): boolean {
    if (!/^[\x21-\x7e]{1,200}$/.test(contact)) return false;
    return /^mailto:[^@]+@.+$/.test(contact) || /^https?:$/.test(URL.parse(contact)?.protocol ?? '');
}

/** Not on the text: `https://a.example` would cover `https://a.example.evil.org`. */
const hasPrefix = (url: URL, prefix: URL): boolean =>
    url.origin === prefix.origin && `${url.pathname}${url.search}`.startsWith(prefix.pathname);
