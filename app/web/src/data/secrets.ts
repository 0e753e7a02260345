/** Secrets that are kept in this browser: each is stored before money moves, for nothing else opens what is bought with it. */

const DATABASE = 'lumora';
const SECRETS = 'secrets';

function open(): Promise<IDBDatabase> {
    return new Promise((resolve, reject) => {
        const request = indexedDB.open(DATABASE, 1);
        request.onupgradeneeded = () => request.result.createObjectStore(SECRETS);
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error!);
    });
}

async function run<T>(mode: IDBTransactionMode, act: (secrets: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    const database = await open();
    try {
        return await new Promise<T>((resolve, reject) => {
            // Strict: the browser has written it to the disk when this resolves.
            const transaction = database.transaction(SECRETS, mode, { durability: 'strict' });
            const request = act(transaction.objectStore(SECRETS));
            transaction.oncomplete = () => resolve(request.result);
            transaction.onerror = transaction.onabort = () => reject(transaction.error!);
        });
    } finally {
        database.close();
    }
}

/** Keeps a secret under a name: the address of a purchase, or that of a job's results. */
export async function keepSecret(name: string, secret: Uint8Array): Promise<void> {
    await run('readwrite', secrets => secrets.put(secret, name));
    // Without this, a browser that runs out of room may forget it.
    await navigator.storage?.persist?.();
}

/** The secret with this name, where this browser has it. */
export const secretOf = (name: string): Promise<Uint8Array | undefined> =>
    run<Uint8Array | undefined>('readonly', secrets => secrets.get(name) as IDBRequest<Uint8Array | undefined>);
