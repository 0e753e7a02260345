/** Opening a copy in a worker, with how far it is. */
import { dataset } from '@lumora/client';
import { useCallback, useEffect, useRef, useState } from 'react';

import { useSession } from '../../session';
import { asSentence } from '../../transactions/explain';
import type { OpenNews, OpenOrder } from './open.worker';
import { settledRows } from './settled';

/** How far it is. */
export type Opening =
    | { readonly state: 'idle' }
    | { readonly state: 'running'; readonly bytes: number; readonly of: number }
    | { readonly state: 'done'; readonly content: Blob; readonly statements: dataset.Statements }
    | { readonly state: 'failed'; readonly reason: string };

/** See the module. */
export function useOpening() {
    const { config, source } = useSession();
    const [opening, setOpening] = useState<Opening>({ state: 'idle' });
    const worker = useRef<Worker>(undefined);
    const stop = useCallback(() => {
        worker.current?.terminate();
        worker.current = undefined;
        setOpening({ state: 'idle' });
    }, []);
    useEffect(() => () => worker.current?.terminate(), []);

    const begin = useCallback(
        (listed: dataset.Listed, key: Uint8Array, file: string) => {
            if (config.storeUrl === undefined) {
                setOpening({
                    state: 'failed',
                    reason: 'No store is configured: set “storeUrl” in config.json to where the datasets lie.',
                });
                return;
            }
            worker.current?.terminate();
            const opener = new Worker(new URL('./open.worker.ts', import.meta.url), { type: 'module' });
            worker.current = opener;
            setOpening({ state: 'running', bytes: 0, of: 0 });
            const failed = (message: string) => setOpening({ state: 'failed', reason: asSentence(message) });
            opener.onerror = () => failed('this browser could not begin the download: try a newer one');
            opener.onmessage = async ({ data: news }: MessageEvent<OpenNews>) => {
                if (news.kind === 'progress') setOpening({ state: 'running', bytes: news.bytes, of: news.of });
                else if (news.kind === 'failed') failed(news.message);
                else {
                    const settled = await settledRows(source, news.verification.shards).catch(() => undefined);
                    setOpening({
                        state: 'done',
                        content: news.content,
                        statements: dataset.statements(news.verification, settled),
                    });
                }
            };
            const order: OpenOrder = { listed, key, storeUrl: config.storeUrl, file };
            opener.postMessage(order);
        },
        [config.storeUrl, source],
    );
    return { opening, begin, stop };
}
