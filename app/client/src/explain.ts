/** Any failure in words: what happened, and what to do. */
import {
    type Address,
    type Instruction,
    isSolanaError,
    SOLANA_ERROR__ACCOUNTS__ACCOUNT_NOT_FOUND,
    SOLANA_ERROR__BLOCK_HEIGHT_EXCEEDED,
    SOLANA_ERROR__INSTRUCTION_ERROR__CUSTOM,
    SOLANA_ERROR__JSON_RPC__SERVER_ERROR_NODE_UNHEALTHY,
    SOLANA_ERROR__JSON_RPC__SERVER_ERROR_SEND_TRANSACTION_PREFLIGHT_FAILURE,
    SOLANA_ERROR__RPC__TRANSPORT_HTTP_ERROR,
    SOLANA_ERROR__RPC_SUBSCRIPTIONS__CHANNEL_CLOSED_BEFORE_MESSAGE_BUFFERED,
    SOLANA_ERROR__RPC_SUBSCRIPTIONS__CHANNEL_CONNECTION_CLOSED,
    SOLANA_ERROR__RPC_SUBSCRIPTIONS__CHANNEL_FAILED_TO_CONNECT,
    SOLANA_ERROR__TRANSACTION__EXCEEDS_SIZE_LIMIT,
    SOLANA_ERROR__TRANSACTION_ERROR__ACCOUNT_NOT_FOUND,
    SOLANA_ERROR__TRANSACTION_ERROR__ALREADY_PROCESSED,
    SOLANA_ERROR__TRANSACTION_ERROR__BLOCKHASH_NOT_FOUND,
    SOLANA_ERROR__TRANSACTION_ERROR__INSUFFICIENT_FUNDS_FOR_FEE,
    SOLANA_ERROR__TRANSACTION_ERROR__INSUFFICIENT_FUNDS_FOR_RENT,
    SOLANA_ERROR__TRANSACTION_ERROR__PROGRAM_ACCOUNT_NOT_FOUND,
    SOLANA_ERROR__TRANSACTION_ERROR__SIGNATURE_FAILURE,
    type TransactionError,
} from '@solana/kit';

import { refusalOf, TransactionRefused } from './refusal';

/** A failure in words. */
export type Explanation = {
    /**
     * What it was, for programs to act on: `WalletRejected`, `NotEnoughSol`, `NotEnoughLmr`, `Expired`, `NetworkDown`,
     * `RateLimited`, `Aborted`, `AccountMissing`, `TooLarge`, `Unexpected`; the name of a program's error (`TooEarly`), or
     * the code of a `DatasetError` or `DeliveryError` (`WrongKey`).
     */
    readonly reason: string;
    /** What happened and what to do, for people. */
    readonly sentence: string;
    /** The program that refused, and its error code. */
    readonly program?: Address;
    readonly code?: number;
};

const WALLET_REJECTED: Explanation = {
    reason: 'WalletRejected',
    sentence: 'The wallet did not sign, so nothing was sent and nothing has changed: approve it in the wallet to go on',
};
const EXPIRED: Explanation = {
    reason: 'Expired',
    sentence: 'The transaction did not land in time and can no longer land: nothing has changed, try again',
};
const NETWORK_DOWN: Explanation = {
    reason: 'NetworkDown',
    sentence: 'The network cannot be reached: check the connection and the RPC address, then try again',
};
const RATE_LIMITED: Explanation = {
    reason: 'RateLimited',
    sentence: 'The RPC node takes no more requests for now: wait a minute, or use another node',
};
const ABORTED: Explanation = { reason: 'Aborted', sentence: 'This was stopped before it was done' };
const ACCOUNT_MISSING: Explanation = {
    reason: 'AccountMissing',
    sentence: 'There is no such account on this network: check the address and which network this is',
};
const TOO_LARGE: Explanation = {
    reason: 'TooLarge',
    sentence: 'The transaction is larger than the network takes: do it in several steps',
};
const UNEXPECTED: Explanation = {
    reason: 'Unexpected',
    sentence: 'Something went wrong that this program does not know: try again, and report it if it stays',
};

/** Errors of this package that bring their own reason and sentence. */
const OWN_ERRORS: readonly string[] = ['DatasetError', 'DeliveryError'];

/** Transaction errors as `@solana/kit` numbers them, and as the network names them. */
const RUNTIME_ERRORS = new Map<number, TransactionError>([
    [SOLANA_ERROR__TRANSACTION_ERROR__ACCOUNT_NOT_FOUND, 'AccountNotFound'],
    [SOLANA_ERROR__TRANSACTION_ERROR__ALREADY_PROCESSED, 'AlreadyProcessed'],
    [SOLANA_ERROR__TRANSACTION_ERROR__BLOCKHASH_NOT_FOUND, 'BlockhashNotFound'],
    [SOLANA_ERROR__TRANSACTION_ERROR__INSUFFICIENT_FUNDS_FOR_FEE, 'InsufficientFundsForFee'],
    [SOLANA_ERROR__TRANSACTION_ERROR__INSUFFICIENT_FUNDS_FOR_RENT, { InsufficientFundsForRent: { account_index: 0 } }],
    [SOLANA_ERROR__TRANSACTION_ERROR__PROGRAM_ACCOUNT_NOT_FOUND, 'ProgramAccountNotFound'],
    [SOLANA_ERROR__TRANSACTION_ERROR__SIGNATURE_FAILURE, 'SignatureFailure'],
]);

/** What wallets say when the user declined; most give EIP-1193's code as well. */
const DECLINED =
    /\b(user|request|transaction|signature)\b.{0,20}\b(reject|declin|denied|deny|cancel)|reject\w* the request/i;
const USER_REJECTED_REQUEST = 4_001;

/** What browsers, Node and Safari call a request that did not get through. */
const UNREACHABLE = /fetch failed|failed to fetch|load failed|networkerror|network request failed|econn|enotfound/i;

/**
 * Says what a failure means and what to do about it: of this package, of `@solana/kit`, of a wallet, of a program.
 * `instructions` are those of the transaction that failed, where the error itself does not tell which program refused.
 */
export function explain(error: unknown, instructions?: readonly Pick<Instruction, 'programAddress'>[]): Explanation {
    const chain = causes(error);
    for (const one of chain) {
        const found = explainOne(one, chain, instructions);
        if (found !== undefined) return found;
    }
    return UNEXPECTED;
}

function explainOne(
    error: unknown,
    chain: readonly unknown[],
    instructions?: readonly Pick<Instruction, 'programAddress'>[],
): Explanation | undefined {
    if (error instanceof TransactionRefused) return explanationOf(error.refusal);
    if (isSolanaError(error)) return explainSolanaError(error, logsOf(chain), instructions);
    if (typeof error !== 'object' || error === null) return undefined;
    const { name, code, message } = error as { name?: unknown; code?: unknown; message?: unknown };
    const said = typeof message === 'string' ? message : '';
    if (OWN_ERRORS.includes(String(name))) return { reason: String(code), sentence: said };
    if (name === 'TransactionExpired') return EXPIRED;
    if (name === 'AbortError') return ABORTED;
    if (code === USER_REJECTED_REQUEST || DECLINED.test(said)) return WALLET_REJECTED;
    if (UNREACHABLE.test(said)) return NETWORK_DOWN;
    return undefined;
}

function explainSolanaError(
    error: Error,
    logs: readonly string[],
    instructions?: readonly Pick<Instruction, 'programAddress'>[],
): Explanation | undefined {
    if (isSolanaError(error, SOLANA_ERROR__INSTRUCTION_ERROR__CUSTOM)) {
        const { code, index } = error.context;
        const custom = { InstructionError: [Number(index), { Custom: Number(code) }] } as unknown as TransactionError;
        return explanationOf(refusalOf(custom, logs, instructions));
    }
    if (isSolanaError(error, SOLANA_ERROR__RPC__TRANSPORT_HTTP_ERROR)) {
        return error.context.statusCode === 429 ? RATE_LIMITED : NETWORK_DOWN;
    }
    if (isSolanaError(error, SOLANA_ERROR__ACCOUNTS__ACCOUNT_NOT_FOUND)) return ACCOUNT_MISSING;
    if (isSolanaError(error, SOLANA_ERROR__TRANSACTION__EXCEEDS_SIZE_LIMIT)) return TOO_LARGE;
    if (isSolanaError(error, SOLANA_ERROR__BLOCK_HEIGHT_EXCEEDED)) return EXPIRED;
    const unreachable =
        isSolanaError(error, SOLANA_ERROR__JSON_RPC__SERVER_ERROR_NODE_UNHEALTHY) ||
        isSolanaError(error, SOLANA_ERROR__RPC_SUBSCRIPTIONS__CHANNEL_FAILED_TO_CONNECT) ||
        isSolanaError(error, SOLANA_ERROR__RPC_SUBSCRIPTIONS__CHANNEL_CONNECTION_CLOSED) ||
        isSolanaError(error, SOLANA_ERROR__RPC_SUBSCRIPTIONS__CHANNEL_CLOSED_BEFORE_MESSAGE_BUFFERED);
    if (unreachable) return NETWORK_DOWN;
    const { __code } = (error as { context?: { __code?: number } }).context ?? {};
    const runtime = __code === undefined ? undefined : RUNTIME_ERRORS.get(__code);
    return runtime === undefined ? undefined : explanationOf(refusalOf(runtime, logs, instructions));
}

const explanationOf = ({ name, sentence, program, code }: ReturnType<typeof refusalOf>): Explanation => ({
    reason: name,
    sentence,
    ...(program && { program }),
    ...(code !== undefined && { code }),
});

/** Logs stand in the error that a preflight failure wraps around its cause. */
function logsOf(chain: readonly unknown[]): readonly string[] {
    for (const error of chain) {
        if (isSolanaError(error, SOLANA_ERROR__JSON_RPC__SERVER_ERROR_SEND_TRANSACTION_PREFLIGHT_FAILURE)) {
            return error.context.logs ?? [];
        }
    }
    return [];
}

/** The error and what it names as its cause, the outermost first; wallets name it `error`. */
function causes(error: unknown): readonly unknown[] {
    const chain: unknown[] = [];
    let next = error;
    while (next !== undefined && next !== null && chain.length < 8) {
        chain.push(next);
        const { cause, error: inner } = next as { cause?: unknown; error?: unknown };
        next = cause ?? inner;
    }
    return chain;
}
