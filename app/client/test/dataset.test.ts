/** Datasets: what Rust sealed opens here and what is sealed here opens in Rust; every lie is found, by name. */
import { beforeEach, describe, expect, it } from 'vitest';

import { type Bytes, concat, fromHex, fromUtf8, hex, utf8 } from '../src/bytes';
import {
    type Cid,
    cidOf,
    Dataset,
    DatasetError,
    type DatasetErrorCode,
    describeDataset,
    digestOfCid,
    findSample,
    isComplete,
    type Listed,
    MemoryStore,
    objectPath,
    type Row,
    sampleRows,
    seal,
    type SealInput,
    statements,
    verifySample,
} from '../src/dataset';
import { canonical, type JsonObject, parseExactly } from '../src/dataset/json';
import { Lines } from '../src/dataset/lines';
import { encodeHeader, SegmentCipher } from '../src/dataset/segment';
import { contentKey, keypair, open, sharedSecret, verify } from '../src/delivery';
import {
    cardOf,
    type Files,
    listedOf,
    namesOf,
    readDocument,
    readRows,
    readStore,
    type RustDataset,
    shardsOf,
    storedFiles,
    storedListing,
} from './datasets';

const document = readDocument<RustDataset>('rust');
const key = fromHex(document.content_key);
const rowsOfRust = readRows('rust');

let store: MemoryStore;
let listed: Listed;

beforeEach(() => {
    store = readStore('rust');
    listed = listedOf(document.listed);
});

/** Reads a dataset to the end: its rows, and what was verified. */
async function readAll(from = listed, with_ = key) {
    const dataset = await Dataset.open(from, with_, store);
    const rows: Row[] = [];
    for await (const row of dataset.rows()) rows.push(row);
    return { rows, verification: dataset.verification(), dataset };
}

async function* chunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** The code of the error with which this fails. */
async function codeOf(failing: Promise<unknown>): Promise<DatasetErrorCode> {
    const error = await failing.then(
        () => undefined,
        (error: unknown) => error,
    );
    if (error instanceof DatasetError) return error.code;
    throw error ?? new Error('this did not fail');
}

describe('a dataset that Rust sealed', () => {
    it('opens with the key that the delivery gave, byte for byte', async () => {
        const { sale, delivery } = document;
        const parts = {
            network: fromHex(sale.network),
            program: fromHex(sale.program),
            listing: fromHex(document.listing),
            purchase: fromHex(sale.purchase),
            buyer: fromHex(sale.buyer),
            listingKey: fromHex(sale.listing_key),
            buyerKey: fromHex(sale.buyer_key),
        };
        const [ephemeral, sealed] = [fromHex(delivery.ephemeral), fromHex(delivery.sealed)];
        verify(parts, { ephemeral, sealed, proof: fromHex(delivery.proof) });
        const shared = open({ ephemeral, sealed }, fromHex(document.buyer_secret));
        expect(hex(contentKey(shared, listed.datasetId))).toBe(document.content_key);

        const dataset = await Dataset.open(listed, contentKey(shared, listed.datasetId), store);
        const pieces: Bytes[] = [];
        for await (const piece of dataset.bytes()) pieces.push(piece);
        expect(hex(concat(...pieces))).toBe(hex(rowsOfRust));
    });

    it('gives its rows with where they come from, and says what was verified', async () => {
        const { rows, verification, dataset } = await readAll();
        const lines = fromUtf8(rowsOfRust).trimEnd().split('\n');
        expect(rows.map(row => fromUtf8(row.bytes))).toEqual(lines);
        expect(rows.map(row => row.value)).toEqual(lines.map(line => JSON.parse(line)));

        const sources = new Map(
            document.shards.flatMap(({ shard, records }) =>
                records.map(({ url, ...record }) => [new URL(url).href, { ...record, shard }]),
            ),
        );
        for (const row of rows) {
            const source = sources.get(row.url)!;
            expect([row.origin.shard, row.fetchedAt, row.robots]).toEqual([
                source.shard,
                BigInt(source.fetched_at),
                source.robots,
            ]);
        }

        expect(isComplete(verification)).toBe(true);
        expect(verification).toMatchObject({ rows: lines.length, rowsVerified: lines.length, problems: [] });
        expect(verification.shards.map(({ shard }) => shard)).toEqual([0, 1, 2, 3]);
        const said = statements(verification, lines.length);
        expect(said.verified[0]).toBe(
            `the encrypted segments (${listed.segments}) are those of the listing's ciphertext root`,
        );
        expect(said.notVerified).toHaveLength(2);
        expect(statements(verification).notVerified[0]).toContain('it was not asked');
        expect(dataset.card.rows).toBe(lines.length);
    });

    it('describes itself to who has no key', async () => {
        const { card } = await describeDataset(listed, store);
        expect(card.name).toBe('Pages made for a test');
        expect(card.duplicates_removed).toBeGreaterThan(0);
        // Exactly what was sealed, beyond what a double holds.
        expect(JSON.stringify(card.preview, (_, value) => (typeof value === 'bigint' ? `${value}` : value))).toContain(
            '"90071992547',
        );
    });

    it('goes on where a download was stopped, and checks what was kept', async () => {
        const dataset = await Dataset.open(listed, key, store);
        const stopped = 3 * document.segment_size + 100;
        const length = dataset.resumePoint(stopped);
        expect(length).toBe(3 * document.segment_size);

        const asked: Cid[] = [];
        const get = store.get.bind(store);
        store.get = (cid, limit) => {
            asked.push(cid);
            return get(cid, limit);
        };
        const pieces: Bytes[] = [];
        const kept = { length, chunks: chunks(rowsOfRust.subarray(0, length), 1_000) };
        for await (const piece of dataset.bytes({ kept })) pieces.push(piece);
        expect(hex(concat(...pieces))).toBe(hex(rowsOfRust.slice(length)));
        expect(isComplete(dataset.verification())).toBe(true);
        for (const cid of dataset.package.rows.segments.slice(0, 3)) expect(asked).not.toContain(cid);
        expect(asked).toHaveLength(listed.segments - 3 + dataset.package.provenance.segments.length);

        const read = async (bytes: Uint8Array, said = bytes.length) => {
            const options = { kept: { length: said, chunks: chunks(bytes, 777) } };
            for await (const _ of dataset.bytes(options)) void _;
        };
        const changed = rowsOfRust.slice(0, length);
        changed[document.segment_size + 5]! ^= 1;
        expect(await codeOf(read(changed))).toBe('KeptMismatch');
        expect(await codeOf(read(rowsOfRust.subarray(0, length - 1), length))).toBe('Malformed');
        expect(await codeOf(read(rowsOfRust.subarray(0, length + 1), length))).toBe('Malformed');
        await expect(read(rowsOfRust.subarray(0, stopped))).rejects.toThrow(RangeError);
        // All of it: nothing but the provenance is fetched.
        asked.length = 0;
        await read(rowsOfRust);
        expect(asked).toEqual(dataset.package.provenance.segments);
    });

    it('says nothing of itself before it was read to the end', async () => {
        const dataset = await Dataset.open(listed, key, store);
        const verification = async () => dataset.verification();
        expect(await codeOf(verification())).toBe('NotRead');
        for await (const row of dataset.rows()) if (row.number === 3) break;
        expect(() => dataset.verification()).toThrow('before all of it was read');
        // Nor after a later reading that was not finished.
        for await (const row of dataset.rows()) void row;
        expect(dataset.verification().rows).toBe(Number(listed.rows));
        for await (const row of dataset.rows()) if (row.number === 3) break;
        expect(await codeOf(verification())).toBe('NotRead');
    });

    it('shows a free sample that proves itself', async () => {
        const [listing, beacon] = [fromHex(document.listing), fromHex(document.beacon)];
        const sample = (await findSample(listing, store))!;
        expect(sample.rows.length).toBeGreaterThan(5);
        verifySample(sample, listed, listing, beacon);
        expect(await findSample(new Uint8Array(32), store)).toBeUndefined();

        for (const { rows, chosen } of document.sample_rows) {
            expect(sampleRows(beacon, listing, listed.provenanceRoot, BigInt(rows))).toEqual(chosen.map(BigInt));
        }

        const flipped = (bytes: Uint8Array) => bytes.map((byte, at) => (at === 7 ? byte ^ 1 : byte));
        const [first, ...rest] = sample.rows as [(typeof sample.rows)[0], ...typeof sample.rows];
        const changes: [string, Partial<typeof first>][] = [
            ['number', { number: first.number + 1 }],
            ['record', { record: first.record.replace('"', ' "') }],
            ['job', { job: flipped(first.job) }],
            ['shard', { shard: first.shard + 1 }],
            ['node', { node: flipped(first.node) }],
            ['fetched_at', { fetched_at: first.fetched_at + 1 }],
            ['robots', { robots: first.robots === 'allowed' ? 'no_rules' : 'allowed' }],
            ['blinding', { blinding: flipped(first.blinding) }],
            ['path', { path: [flipped(first.path[0]!), ...first.path.slice(1)] }],
            ['a longer path', { path: [...first.path, first.path[0]!] }],
            ['a shorter path', { path: first.path.slice(1) }],
        ];
        for (const [what, change] of changes) {
            const changed = { ...sample, rows: [{ ...first, ...change }, ...rest] };
            const code = await codeOf((async () => verifySample(changed, listed, listing, beacon))());
            expect(code, what).toMatch(/BadSample|Malformed/);
        }
        const bad = async (...args: Parameters<typeof verifySample>) => verifySample(...args);
        expect(await codeOf(bad({ ...sample, rows: rest }, listed, listing, beacon))).toBe('BadSample');
        expect(await codeOf(bad({ ...sample, beacon: flipped(beacon) }, listed, listing, beacon))).toBe('BadSample');
        expect(await codeOf(bad({ ...sample, listing: flipped(listing) }, listed, listing, beacon))).toBe('BadSample');
        expect(await codeOf(bad(sample, listed, flipped(listing), beacon))).toBe('BadSample');
        expect(await codeOf(bad(sample, listed, listing, flipped(beacon)))).toBe('BadSample');
    });
});

describe('a lie is found', () => {
    /** Replaces an object by another under the same name, as a dishonest store would. */
    function replace(cid: Cid, change: (bytes: Bytes) => Bytes): void {
        const before = store.objects.get(cid)!;
        const after = change(before.slice());
        expect(hex(after)).not.toBe(hex(before));
        store.objects.set(cid, after);
    }

    /** Changes the package as a seller could who then lists the changed one, with a card that fits. */
    async function relist(change: (package_: PackageFile) => void): Promise<void> {
        const text = store.objects.get(listed.package)!;
        const package_ = JSON.parse(fromUtf8(text)) as PackageFile;
        const { bytes: before, row_count: rowsBefore } = package_;
        change(package_);
        const changed = utf8(JSON.stringify(package_));
        const cid = await cidOf(changed);
        store.objects.set(cid, changed);
        const card = fromUtf8(store.objects.get(listed.card)!)
            .replaceAll(listed.package, cid)
            .replaceAll(hex(digestOfCid(listed.package)), await digest(changed))
            .replace(`"contentSize":"${text.length} B"`, `"contentSize":"${changed.length} B"`)
            .replace(`"contentSize":"${before} B"`, `"contentSize":"${package_.bytes} B"`)
            .replace(`"bytes":${before}`, `"bytes":${package_.bytes}`)
            .replace(`"${rowsBefore} rows, one`, `"${package_.row_count} rows, one`)
            .replace(`"rows":${rowsBefore},"schema"`, `"rows":${package_.row_count},"schema"`);
        const cardCid = await cidOf(utf8(card));
        store.objects.set(cardCid, utf8(card));
        listed = {
            ...listed,
            package: cid,
            card: cardCid,
            ciphertextRoot: fromHex(package_.ciphertext_root),
            plaintextRoot: fromHex(package_.plaintext_root),
            provenanceRoot: fromHex(package_.provenance_root),
            rows: BigInt(Math.floor(package_.row_count)),
            segments: package_.rows.segments.length,
        };
    }

    type PackageFile = {
        version: number;
        dataset_id: string;
        rows: { header: string; segments: Cid[] };
        provenance: { header: string; segments: Cid[] };
        origins: { result_root: string; records: number; shard: number; node: string }[];
        ciphertext_root: string;
        plaintext_root: string;
        provenance_root: string;
        row_count: number;
        bytes: number;
    };

    const digest = async (bytes: Bytes) => hex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
    const flip = (bytes: Bytes) => {
        bytes[bytes.length >> 1]! ^= 4;
        return bytes;
    };
    const swapped = <T>(list: T[], a: number, b: number) => {
        [list[a], list[b]] = [list[b]!, list[a]!];
    };
    const objects = async () => {
        const opened = await Dataset.open(listed, key, store);
        return { rows: opened.package.rows.segments, provenance: opened.package.provenance.segments };
    };

    it('by a store: one bit of the package, the card, a segment, or the provenance', async () => {
        const { rows, provenance } = await objects();
        for (const cid of [listed.package, listed.card, rows[2]!, rows.at(-1)!, provenance[0]!]) {
            const honest = store.objects.get(cid)!;
            replace(cid, flip);
            expect(await codeOf(readAll())).toBe('CorruptObject');
            store.objects.set(cid, honest);
        }
        expect((await readAll()).rows.length).toBe(Number(listed.rows));
    });

    it('by a store: an object cut, lengthened, swapped for another, or gone', async () => {
        const { rows } = await objects();
        replace(rows[1]!, bytes => bytes.slice(0, -1));
        expect(await codeOf(readAll())).toBe('CorruptObject');
        replace(rows[1]!, bytes => concat(bytes, Uint8Array.of(0, 0)));
        expect(await codeOf(readAll())).toBe('ObjectTooLarge');
        replace(rows[1]!, () => store.objects.get(rows[2]!)!);
        expect(await codeOf(readAll())).toBe('CorruptObject');
        store.objects.delete(rows[1]!);
        expect(await codeOf(readAll())).toBe('MissingObject');
    });

    it('a key that is not the dataset’s, or the right secret with another id', async () => {
        expect(await codeOf(readAll(listed, new Uint8Array(32).fill(7)))).toBe('WrongKey');
        const shared = sharedSecret(fromHex(document.listing_secret));
        const otherId = new Uint8Array(32).fill(9);
        expect(await codeOf(readAll(listed, contentKey(shared, otherId)))).toBe('WrongKey');
        expect(await codeOf(readAll({ ...listed, datasetId: otherId }))).toBe('RootMismatch');
        expect(await codeOf(readAll(listed, contentKey(sharedSecret(keypair().secret), listed.datasetId)))).toBe(
            'WrongKey',
        );
    });

    it('a listing that says other roots, numbers or objects', async () => {
        for (const name of ['ciphertextRoot', 'plaintextRoot', 'provenanceRoot'] as const) {
            // Before anything is paid for.
            const wrong = { ...listed, [name]: new Uint8Array(32) };
            expect(await codeOf(describeDataset(wrong, store))).toBe('RootMismatch');
        }
        expect(await codeOf(readAll({ ...listed, rows: listed.rows + 1n }))).toBe('PackageMismatch');
        expect(await codeOf(readAll({ ...listed, segments: listed.segments - 1 }))).toBe('PackageMismatch');
        expect(await codeOf(readAll({ ...listed, package: listed.card }))).toBe('Malformed');
        expect(await codeOf(readAll({ ...listed, card: listed.package }))).toBe('Malformed');
    });

    it('by a seller: segments reordered, cut off, repeated or of another stream', async () => {
        const honest = listed;
        const cases: [DatasetErrorCode, (package_: PackageFile) => void][] = [
            ['TamperedSegment', ({ rows }) => swapped(rows.segments, 1, 2)],
            ['TamperedSegment', ({ rows }) => (rows.segments[1] = rows.segments[2]!)],
            ['SegmentCount', ({ rows }) => rows.segments.pop()],
            ['SegmentCount', ({ rows }) => rows.segments.push(rows.segments[0]!)],
            ['SegmentCount', ({ provenance }) => provenance.segments.push(provenance.segments[0]!)],
            ['WrongKey', package_ => (package_.rows.header = bend(package_.rows.header, 1))],
            ['WrongKey', package_ => (package_.provenance.header = bend(package_.provenance.header, 50))],
            ['Malformed', package_ => (package_.rows.header = bend(package_.rows.header, 0))],
        ];
        for (const [code, change] of cases) {
            listed = honest;
            await relist(change);
            expect(await codeOf(readAll()), change.toString()).toBe(code);
        }
    });

    it('by a seller: a length that leaves the last segment out', async () => {
        await relist(package_ => {
            const { segments } = package_.rows;
            segments.pop();
            const bytes = fromHex(package_.rows.header);
            const length = document.segment_size * segments.length;
            new DataView(bytes.buffer).setBigUint64(37, BigInt(length), true);
            package_.rows.header = hex(bytes);
            package_.bytes = length;
        });
        // The last flag, and the header that every segment is bound to.
        expect(await codeOf(readAll())).toBe('TamperedSegment');
    });

    it('by a seller: provenance that does not belong to the rows', async () => {
        const honest = listed;
        const { header, segments } = (await Dataset.open(listed, key, store)).package.provenance;
        const cipher = await SegmentCipher.open(key, header);
        const pieces = segments.map((cid, index) => cipher.decrypt(index, store.objects.get(cid)!));
        const entries = concat(...(await Promise.all(pieces)));
        const first = { tag: 0, origin: 1, time: 5 };
        const tag = entries[0]!;
        expect(tag).toBeLessThan(2);
        const at = (place: number, value: number) => {
            const changed = entries.slice();
            changed[place] = value;
            return changed;
        };
        const cases: [DatasetErrorCode, Bytes][] = [
            ['RowWithoutProvenance', entries.slice(0, 13)],
            ['Malformed', entries.slice(0, -1)],
            ['ProvenanceWithoutRow', concat(entries, entries.slice(0, 13))],
            ['Malformed', at(first.tag, 3)],
            ['Malformed', at(first.origin, 4)],
            ['RootMismatch', at(first.tag, 1 - tag)],
            ['RootMismatch', at(first.origin, (entries[first.origin]! + 1) % 4)],
            ['RootMismatch', at(first.time, entries[first.time]! ^ 1)],
        ];
        for (const [code, changed] of cases) {
            listed = honest;
            const salt = new Uint8Array(32).fill(1);
            const again = await SegmentCipher.create(key, salt, 1 << 20, changed.length);
            const segment = await again.seal(0, changed);
            const cid = await cidOf(segment);
            store.objects.set(cid, segment);
            const stream = { header: hex(encodeHeader(again.header)), segments: [cid] };
            await relist(package_ => (package_.provenance = stream));
            expect(await codeOf(readAll())).toBe(code);
        }
    });

    it('by a seller: rows that are none', async () => {
        const honest = listed;
        for (const rows of [
            'no JSON\n',
            '[]\n',
            'null\n',
            '{"url":1}\n',
            '\n',
            '\ufeff{"url":"https://a.example/"}\n',
        ]) {
            listed = honest;
            const text = utf8(rows);
            const cipher = await SegmentCipher.create(key, new Uint8Array(32).fill(2), 1 << 20, text.length);
            const segment = await cipher.seal(0, text);
            const cid = await cidOf(segment);
            store.objects.set(cid, segment);
            await relist(package_ => {
                package_.rows = { header: hex(encodeHeader(cipher.header)), segments: [cid] };
                package_.bytes = text.length;
            });
            expect(await codeOf(readAll()), rows).toBe('Malformed');
        }
    });

    it('by a seller: roots of something else', async () => {
        const honest = listed;
        for (const name of ['ciphertext_root', 'plaintext_root', 'provenance_root'] as const) {
            listed = honest;
            await relist(package_ => (package_[name] = bend(package_[name], 3)));
            expect(await codeOf(readAll())).toBe('RootMismatch');
        }
    });

    it('by a seller: rows said to be of another shard, a result root or a number of records that is not so', async () => {
        const honest = listed;
        const changes: ((package_: PackageFile) => void)[] = [
            ({ origins }) => (origins[1]!.result_root = bend(origins[1]!.result_root, 0)),
            ({ origins }) => (origins[1]!.records += 1),
        ];
        for (const change of changes) {
            listed = honest;
            await relist(change);
            // The listed roots are kept: what is wrong is one shard, and its rows count as not verified.
            const { verification } = await readAll();
            expect(isComplete(verification)).toBe(false);
            expect(verification.problems).toHaveLength(1);
            expect(verification.rowsVerified).toBeLessThan(verification.rows);
            expect(verification.shards.map(({ shard }) => shard)).toEqual([0, 2, 3]);
        }
        for (const change of [
            ({ origins }: PackageFile) => (origins[1]!.node = bend(origins[1]!.node, 0)),
            ({ origins }: PackageFile) => (origins[1]!.shard += 7),
        ]) {
            listed = honest;
            await relist(change);
            expect(await codeOf(readAll())).toBe('RootMismatch');
        }
        listed = honest;
        await relist(({ origins }) => origins.splice(2));
        expect(await codeOf(readAll())).toBe('Malformed');
    });

    it('by a seller: another number of rows, or bytes, than there are', async () => {
        const honest = listed;
        const changes: ((package_: PackageFile) => void)[] = [
            package_ => (package_.row_count += 1),
            package_ => (package_.row_count -= 1),
            package_ => (package_.bytes += 1),
        ];
        for (const change of changes) {
            listed = honest;
            await relist(change);
            expect(await codeOf(readAll()), change.toString()).toBe('PackageMismatch');
        }
        // A card of another dataset that is like this one.
        listed = { ...honest };
        await relist(package_ => (package_.row_count += 1));
        expect(await codeOf(readAll({ ...honest, card: listed.card }))).toBe('CardMismatch');
    });

    it('by a seller: what would take memory without end', async () => {
        const honest = listed;
        const origin = {
            job: '00'.repeat(32),
            result_root: '00'.repeat(32),
            records: 0,
            shard: 0,
            node: '00'.repeat(32),
        };
        await relist(package_ => (package_.origins = Array(65_537).fill(origin)));
        expect(await codeOf(readAll())).toBe('TooManyOrigins');
        const header = (segmentSize: number, length: bigint) => {
            const bytes = concat(Uint8Array.of(1), new Uint8Array(76));
            const view = new DataView(bytes.buffer);
            view.setUint32(33, segmentSize, true);
            view.setBigUint64(37, length, true);
            return hex(bytes);
        };
        const cases: [DatasetErrorCode, string][] = [
            ['Malformed', header(0, 1n)],
            ['Malformed', header((1 << 24) + 1, 1n)],
            ['Malformed', header(1 << 24, 1n << 60n)],
            ['TooManySegments', header(1, 1n << 33n)],
        ];
        for (const [code, text] of cases) {
            listed = honest;
            await relist(package_ => (package_.provenance.header = text));
            expect(await codeOf(readAll())).toBe(code);
        }
        const lines = new Lines();
        const piece = new Uint8Array(1 << 24).fill(97);
        for (let mebibytes = 0; mebibytes < 64; mebibytes += 16) expect([...lines.take(piece)]).toEqual([]);
        expect(() => [...lines.take(piece)]).toThrow('longer than any record');
    });

    it('by a seller: a package of another form', async () => {
        const honest = listed;
        const changes: ((package_: PackageFile & { more?: number }) => void)[] = [
            package_ => (package_.version = 3),
            package_ => (package_.more = 1),
            package_ => (package_.row_count = 1.5),
            package_ => (package_.dataset_id += '00'),
            package_ => (package_.rows.segments[0] = 'bafy' as Cid),
            package_ => (package_.rows.header = package_.rows.header.slice(2)),
        ];
        for (const change of changes) {
            listed = honest;
            await relist(change);
            expect(await codeOf(readAll()), change.toString()).toBe('Malformed');
        }
    });

    it('by a seller: a card whose Croissant members say something else', async () => {
        const honest = listed;
        const document = fromUtf8(store.objects.get(honest.card)!);
        const cases: [DatasetErrorCode, string, string][] = [
            [
                'CardMismatch',
                '"license":{"@type":"sc:CreativeWork","name":"CC0-1.0"}',
                '"license":{"@type":"sc:CreativeWork","name":"MIT"}',
            ],
            ['CardMismatch', '{', '{ '],
            ['Malformed', '"lumoraCard":{', '"anotherCard":{'],
            ['Malformed', '"version":2}', '"version":3}'],
        ];
        for (const [code, from, to] of cases) {
            // Of the last place: the context names `lumoraCard` first.
            const at = document.lastIndexOf(from);
            expect(at, from).toBeGreaterThanOrEqual(0);
            const card = utf8(document.slice(0, at) + to + document.slice(at + from.length));
            const cid = await cidOf(card);
            store.objects.set(cid, card);
            expect(await codeOf(readAll({ ...honest, card: cid })), from).toBe(code);
        }
    });

    it('by a seller: a card that praises the dataset', async () => {
        const { rows } = listed;
        const { bytes } = (await describeDataset(listed, store)).package;
        const document = fromUtf8(store.objects.get(listed.card)!);
        const praises: [string, string][][] = [
            [
                [`"${rows} rows, one`, '"9999 rows, one'],
                [`"rows":${rows},"schema"`, '"rows":9999,"schema"'],
            ],
            [
                [`"contentSize":"${bytes} B"`, '"contentSize":"999999 B"'],
                [`"bytes":${bytes},`, '"bytes":999999,'],
            ],
        ];
        for (const changes of praises) {
            const card = utf8(changes.reduce((text, [from, to]) => text.replace(from, to), document));
            const cid = await cidOf(card);
            store.objects.set(cid, card);
            const error = await describeDataset({ ...listed, card: cid }, store).catch(error => error);
            // Not for its Croissant members, which say the same as it.
            expect(error.context.what).toMatch(/^(number of rows|size)$/);
        }
    });

    /** One bit of a byte string in hexadecimal flipped. */
    function bend(text: string, at: number): string {
        const bytes = fromHex(text);
        bytes[at]! ^= 1;
        return hex(bytes);
    }
});

describe('sealing', () => {
    const sealRust = (change: Partial<SealInput> = {}, into = new MemoryStore()) =>
        seal(
            {
                datasetId: fromHex(document.listed.dataset_id),
                key,
                card: cardOf(document),
                shards: shardsOf(document),
                segmentSize: document.segment_size,
                ...change,
            },
            into,
        );

    it('gives the very objects that Rust gives of the same shards, in any order', async () => {
        const made = new MemoryStore();
        const packaged = await sealRust({ shards: shardsOf(document).reverse() }, made);
        expect(storedListing(packaged)).toEqual(document.listed);
        const samples = new Set(store.names.values());
        expect(namesOf(made)).toEqual(namesOf(store).filter(cid => !samples.has(cid)));
        for (const cid of namesOf(made)) expect(hex(made.objects.get(cid)!)).toBe(hex(store.objects.get(cid)!));
    });

    it('gives what opens here and in Rust', async () => {
        const { secret } = keypair(new Uint8Array(64).fill(5));
        const datasetId = new Uint8Array(32).fill(6);
        const contents = contentKey(sharedSecret(secret), datasetId);
        const records = (shard: number): SealInput['shards'][0]['records'] =>
            Array.from({ length: 25 }, (_, place) => ({
                url: `https://c.example/${place * 2 + shard}/ü`,
                members: {
                    title: place % 6 === 0 ? 'the same' : `Nº ${place} of ${shard} 🙂\u2028"\\`,
                    ...(place % 6 === 0
                        ? {}
                        : { big: 2n ** 63n - BigInt(place), price: place / 7, list: [1, null, 'x'] }),
                },
                fetchedAt: 1_790_000_000 + place,
                robots: place % 2 === 0 ? 'allowed' : 'no_rules',
            }));
        const made = new MemoryStore();
        const shards = [1, 0].map(shard => ({
            job: new Uint8Array(32).fill(1),
            shard,
            node: new Uint8Array(32).fill(2 + shard),
            records: records(shard),
        }));
        const card = {
            name: 'Sealed in TypeScript',
            description: 'Read by Rust.',
            licence: 'https://creativecommons.org/publicdomain/zero/1.0/',
            contact: 'mailto:ops@example.org',
            manifest: new Uint8Array(32).fill(3),
            previewRows: 2,
        };
        const packaged = await seal({ datasetId, key: contents, card, shards, segmentSize: 1_024 }, made);

        store = made;
        const { rows, verification } = await readAll(packaged, contents);
        expect(isComplete(verification)).toBe(true);
        expect(packaged.description.duplicates_removed).toBe(9);
        expect(rows).toHaveLength(41);

        const about =
            'A dataset sealed by app/client/test/dataset.test.ts, as crates/data/tests/typescript.rs opens it. ' +
            'Byte strings in hexadecimal.';
        const files: Files = new Map([
            [
                'dataset.json',
                utf8(`${JSON.stringify({ about, listed: storedListing(packaged), listing_secret: hex(secret) })}\n`),
            ],
            ['rows.jsonl', concat(...rows.flatMap(row => [row.bytes, Uint8Array.of(10)]))],
            ...[...made.objects].map(([cid, bytes]) => [`store/${objectPath(cid)}`, bytes] as const),
        ]);
        const stored = storedFiles('typescript', files);
        expect([...stored.keys()].sort()).toEqual([...files.keys()].sort());
        for (const [path, bytes] of files) expect(hex(stored.get(path)!), path).toBe(hex(bytes));
    });

    it('of no rows gives one empty segment, and of long rows segments that cut them', async () => {
        for (const [shards, segments] of [
            [[], 1],
            [[{ ...shardsOf(document)[0]!, records: [long(10_000)] }], 5],
        ] as const) {
            store = new MemoryStore();
            const packaged = await sealRust({ shards }, store);
            expect(packaged.segments).toBe(segments);
            const { rows } = await readAll(packaged);
            expect(rows).toHaveLength(shards.length);
        }
    });

    it('encrypts no segment of another length than the header says, nor one more', async () => {
        const cipher = await SegmentCipher.create(key, new Uint8Array(32), 4, 6);
        expect(cipher.count).toBe(2);
        for (const [index, length] of [
            [0, 3],
            [1, 4],
            [2, 4],
        ] as const) {
            expect(await codeOf(cipher.seal(index, new Uint8Array(length)))).toBe('SegmentLength');
        }
    });

    it('refuses what has no canonical form, and what does not belong together', async () => {
        const [shard] = shardsOf(document) as [SealInput['shards'][0]];
        const one = (record: Partial<ReturnType<typeof long>>) => ({
            shards: [{ ...shard, records: [{ ...long(1), ...record }] }],
        });
        const cases: [DatasetErrorCode, Partial<SealInput>][] = [
            ['Unsealable', one({ members: { a: NaN } })],
            ['Unsealable', one({ members: { a: 1n << 64n } })],
            ['Unsealable', one({ members: { a: '\ud800' } })],
            ['Unsealable', one({ members: { a: undefined } as unknown as JsonObject })],
            ['Unsealable', one({ url: 'no url' })],
            ['Unsealable', { segmentSize: 0 }],
            ['Unsealable', { segmentSize: (1 << 24) + 1 }],
            ['Unsealable', { key: key.slice(1) }],
            ['ShardTwice', { shards: [shard, shard] }],
            ['TooManyOrigins', { shards: Array(65_537).fill(shard) }],
        ];
        for (const [code, change] of cases) expect(await codeOf(sealRust(change))).toBe(code);
    });

    const long = (length: number) => ({
        url: 'https://a.example/long',
        members: { text: 'x'.repeat(length) } as JsonObject,
        fetchedAt: 1_790_000_000,
        robots: 'allowed' as const,
    });
});

describe('canonical JSON', () => {
    it('is that of RFC 8785, and exact for integers of 64 bits', () => {
        const text =
            '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],' +
            '"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}';
        expect(fromUtf8(canonical(parseExactly(utf8(text))))).toBe(
            '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
                '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
        );
        for (const exact of [
            '18446744073709551615',
            '-9223372036854775808',
            '9007199254740993',
            '0',
            '{"__proto__":1}',
        ]) {
            expect(fromUtf8(canonical(parseExactly(utf8(exact))))).toBe(exact);
        }
        expect(fromUtf8(canonical(parseExactly(utf8('[-0,18446744073709551616]'))))).toBe('[0,18446744073709552000]');
        expect(() => canonical(parseExactly(utf8('1e400')))).toThrow(TypeError);
        // Order of UTF-16 units: U+1F600 before U+FB33.
        expect(fromUtf8(canonical({ '\ufb33': 1, '\u{1f600}': 2, b: 3, a: 4 }))).toBe(
            '{"a":4,"b":3,"😀":2,"\ufb33":1}',
        );
    });
});
