/**
 * What the programs tell: in their logs, and where value moves in calls of a program to itself, which are never cut off.
 * An event counts only where the program that it is of has told it: anybody can log the same bytes.
 */
import {
    type Address,
    type Decoder,
    getBase58Encoder,
    getBase64Encoder,
    type ReadonlyUint8Array,
    type Rpc,
    type Signature,
    type Slot,
    type SolanaRpcApi,
} from '@solana/kit';

import { hex } from './bytes';
import { type BandwidthEvent, EVENTS as BANDWIDTH } from './generated/bandwidth/events';
import { LUMORA_BANDWIDTH_PROGRAM_ADDRESS } from './generated/bandwidth/programs';
import { EVENTS as MARKET, type MarketEvent } from './generated/market/events';
import { LUMORA_MARKET_PROGRAM_ADDRESS } from './generated/market/programs';
import { EVENTS as REGISTRY, type RegistryEvent } from './generated/registry/events';
import { LUMORA_REGISTRY_PROGRAM_ADDRESS } from './generated/registry/programs';
import { EVENTS as REWARDS, type RewardsEvent } from './generated/rewards/events';
import { LUMORA_REWARDS_PROGRAM_ADDRESS } from './generated/rewards/programs';
import { EVENTS as TASKS, type TasksEvent } from './generated/tasks/events';
import { LUMORA_TASKS_PROGRAM_ADDRESS } from './generated/tasks/programs';

export type { BandwidthEvent, MarketEvent, RegistryEvent, RewardsEvent, TasksEvent };

/** An event of one of the programs: `{ program, name, data }`. */
export type LumoraEvent =
    | ({ readonly program: 'bandwidth' } & BandwidthEvent)
    | ({ readonly program: 'market' } & MarketEvent)
    | ({ readonly program: 'registry' } & RegistryEvent)
    | ({ readonly program: 'rewards' } & RewardsEvent)
    | ({ readonly program: 'tasks' } & TasksEvent);

/** The name of an event: `JobCreated`. */
export type EventName = LumoraEvent['name'];

type Kind = { readonly program: string; readonly name: string; readonly decoder: () => Decoder<object> };

const table: readonly (readonly [Address, string, typeof TASKS])[] = [
    [LUMORA_BANDWIDTH_PROGRAM_ADDRESS, 'bandwidth', BANDWIDTH],
    [LUMORA_MARKET_PROGRAM_ADDRESS, 'market', MARKET],
    [LUMORA_REGISTRY_PROGRAM_ADDRESS, 'registry', REGISTRY],
    [LUMORA_REWARDS_PROGRAM_ADDRESS, 'rewards', REWARDS],
    [LUMORA_TASKS_PROGRAM_ADDRESS, 'tasks', TASKS],
];

const kinds = /* @__PURE__ */ kindsOf();

function kindsOf(): ReadonlyMap<string, Kind> {
    const kinds = new Map<string, Kind>();
    for (const [address, program, rows] of table) {
        for (const [name, discriminator, decoder] of rows) {
            kinds.set(`${address} ${discriminator}`, { program, name, decoder });
        }
    }
    return kinds;
}

/** First bytes of an instruction with which a program calls itself to record an event. */
const SELF_CALL_TAG = 'e445a52e51cb9a1d';
const TAG_LENGTH = 8;

/**
 * Reads an event of this program: the payload of a `Program data:` line, or the data of a self-call. `undefined` where it is
 * none that this package knows: a newer program may tell more.
 */
export function decodeEvent(program: Address, data: ReadonlyUint8Array): LumoraEvent | undefined {
    const isSelfCall = hex(data.slice(0, TAG_LENGTH)) === SELF_CALL_TAG;
    const payload = isSelfCall ? data.slice(TAG_LENGTH) : data;
    const kind = kinds.get(`${program} ${hex(payload.slice(0, TAG_LENGTH))}`);
    if (kind === undefined) return undefined;
    const { program: name, name: event, decoder } = kind;
    try {
        const [fields, end] = decoder().read(payload, TAG_LENGTH);
        // A longer one is of a newer layout.
        return end === payload.length ? ({ program: name, name: event, data: fields } as LumoraEvent) : undefined;
    } catch {
        return undefined;
    }
}

/** What a transaction's log lines say, in their order. Self-calls are not in the logs: {@link eventsOfTransaction}. */
export function eventsOfLogs(lines: readonly string[]): LumoraEvent[] {
    const events: LumoraEvent[] = [];
    for (const { program, data } of walk(lines)) {
        const event = data === undefined ? undefined : decodeEvent(program, data);
        if (event !== undefined) events.push(event);
    }
    return events;
}

/** Whether these log lines show that a Lumora program called itself: then the transaction holds events beside them. */
export function hasSelfCalls(lines: readonly string[]): boolean {
    for (const { program, caller } of walk(lines)) if (program === caller) return true;
    return false;
}

type Step = { readonly program: Address; readonly caller: Address | undefined; readonly data?: ReadonlyUint8Array };

/** Which program is running at each line: what a program logs itself always begins with `Program log:` or `data:`. */
function* walk(lines: readonly string[]): Generator<Step> {
    const stack: Address[] = [];
    for (const line of lines) {
        const [word, program, verb] = line.split(' ', 3);
        if (word !== 'Program') continue;
        if (verb === 'invoke') {
            stack.push(program as Address);
            yield { program: program as Address, caller: stack.at(-2) };
        } else if (verb === 'success' || verb === 'failed:') {
            stack.pop();
        } else if (program === 'data:' && stack.length > 0) {
            yield { program: stack.at(-1)!, caller: stack.at(-2), data: bytesOf(line.slice('Program data: '.length)) };
        }
    }
}

function bytesOf(text: string): ReadonlyUint8Array {
    try {
        return getBase64Encoder().encode(text);
    } catch {
        // Several values in one line: none of ours.
        return new Uint8Array(0);
    }
}

/** A transaction as `getTransaction` gives it with `encoding: 'json'`. */
export type JsonTransaction = {
    readonly transaction: { readonly message: { readonly accountKeys: readonly Address[] } };
    readonly meta: {
        readonly err: unknown;
        readonly logMessages?: readonly string[] | null;
        readonly innerInstructions?:
            | readonly {
                  readonly instructions: readonly { readonly programIdIndex: number; readonly data: string }[];
              }[]
            | null;
        readonly loadedAddresses?: { readonly writable: readonly Address[]; readonly readonly: readonly Address[] };
    } | null;
};

/** All that the programs told in a transaction: first what is in its logs, then what moved value. None if it failed. */
export function eventsOfTransaction({ transaction, meta }: JsonTransaction): LumoraEvent[] {
    if (meta === null || meta.err !== null) return [];
    const { writable = [], readonly: readable = [] } = meta.loadedAddresses ?? {};
    const addresses = [...transaction.message.accountKeys, ...writable, ...readable];
    const recorded = (meta.innerInstructions ?? []).flatMap(({ instructions }) =>
        instructions.flatMap(({ programIdIndex, data }) => {
            const bytes = getBase58Encoder().encode(data);
            // Only a program's own signature makes a self-call: nobody else's tag is taken.
            if (hex(bytes.slice(0, TAG_LENGTH)) !== SELF_CALL_TAG) return [];
            return decodeEvent(addresses[programIdIndex]!, bytes) ?? [];
        }),
    );
    return [...eventsOfLogs(meta.logMessages ?? []), ...recorded];
}

/** The events of a transaction that has landed; `undefined` while the node does not know it. */
export async function fetchEvents(
    rpc: Rpc<SolanaRpcApi>,
    signature: Signature,
    signal?: AbortSignal,
): Promise<{ readonly slot: Slot; readonly events: LumoraEvent[] } | undefined> {
    const found = await rpc
        .getTransaction(signature, { commitment: 'confirmed', encoding: 'json', maxSupportedTransactionVersion: 0 })
        .send(signal === undefined ? {} : { abortSignal: signal });
    return found === null ? undefined : { slot: found.slot, events: eventsOfTransaction(found as JsonTransaction) };
}
