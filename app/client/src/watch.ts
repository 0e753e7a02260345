/**
 * Subscriptions that survive a dropped socket, as async iterables. Whatever changed while it was down was missed: each says
 * when it stands, for the first time or again, and what it is about must be fetched then.
 */
import {
    type AccountNotificationsApi,
    type Address,
    type Commitment,
    getBase64Encoder,
    type Lamports,
    type LogsNotificationsApi,
    type ProgramNotificationsApi,
    type Rpc,
    type RpcSubscriptions,
    type Signature,
    type Slot,
    type SolanaRpcApi,
} from '@solana/kit';

import type { Decode } from './checked';
import { eventsOfLogs, fetchEvents, hasSelfCalls, type LumoraEvent } from './events';
import { sleep } from './send';

/** The subscription stands, for the first time or again: fetch now what it is about. */
export type Connected = { readonly kind: 'connected' };

/** What a subscription to accounts tells. */
export type Change<T extends object> =
    | Connected
    /** An account was written. */
    | { readonly kind: 'account'; readonly address: Address; readonly account: T; readonly slot: Slot }
    /** An account was closed, or is not of its type any more. */
    | { readonly kind: 'closed'; readonly address: Address; readonly slot: Slot };

/** How to watch. */
export type WatchOptions = {
    /** Ends the iteration. */
    readonly signal?: AbortSignal;
    /** `confirmed` where nothing else is given. */
    readonly commitment?: Commitment;
    /** First pause before connecting again, milliseconds; it doubles up to ten seconds. */
    readonly firstPause?: number;
};

const LONGEST_PAUSE = 10_000;

/** Follows one account, as `asNode` or another such function reads it. */
export function watchAccount<T extends object>(
    rpcSubscriptions: RpcSubscriptions<AccountNotificationsApi>,
    address: Address,
    decode: Decode<T>,
    options: WatchOptions = {},
): AsyncGenerator<Change<T>, void, void> {
    const { commitment = 'confirmed' } = options;
    return follow(options, async function* (abortSignal) {
        const request = rpcSubscriptions.accountNotifications(address, { commitment, encoding: 'base64' });
        const notifications = await request.subscribe({ abortSignal });
        yield { kind: 'connected' };
        for await (const { context, value } of notifications) yield changeOf(address, value, decode, context.slot);
    });
}

/** Which of a program's accounts to follow: those that begin with a discriminator, and have more bytes at a place. */
export type ProgramFilters = NonNullable<
    NonNullable<Parameters<RpcSubscriptions<ProgramNotificationsApi>['programNotifications']>[1]>['filters']
>;

/** Follows all accounts of a program that pass the filters. Those of other types than `decode` takes are left out. */
export function watchAccounts<T extends object>(
    rpcSubscriptions: RpcSubscriptions<ProgramNotificationsApi>,
    program: Address,
    filters: ProgramFilters,
    decode: Decode<T>,
    options: WatchOptions = {},
): AsyncGenerator<Change<T>, void, void> {
    const { commitment = 'confirmed' } = options;
    return follow(options, async function* (abortSignal) {
        const config = { commitment, encoding: 'base64', filters: [...filters] } as const;
        const notifications = await rpcSubscriptions.programNotifications(program, config).subscribe({ abortSignal });
        yield { kind: 'connected' };
        for await (const { context, value } of notifications) {
            yield changeOf(value.pubkey, value.account as Written, decode, context.slot);
        }
    });
}

/** What a subscription to events tells. */
export type Told =
    | Connected
    /** A transaction that mentions the address has landed, and told this. */
    | { readonly kind: 'events'; readonly signature: Signature; readonly slot: Slot; readonly events: LumoraEvent[] };

/**
 * Follows what the programs tell in transactions that mention an address: a program's, a job's, a wallet's. Where value
 * moves, the transaction itself is fetched, since logs do not hold those events.
 */
export function watchEvents(
    {
        rpc,
        rpcSubscriptions,
    }: {
        readonly rpc: Rpc<SolanaRpcApi>;
        readonly rpcSubscriptions: RpcSubscriptions<LogsNotificationsApi>;
    },
    mentioned: Address,
    options: WatchOptions = {},
): AsyncGenerator<Told, void, void> {
    const { commitment = 'confirmed' } = options;
    return follow(options, async function* (abortSignal) {
        const request = rpcSubscriptions.logsNotifications({ mentions: [mentioned] }, { commitment });
        const notifications = await request.subscribe({ abortSignal });
        yield { kind: 'connected' };
        for await (const { context, value } of notifications) {
            if (value.err !== null) continue;
            const logs = value.logs ?? [];
            const isWhole = !hasSelfCalls(logs) && !logs.includes('Log truncated');
            const events = isWhole ? eventsOfLogs(logs) : await eventsSoon(rpc, value.signature, abortSignal);
            if (events.length > 0) yield { kind: 'events', signature: value.signature, slot: context.slot, events };
        }
    });
}

/** A node may tell of a transaction a moment before it can show it. */
async function eventsSoon(rpc: Rpc<SolanaRpcApi>, signature: Signature, signal: AbortSignal): Promise<LumoraEvent[]> {
    for (let pause = 100; ; pause *= 2) {
        const found = await fetchEvents(rpc, signature, signal);
        if (found !== undefined) return found.events;
        // Connecting again says to the caller that something was missed.
        if (pause > LONGEST_PAUSE) throw new Error(`the node does not show the transaction ${signature}`);
        await sleep(pause, signal);
    }
}

/** An account as notifications have it. */
type Written = {
    readonly data: readonly [string, 'base64'];
    readonly executable: boolean;
    readonly lamports: Lamports;
    readonly owner: Address;
    readonly space: bigint;
};

function changeOf<T extends object>(address: Address, value: Written, decode: Decode<T>, slot: Slot): Change<T> {
    const { data, executable, lamports, owner: programAddress, space } = value;
    const closed = { kind: 'closed', address, slot } as const;
    if (lamports === 0n || data[0] === '') return closed;
    try {
        const bytes = new Uint8Array(getBase64Encoder().encode(data[0]));
        const account = decode({ address, data: bytes, executable, lamports, programAddress, space });
        return { kind: 'account', address, account, slot };
    } catch {
        return closed;
    }
}

/** Keeps a subscription alive: subscribes, hands its changes on, and subscribes again when it ends. */
async function* follow<T>(
    { signal, firstPause = 250 }: WatchOptions,
    subscribe: (signal: AbortSignal) => AsyncIterable<T>,
): AsyncGenerator<T, void, void> {
    let pause = firstPause;
    while (!signal?.aborted) {
        // Of its own, so that leaving the loop ends the subscription too.
        const own = new AbortController();
        const end = () => own.abort(signal?.reason);
        signal?.addEventListener('abort', end, { once: true });
        const started = Date.now();
        try {
            yield* subscribe(own.signal);
        } catch {
            // Whatever it was, connecting again is the answer: `connected` says that something was missed.
        } finally {
            signal?.removeEventListener('abort', end);
            own.abort();
        }
        if (signal?.aborted) return;
        // One that stood for a while starts over with a short pause.
        pause = Date.now() - started > LONGEST_PAUSE ? firstPause : Math.min(pause * 2, LONGEST_PAUSE);
        await sleep(pause, signal).catch(() => undefined);
    }
}
