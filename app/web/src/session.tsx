/** What all rooms share: configuration, connections, the wallet, the clock. */
import { type Address, createSolanaRpc, type Rpc, type SolanaRpcApi } from '@solana/kit';
import { useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from 'react';

import type { Config } from './config';
import type { LiveState, Source } from './data/model';
import { type News, openNews } from './data/news';
import { Told } from './transactions/explain';
import { connect, type Connection, disconnect, followAccounts, type SolanaWallet } from './wallet/standard';

/** See the module. */
export type Session = {
    readonly config: Config;
    readonly rpc: Rpc<SolanaRpcApi>;
    readonly source: Source;
    readonly news: News;
    readonly live: LiveState;
    readonly connection: Connection | undefined;
    /** The wallet's address, where one is connected. */
    readonly wallet: Address | undefined;
    readonly connectTo: (wallet: SolanaWallet) => Promise<void>;
    readonly letGo: () => Promise<void>;
};

const Context = createContext<Session | undefined>(undefined);
/** Name of the wallet that was connected last, so that it can be asked silently the next time. */
const LAST_WALLET = 'lumora.wallet';

/** The session of this page. */
export function useSession(): Session {
    const session = useContext(Context);
    if (session === undefined) throw new Error('useSession is used outside SessionProvider');
    return session;
}

/** What a session is opened with. */
export type Services = Pick<Session, 'config' | 'rpc' | 'source' | 'news'>;

/** Opens the connections. Only one of the two sources is loaded. */
export async function openServices(config: Config): Promise<Services> {
    const rpc = createSolanaRpc(config.rpcUrl);
    const source =
        config.indexerUrl === undefined
            ? new (await import('./data/chain')).Chain(rpc, config.wsUrl)
            : new (await import('./data/indexer')).Indexer(config.indexerUrl);
    return { config, rpc, source, news: openNews() };
}

/** Follows what happens, and holds the wallet. */
export function SessionProvider({ services, children }: { services: Services; children: ReactNode }) {
    const queries = useQueryClient();
    const [live, setLive] = useState<LiveState>('connecting');
    const [connection, setConnection] = useState<Connection>();

    useEffect(() => {
        // Many events at a time are one reason to look again.
        let due: ReturnType<typeof setTimeout> | undefined;
        const refresh = () => {
            due ??= setTimeout(() => {
                due = undefined;
                void queries.invalidateQueries({ queryKey: ['live'] });
            }, 1_500);
        };
        const stop = services.source.follow({
            state: setLive,
            happened: event => {
                if (event !== undefined) services.news.add(event);
                refresh();
            },
        });
        return () => {
            clearTimeout(due);
            stop();
        };
    }, [services, queries]);

    useEffect(() => (connection === undefined ? undefined : followAccounts(connection, setConnection)), [connection]);

    const connectTo = useCallback(async (wallet: SolanaWallet) => {
        const made = await connect(wallet);
        if (made === undefined) throw new Told('The wallet shared no account. Unlock it and try again.');
        localStorage.setItem(LAST_WALLET, wallet.name);
        setConnection(made);
    }, []);
    const letGo = useCallback(async () => {
        localStorage.removeItem(LAST_WALLET);
        if (connection !== undefined) await disconnect(connection).catch(() => {});
        setConnection(undefined);
    }, [connection]);

    const session = useMemo<Session>(
        () => ({
            ...services,
            live,
            connection,
            wallet: connection?.account.address as Address | undefined,
            connectTo,
            letGo,
        }),
        [services, live, connection, connectTo, letGo],
    );
    return <Context value={session}>{children}</Context>;
}

/** Whether this wallet was connected the last time. */
export const wasConnected = (wallet: SolanaWallet): boolean => localStorage.getItem(LAST_WALLET) === wallet.name;

/** Unix time, renewed every so many seconds: for ages and deadlines on the page. */
export function useNow(everySeconds = 5): number {
    const [now, setNow] = useState(() => Date.now() / 1000);
    useEffect(() => {
        const timer = setInterval(() => setNow(Date.now() / 1000), everySeconds * 1000);
        return () => clearInterval(timer);
    }, [everySeconds]);
    return now;
}
