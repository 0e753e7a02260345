/** Content-addressed storage: what comes back is what was asked for, or an error. */
import { type Bytes, fromUtf8 } from '../bytes';
import { type Cid, cidOf, parseCid } from './cid';
import { DatasetError } from './error';
import { Growing } from './lines';

/** Where objects are read from. */
export interface Store {
    /** The object of that name; refuses more than `limit` bytes before they take memory, and bytes of another name. */
    get(cid: Cid, limit: number, signal?: AbortSignal): Promise<Bytes>;
    /** The object that a name leads to, if there is one. Names are hints: what is found is believed for its own hash. */
    resolve(name: string): Promise<Cid | undefined>;
}

/** Where objects are written to. */
export interface Sink {
    /** Stores an object. Storing the same again changes nothing. */
    put(cid: Cid, bytes: Bytes): Promise<void>;
}

/** Objects are spread over folders by the last two letters of their names. */
export const objectPath = (cid: Cid): string => `${cid.slice(-2)}/${cid}`;

/** Path of a name. */
export const namePath = (name: string): string => `names/${name}`;

/** Checks that `bytes` are what `cid` names. */
export async function checked(cid: Cid, bytes: Bytes): Promise<Bytes> {
    if ((await cidOf(bytes)) !== cid) throw new DatasetError('CorruptObject', { cid });
    return bytes;
}

/** A store in memory: for small datasets, and for tests. */
export class MemoryStore implements Store, Sink {
    readonly objects = new Map<Cid, Bytes>();
    readonly names = new Map<string, Cid>();

    async get(cid: Cid, limit: number): Promise<Bytes> {
        const bytes = this.objects.get(cid);
        if (bytes === undefined) throw new DatasetError('MissingObject', { cid });
        if (bytes.length > limit) throw new DatasetError('ObjectTooLarge', { cid, bytes: bytes.length });
        return checked(cid, bytes);
    }

    async resolve(name: string): Promise<Cid | undefined> {
        return this.names.get(name);
    }

    async put(cid: Cid, bytes: Bytes): Promise<void> {
        this.objects.set(cid, bytes);
    }
}

/** How an {@link HttpStore} reads. */
export type HttpStoreOptions = {
    /** Used instead of the platform's `fetch`. */
    readonly fetch?: typeof globalThis.fetch;
    /** Longest wait for the next bytes of an object, in milliseconds. */
    readonly patience?: number;
    /** Wait before a broken transfer is continued, in milliseconds; twice as long each time. */
    readonly pause?: number;
};

const PATIENCE = 30_000;
const PAUSE = 250;
/** Times that a broken transfer is continued. */
const CONTINUATIONS = 4;
/**
 * An object may take the patience and as long as its bytes take at this rate, in bytes per millisecond. A server that
 * sends a byte now and then would hold a buyer up for ever.
 */
const SLOWEST = 32;
/** Most bytes of what a name leads to. */
const MAX_NAME_BYTES = 256;

/** The transfer broke, and may be continued where it broke. */
class Broken extends Error {}

/** A web server with a store's folder, read by `fetch`. A transfer that breaks is continued with a range request. */
export class HttpStore implements Store {
    readonly #base: string;
    readonly #fetch: typeof globalThis.fetch;
    readonly #patience: number;
    readonly #pause: number;

    /** `base` is the address of the folder. */
    constructor(base: string | URL, options: HttpStoreOptions = {}) {
        this.#base = `${base}`.replace(/\/+$/, '');
        this.#fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
        this.#patience = options.patience ?? PATIENCE;
        this.#pause = options.pause ?? PAUSE;
    }

    async get(cid: Cid, limit: number, signal?: AbortSignal): Promise<Bytes> {
        const transfer = new Transfer(this.#fetch, `${this.#base}/${objectPath(cid)}`, cid, limit);
        const deadline = Date.now() + this.#patience + limit / SLOWEST;
        for (let continuations = 0; ; continuations++) {
            try {
                return await checked(cid, await transfer.run(this.#patience, deadline, signal));
            } catch (error) {
                if (!(error instanceof Broken)) throw error;
                if (continuations === CONTINUATIONS) {
                    throw new DatasetError('Store', { what: `read ${cid}`, why: error.message });
                }
            }
            await new Promise(resolve => setTimeout(resolve, this.#pause * 2 ** continuations));
        }
    }

    async resolve(name: string): Promise<Cid | undefined> {
        const failed = (why: string) => new DatasetError('Store', { what: `read the name ${name}`, why });
        const abort = AbortSignal.timeout(this.#patience);
        const response = await this.#fetch(`${this.#base}/${namePath(name)}`, { signal: abort }).catch(error => {
            throw failed(String(error));
        });
        if (response.status === 404 || response.status === 410) return undefined;
        if (!response.ok) throw failed(`the server answered ${response.status}`);
        const bytes = new Uint8Array(await response.arrayBuffer());
        if (bytes.length > MAX_NAME_BYTES) throw failed(`it leads to ${bytes.length} bytes`);
        return parseCid(fromUtf8(bytes));
    }
}

/** One object on its way, with what has arrived of it. */
class Transfer {
    readonly #arrived = new Growing();

    constructor(
        readonly fetch: typeof globalThis.fetch,
        readonly url: string,
        readonly cid: Cid,
        readonly limit: number,
    ) {}

    /** Reads what is lacking. Throws {@link Broken} where it may be called again. */
    async run(patience: number, deadline: number, outer?: AbortSignal): Promise<Bytes> {
        outer?.throwIfAborted();
        const abort = new AbortController();
        const signal = outer === undefined ? abort.signal : AbortSignal.any([abort.signal, outer]);
        let slow = false;
        const giveUp = () => {
            slow = true;
            abort.abort();
        };
        const wait = () => setTimeout(giveUp, Math.max(0, Math.min(patience, deadline - Date.now())));
        let timer = wait();
        try {
            const body = await this.#request(signal);
            for (let read = await body.read(); !read.done; read = await body.read()) {
                clearTimeout(timer);
                timer = wait();
                this.#append(read.value);
            }
            return this.#arrived.take();
        } catch (error) {
            outer?.throwIfAborted();
            if (slow) throw new DatasetError('SlowObject', { cid: this.cid });
            if (error instanceof DatasetError || error instanceof Broken) throw error;
            throw new Broken(error instanceof Error ? error.message : String(error));
        } finally {
            clearTimeout(timer);
            // Ends a transfer that was refused half-way; nothing happens to one that is complete.
            abort.abort();
        }
    }

    async #request(signal: AbortSignal): Promise<ReadableStreamDefaultReader<Uint8Array>> {
        const { cid, limit } = this;
        const asked = this.#arrived.length;
        const headers: Record<string, string> = asked > 0 ? { range: `bytes=${asked}-` } : {};
        const response = await this.fetch(this.url, { headers, signal });
        if (response.status === 404 || response.status === 410) throw new DatasetError('MissingObject', { cid });
        if (response.status === 206) {
            // A browser hides it unless the server says otherwise; the object's hash tells in the end.
            const sent = response.headers.get('content-range');
            if (sent !== null && !sent.startsWith(`bytes ${asked}-`)) {
                throw new DatasetError('WrongRange', { cid, asked, sent });
            }
        } else if (response.ok) {
            // A server that knows no ranges sends everything again.
            this.#arrived.clear();
        } else {
            throw new Broken(`the server answered ${response.status}`);
        }
        const announced = this.#arrived.length + Number(response.headers.get('content-length') ?? 0);
        if (announced > limit) throw new DatasetError('ObjectTooLarge', { cid, bytes: announced });
        if (response.body === null) throw new Broken('the server sent no body');
        return response.body.getReader();
    }

    /** Takes a piece, whatever length the server announced. */
    #append(piece: Uint8Array): void {
        const bytes = this.#arrived.length + piece.length;
        if (bytes > this.limit) throw new DatasetError('ObjectTooLarge', { cid: this.cid, bytes });
        this.#arrived.push(piece);
    }
}
