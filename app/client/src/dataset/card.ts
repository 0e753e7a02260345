/**
 * The data card: what a buyer sees before paying. Stored as Croissant 1.0 (JSON-LD).
 *
 * Everything in the Croissant document follows from the card that it carries, the name and size of the package, and this
 * code (that of `crates/data`, member by member). A reader makes the document anew and compares, so that the two cannot
 * say different things.
 */
import * as v from 'valibot';

import { type Bytes, equal, fromHex, hex } from '../bytes';
import { type Cid, digestOfCid } from './cid';
import { DatasetError, malformed, parsing } from './error';
import { canonical, type Json, type JsonObject, parseExactly } from './json';
import { type Listed, type Package, same } from './package';
import { parseShape, safeCount } from './shape';
import type { Store } from './store';

/** Version of the format. */
export const CARD_VERSION = 2;
/** Largest card that is read. */
const MAX_CARD_BYTES = 16 << 20;

const CROISSANT = 'http://mlcommons.org/croissant/1.0';
const CARD_MEMBER = 'lumoraCard';
const PACKAGE_FILE = 'package.json';
const ROWS_FILE = 'rows.jsonl';
/** The member of every row that names its page. */
export const URL_FIELD = 'url';

const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
/** Unix time in the years 0 to 9999. */
const time = v.pipe(v.number(), v.safeInteger(), v.minValue(-62_167_219_200), v.maxValue(253_402_300_799));
const kind = v.picklist(['boolean', 'integer', 'number', 'text', 'text_list', 'json']);
/** Why a page gave no row; see `SkipReason` of `crates/data` for each. */
const skipReason = v.picklist([
    'robots_disallowed',
    'robots_unreachable',
    'crawl_delay_too_long',
    'out_of_scope',
    'redirected_out_of_scope',
    'too_many_redirects',
    'bad_redirect',
    'private_address',
    'not_found',
    'forbidden',
    'other_status',
    'server_error',
    'rate_limited',
    'timeout',
    'unreachable',
    'broken_body',
    'too_large',
    'wrong_type',
    'unreadable',
    'missing_field',
]);
const json = v.custom<Json>(value => value !== undefined);
const shape = v.strictObject({
    version: v.literal(CARD_VERSION),
    dataset_id: hash,
    name: v.string(),
    description: v.string(),
    licence: v.string(),
    contact: v.string(),
    manifest: hash,
    schema: v.array(v.strictObject({ name: v.string(), kind, present: safeCount })),
    rows: safeCount,
    bytes: safeCount,
    duplicates_removed: safeCount,
    preview: v.array(json),
    sources: v.array(v.strictObject({ site: v.string(), rows: safeCount })),
    robots: v.strictObject({ allowed: safeCount, no_rules: safeCount, forbidden: safeCount }),
    skipped: v.record(skipReason, safeCount),
    collected_from: time,
    collected_until: time,
});

/** Describes a dataset. Members are those of the stored card; see `Card` of `crates/data` for each. */
export type Card = v.InferOutput<typeof shape>;

/** What a column holds. Every member may also be null or absent. */
export type Kind = Card['schema'][number]['kind'];

/** Reads the listed card and holds it against the package. Needs no key. */
export async function readCard(listed: Listed, package_: Package, store: Store): Promise<Card> {
    const document = await store.get(listed.card, MAX_CARD_BYTES);
    const card = cardOfCroissant(document, listed.package, package_.size);
    same('id of the card, not a', listed.datasetId, fromHex(card.dataset_id));
    if (card.rows !== package_.rowCount) throw new DatasetError('CardMismatch', { what: 'number of rows' });
    if (card.bytes !== package_.bytes) throw new DatasetError('CardMismatch', { what: 'size' });
    return card;
}

/**
 * Reads a card by itself, for lists of datasets. Its bytes are those of this name and it has the form of a card, but what it
 * says is not held against the package: whoever buys calls `describeDataset`.
 */
export const peekCard = async (card: Cid, store: Store): Promise<Card> =>
    carriedCard(await store.get(card, MAX_CARD_BYTES));

const carriedCard = (document: Bytes): Card =>
    parsing('the data card', () => {
        const parsed = parseExactly(document);
        const member = isObject(parsed) ? parsed[CARD_MEMBER] : undefined;
        if (member === undefined) throw malformed('the data card', `it has no \`${CARD_MEMBER}\``);
        return parseShape('the data card', shape, member);
    });

/** Reads the card that a Croissant document carries, and checks that the document says nothing else. */
export function cardOfCroissant(document: Bytes, package_: Cid, packageBytes: number): Card {
    const card = carriedCard(document);
    const again = parsing('the data card', () => croissant(card, package_, packageBytes));
    if (!equal(again, document)) throw new DatasetError('CardMismatch', { what: 'Croissant members' });
    return card;
}

/** The card as Croissant, in canonical JSON, for the package of that name and size in bytes. */
export function croissant(card: Card, package_: Cid, packageBytes: number): Bytes {
    const address = `ipfs://${package_}`;
    return canonical({
        '@context': CONTEXT,
        '@type': 'sc:Dataset',
        conformsTo: CROISSANT,
        name: card.name,
        description: card.description === '' ? card.name : card.description,
        // A URL, or a work that is named by its SPDX expression.
        license: URL.canParse(card.licence) ? card.licence : { '@type': 'sc:CreativeWork', name: card.licence },
        url: address,
        creator: { '@type': 'sc:Organization', name: card.contact, url: card.contact },
        datePublished: date(card.collected_until),
        version: '1.0.0',
        isLiveDataset: false,
        distribution: [
            {
                '@type': 'cr:FileObject',
                '@id': PACKAGE_FILE,
                name: PACKAGE_FILE,
                description: 'Names the encrypted segments.',
                contentUrl: address,
                contentSize: `${packageBytes} B`,
                encodingFormat: 'application/json',
                sha256: hex(digestOfCid(package_)),
            },
            {
                '@type': 'cr:FileObject',
                '@id': ROWS_FILE,
                name: ROWS_FILE,
                description: 'The rows, decrypted from the segments with the key that a buyer receives.',
                contentUrl: ROWS_FILE,
                contentSize: `${card.bytes} B`,
                containedIn: { '@id': PACKAGE_FILE },
                encodingFormat: 'application/jsonlines',
            },
        ],
        recordSet: [
            {
                '@type': 'cr:RecordSet',
                '@id': 'rows',
                name: 'rows',
                description: `${card.rows} rows, one for each page`,
                key: { '@id': fieldId(URL_FIELD) },
                field: card.schema.map(field),
                examples: card.preview.map(row => example(row, card)),
            },
        ],
        [CARD_MEMBER]: card,
    });
}

/** Whether a JSON value is an object. */
export const isObject = (value: Json): value is JsonObject =>
    typeof value === 'object' && value !== null && !Array.isArray(value);

const DATA_TYPES: { readonly [kind in Kind]: string } = {
    boolean: 'sc:Boolean',
    integer: 'sc:Integer',
    number: 'sc:Float',
    text: 'sc:Text',
    json: 'sc:Text',
    text_list: 'sc:Text',
};

function field({ name, kind, present }: Card['schema'][number]): JsonObject {
    const isUrl = name === URL_FIELD;
    return {
        '@type': 'cr:Field',
        '@id': fieldId(name),
        name,
        description: `In ${present} rows.`,
        dataType: isUrl ? 'sc:URL' : DATA_TYPES[kind],
        source: {
            fileObject: { '@id': ROWS_FILE },
            extract: { jsonPath: `$['${name.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}']` },
        },
        ...(kind === 'text_list' && !isUrl ? { repeated: true } : {}),
    };
}

/** Unique in the document and an IRI, whatever the member's name is. */
const fieldId = (name: string): string => `rows/${new URLSearchParams([['', name]]).toString().slice(1)}`;

/** A row under the fields' ids. */
const example = (row: Json, { schema }: Card): JsonObject =>
    Object.fromEntries(
        schema
            .filter(({ name }) => isObject(row) && Object.hasOwn(row, name))
            .map(({ name }) => [fieldId(name), (row as JsonObject)[name]!]),
    );

const date = (unix: number): string => new Date(unix * 1000).toISOString().slice(0, 10);

/** The context that the specification recommends (appendix 1), and ours. */
const CONTEXT: JsonObject = {
    '@language': 'en',
    '@vocab': 'https://schema.org/',
    citeAs: 'cr:citeAs',
    column: 'cr:column',
    conformsTo: 'dct:conformsTo',
    cr: 'http://mlcommons.org/croissant/',
    data: { '@id': 'cr:data', '@type': '@json' },
    dataType: { '@id': 'cr:dataType', '@type': '@vocab' },
    dct: 'http://purl.org/dc/terms/',
    examples: { '@id': 'cr:examples', '@type': '@json' },
    extract: 'cr:extract',
    field: 'cr:field',
    fileObject: 'cr:fileObject',
    fileProperty: 'cr:fileProperty',
    fileSet: 'cr:fileSet',
    format: 'cr:format',
    includes: 'cr:includes',
    isLiveDataset: 'cr:isLiveDataset',
    jsonPath: 'cr:jsonPath',
    key: 'cr:key',
    lumora: 'https://github.com/lumora-network/lumora#',
    [CARD_MEMBER]: { '@id': 'lumora:card', '@type': '@json' },
    md5: 'cr:md5',
    parentField: 'cr:parentField',
    path: 'cr:path',
    recordSet: 'cr:recordSet',
    references: 'cr:references',
    regex: 'cr:regex',
    repeated: 'cr:repeated',
    replace: 'cr:replace',
    sc: 'https://schema.org/',
    separator: 'cr:separator',
    source: 'cr:source',
    subField: 'cr:subField',
    transform: 'cr:transform',
};
