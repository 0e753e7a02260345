/**
 * Downloads, decrypts and verifies a dataset away from the page, so that the page stays quick. Rows go into a file of the
 * browser's own, from where an earlier download stopped; memory does not grow with the dataset.
 */
import { Dataset, HttpStore, type Listed, type Verification } from '@lumora/client/dataset';

/** What is to be opened. */
export type OpenOrder = {
    readonly listed: Listed;
    readonly key: Uint8Array;
    readonly storeUrl: string;
    /** Name of the file. */
    readonly file: string;
};

/** What the page hears. */
export type OpenNews =
    | { readonly kind: 'progress'; readonly bytes: number; readonly of: number }
    | { readonly kind: 'done'; readonly content: Blob; readonly verification: Verification }
    | { readonly kind: 'failed'; readonly message: string };

/** Files can be written in place in workers alone, and the types of a page leave it out. */
type WorkerFile = FileSystemFileHandle & {
    createSyncAccessHandle(): Promise<{
        truncate(length: number): void;
        write(bytes: Uint8Array, options: { at: number }): number;
        flush(): void;
        close(): void;
    }>;
};

const tell = (news: OpenNews): void => self.postMessage(news);

self.onmessage = async ({ data }: MessageEvent<OpenOrder>) => {
    try {
        await run(data);
    } catch (error) {
        tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
    }
};

async function run({ listed, key, storeUrl, file }: OpenOrder): Promise<void> {
    const opened = await Dataset.open(listed, key, new HttpStore(storeUrl));
    const of = opened.package.bytes;
    const folder = await navigator.storage.getDirectory();
    const handle = (await folder.getFileHandle(file, { create: true })) as WorkerFile;
    const before = await handle.getFile();
    const length = opened.resumePoint(before.size);
    const kept = length > 0 ? { length, chunks: before.slice(0, length).stream() } : undefined;
    // Synchronous access writes in place: a download that breaks off leaves what it wrote.
    const access = await handle.createSyncAccessHandle();
    let at = length;
    try {
        access.truncate(length);
        tell({ kind: 'progress', bytes: at, of });
        for await (const bytes of opened.bytes(kept === undefined ? {} : { kept })) {
            access.write(bytes, { at });
            at += bytes.length;
            tell({ kind: 'progress', bytes: at, of });
        }
        access.flush();
    } finally {
        access.close();
    }
    tell({ kind: 'done', content: await handle.getFile(), verification: opened.verification() });
}
