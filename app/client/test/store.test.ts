/** Reading objects from a web server: whatever it does, what comes back is what was asked for, or an error by name. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { type Bytes, fromHex, hex, utf8 } from '../src/bytes';
import {
    type Cid,
    cidOf,
    cidOfDigest,
    Dataset,
    DatasetError,
    digestOfCid,
    HttpStore,
    objectPath,
    parseCid,
} from '../src/dataset';
import { listedOf, readDocument, readRows, readStore, type RustDataset } from './datasets';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server | undefined;

afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    server = undefined;
});

/** A store on a server of this process that answers so. */
async function serve(answer: Answer, options = {}): Promise<HttpStore> {
    server = createServer(answer);
    await new Promise<void>(resolve => server!.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return new HttpStore(`http://127.0.0.1:${port}/store/`, { pause: 1, ...options });
}

const object = new Uint8Array(100_000).map((_, at) => at % 251);

/** The first byte that a request asks for. */
const asked = (request: IncomingMessage): number =>
    Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);

/** Answers with what was asked for, and breaks the connection after so many bytes. */
function part(request: IncomingMessage, response: ServerResponse, bytes: number, from = asked(request)): void {
    const range = { 'content-range': `bytes ${from}-${object.length - 1}/${object.length}` };
    response.writeHead(
        request.headers.range === undefined ? 200 : 206,
        request.headers.range === undefined ? {} : range,
    );
    const piece = object.subarray(from, from + bytes);
    if (from + bytes >= object.length) response.end(piece);
    else response.write(piece, () => response.destroy());
}

/** The error with which this fails. */
async function failure(failing: Promise<unknown>): Promise<DatasetError> {
    const error = await failing.then(
        () => undefined,
        (error: unknown) => error,
    );
    if (error instanceof DatasetError) return error;
    throw error ?? new Error('this did not fail');
}

describe('a store on a web server', () => {
    it('gives an object from its place', async () => {
        const cid = await cidOf(object);
        const asked: string[] = [];
        const store = await serve((request, response) => {
            asked.push(request.url!);
            response.end(object);
        });
        expect(hex(await store.get(cid, object.length))).toBe(hex(object));
        expect(asked).toEqual([`/store/${objectPath(cid)}`]);
    });

    it('continues a transfer where it broke', async () => {
        const cid = await cidOf(object);
        const from: number[] = [];
        const store = await serve((request, response) => {
            from.push(asked(request));
            part(request, response, 30_000);
        });
        expect(hex(await store.get(cid, object.length))).toBe(hex(object));
        expect(from).toHaveLength(4);
        expect(from).toEqual([...from].sort((a, b) => a - b));
    });

    it('continues where a browser would hide which range was sent', async () => {
        const store = await serve((request, response) => {
            const piece = object.subarray(asked(request), asked(request) + 60_000);
            response.writeHead(request.headers.range === undefined ? 200 : 206);
            if (piece.length < 60_000) response.end(piece);
            else response.write(piece, () => response.destroy());
        });
        expect(hex(await store.get(await cidOf(object), object.length))).toBe(hex(object));
    });

    it('begins again with a server that knows no ranges, and gives up at last', async () => {
        const cid = await cidOf(object);
        let requests = 0;
        const store = await serve((request, response) => {
            delete request.headers.range;
            requests += 1;
            part(request, response, requests === 3 ? object.length : 30_000);
        });
        expect(hex(await store.get(cid, object.length))).toBe(hex(object));
        expect(requests).toBe(3);

        const broken = await serve((_, response) => void response.writeHead(503).end());
        const error = await failure(broken.get(cid, object.length));
        expect([error.code, error.message.includes('503')]).toEqual(['Store', true]);
    });

    it('names what the server did wrong', async () => {
        const cid = await cidOf(object);
        const cases: [string, Answer][] = [
            ['MissingObject', (_, response) => void response.writeHead(404).end()],
            ['CorruptObject', (_, response) => void response.end(object.slice(1))],
            // By what it announces, and by what it sends.
            ['ObjectTooLarge', (_, response) => void response.writeHead(200, { 'content-length': 1e12 }).write('a')],
            ['ObjectTooLarge', (_, response) => void [response.write(object), response.end(object)]],
            ['SlowObject', (_, response) => void response.writeHead(200).write('a')],
            ['SlowObject', () => undefined],
            ['WrongRange', (request, response) => part(request, response, 30_000, Math.max(0, asked(request) - 1))],
        ];
        for (const [code, answer] of cases) {
            const store = await serve(answer, { patience: 200 });
            expect((await failure(store.get(cid, object.length))).code).toBe(code);
            server!.closeAllConnections();
            server!.close();
        }
    });

    it('does not wait for ever for a server that sends a byte now and then', async () => {
        const cid = await cidOf(object);
        const store = await serve(
            (_, response) => {
                const timer = setInterval(() => response.write('a'), 20);
                response.on('close', () => clearInterval(timer));
            },
            { patience: 100 },
        );
        // 3,200 bytes take 100 ms at the slowest rate.
        expect((await failure(store.get(cid, 3_200))).code).toBe('SlowObject');
    });

    it('stops when it is told to', async () => {
        const abort = new AbortController();
        const store = await serve((_, response) => {
            response.write('a');
            abort.abort(new Error('no longer wanted'));
        });
        await expect(store.get(await cidOf(object), 9, abort.signal)).rejects.toThrow('no longer wanted');
    });

    it('leads from a name to an object', async () => {
        const cid = await cidOf(object);
        const store = await serve((request, response) => {
            if (request.url === '/store/names/samples/ab') response.end(cid);
            else if (request.url === '/store/names/long') response.end('b'.repeat(300));
            else if (request.url === '/store/names/bad') response.end('b'.repeat(59));
            else response.writeHead(404).end();
        });
        expect(await store.resolve('samples/ab')).toBe(cid);
        expect(await store.resolve('samples/cd')).toBeUndefined();
        expect((await failure(store.resolve('long'))).code).toBe('Store');
        expect((await failure(store.resolve('bad'))).code).toBe('Malformed');
    });

    it('serves a whole dataset, however often connections break', async () => {
        const document = readDocument<RustDataset>('rust');
        const objects = new Map(
            [...readStore('rust').objects].map(([cid, bytes]) => [`/store/${objectPath(cid)}`, bytes]),
        );
        const requests = new Map<string, number>();
        const store = await serve((request, response) => {
            const bytes = objects.get(request.url!)!;
            const from = asked(request);
            const before = requests.get(request.url!) ?? 0;
            requests.set(request.url!, before + 1);
            const headers = { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
            response.writeHead(from === 0 ? 200 : 206, headers);
            const rest = bytes.subarray(from);
            if (before < 3) response.write(rest.subarray(0, 90), () => response.destroy());
            else response.end(rest);
        });
        const dataset = await Dataset.open(listedOf(document.listed), fromHex(document.content_key), store);
        const pieces: Bytes[] = [];
        for await (const piece of dataset.bytes()) pieces.push(piece);
        expect(Buffer.concat(pieces).equals(readRows('rust'))).toBe(true);
        for (const count of requests.values()) expect(count).toBe(4);
    });
});

describe('a content identifier', () => {
    it('is the one that IPFS gives', async () => {
        const known: [string, string][] = [
            ['hello world', 'bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e'],
            ['', 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'],
        ];
        for (const [text, cid] of known) {
            expect(await cidOf(utf8(text))).toBe(cid);
            expect(cidOfDigest(digestOfCid(parseCid(cid)))).toBe(cid);
        }
    });

    it('has one spelling', async () => {
        const cid = await cidOf(object);
        const others = [
            cid.toUpperCase(),
            cid.slice(1),
            cid.slice(0, -1),
            `${cid}a`,
            // Bits of the last letter that stand for nothing.
            cid.slice(0, -1) + String.fromCharCode(cid.charCodeAt(58) + 1),
            // Another codec.
            cidOfDigest(digestOfCid(cid)).replace('bafkrei', 'bafybei'),
        ] as Cid[];
        for (const other of others) expect(() => parseCid(other), other).toThrow(DatasetError);
    });
});
