/** Failures in words: of wallets, of the network, of programs. */
import { readFileSync } from 'node:fs';

import {
    type Address,
    SOLANA_ERROR__BLOCK_HEIGHT_EXCEEDED,
    SOLANA_ERROR__INSTRUCTION_ERROR__CUSTOM,
    SOLANA_ERROR__JSON_RPC__SERVER_ERROR_SEND_TRANSACTION_PREFLIGHT_FAILURE,
    SOLANA_ERROR__RPC__TRANSPORT_HTTP_ERROR,
    SOLANA_ERROR__TRANSACTION_ERROR__BLOCKHASH_NOT_FOUND,
    SOLANA_ERROR__TRANSACTION_ERROR__INSUFFICIENT_FUNDS_FOR_FEE,
    SolanaError,
} from '@solana/kit';
import { describe, expect, it } from 'vitest';

import { dataset, errorMessage, errorName, explain, formatLmr, parseLmr, programName, tasks } from '../src';
import { refusalOf } from '../src/refusal';
import { TransactionExpired } from '../src/send';

const TASKS = tasks.LUMORA_TASKS_PROGRAM_ADDRESS;
const TOKEN = 'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA' as Address;

const reasonOf = (error: unknown) => explain(error).reason;
const named = (name: string, message = '') => Object.assign(new Error(message), { name });

/** What kit throws where the node's own simulation fails. */
function preflight(code: number, logs: string[]) {
    const cause = new SolanaError(SOLANA_ERROR__INSTRUCTION_ERROR__CUSTOM, { code, index: 0 });
    return new SolanaError(SOLANA_ERROR__JSON_RPC__SERVER_ERROR_SEND_TRANSACTION_PREFLIGHT_FAILURE, {
        accounts: null,
        loadedAccountsDataSize: null,
        logs,
        replacementBlockhash: null,
        returnData: null,
        unitsConsumed: 1n,
        cause,
    } as never);
}

describe('a failure', () => {
    it('of a wallet that did not sign is told from all others', () => {
        const wallets = [
            Object.assign(new Error('User rejected the request.'), { code: 4001 }),
            named('WalletSignTransactionError', 'User rejected the request.'),
            named('WalletSignTransactionError', 'Transaction rejected'),
            new Error('The user canceled the operation: request cancelled'),
            new Error('signing failed', { cause: { code: 4001, message: '' } }),
            Object.assign(named('WalletSendTransactionError', ''), { error: { code: 4001 } }),
        ];
        for (const error of wallets) expect(reasonOf(error), String(error)).toBe('WalletRejected');
        expect(reasonOf(new Error('a transaction of the users'))).toBe('Unexpected');
    });

    it('of the network says whether to wait, to check the address, or to try again', () => {
        const http = (statusCode: number) =>
            new SolanaError(SOLANA_ERROR__RPC__TRANSPORT_HTTP_ERROR, {
                headers: new Headers(),
                message: '',
                statusCode,
            });
        for (const [error, reason] of [
            [http(429), 'RateLimited'],
            [http(503), 'NetworkDown'],
            [new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED 127.0.0.1:1') }), 'NetworkDown'],
            [new TypeError('Failed to fetch'), 'NetworkDown'],
            [new TypeError('Load failed'), 'NetworkDown'],
            [new DOMException('', 'AbortError'), 'Aborted'],
            [new TransactionExpired([]), 'Expired'],
            [
                new SolanaError(SOLANA_ERROR__BLOCK_HEIGHT_EXCEEDED, {
                    currentBlockHeight: 2n,
                    lastValidBlockHeight: 1n,
                }),
                'Expired',
            ],
            [new SolanaError(SOLANA_ERROR__TRANSACTION_ERROR__BLOCKHASH_NOT_FOUND), 'BlockhashNotFound'],
            [new SolanaError(SOLANA_ERROR__TRANSACTION_ERROR__INSUFFICIENT_FUNDS_FOR_FEE), 'NotEnoughSol'],
            [undefined, 'Unexpected'],
            ['a text', 'Unexpected'],
            [new TypeError('x is not a function'), 'Unexpected'],
        ] as const) {
            expect(reasonOf(error), String(error)).toBe(reason);
        }
    });

    it('of a program has the sentence of its IDL', () => {
        const code = tasks.LUMORA_TASKS_ERROR__TOO_EARLY;
        const explained = explain(preflight(code, [`Program ${TASKS} invoke [1]`, `Program ${TASKS} failed: custom`]));
        expect(explained).toEqual({
            reason: 'TooEarly',
            sentence: errorMessage(TASKS, code),
            program: TASKS,
            code,
        });
        expect(explained.sentence).toContain("wait until the node's own time has come");
        // Without logs, the caller's instructions tell which program it was.
        const bare = new SolanaError(SOLANA_ERROR__INSTRUCTION_ERROR__CUSTOM, { code, index: 0 });
        expect(explain(bare, [{ programAddress: TASKS }])).toEqual(explained);
        expect(reasonOf(bare)).toBe('UnknownError');
    });

    it('of a called program is not taken for its caller', () => {
        const logs = [
            `Program ${TASKS} invoke [1]`,
            `Program ${TOKEN} invoke [2]`,
            'Program log: Program 11111111111111111111111111111111 failed: a lie',
            `Program ${TOKEN} failed: custom program error: 0x1`,
            `Program ${TASKS} failed: custom program error: 0x1`,
        ];
        expect(explain(preflight(1, logs))).toMatchObject({ reason: 'NotEnoughLmr', program: TOKEN });
    });

    it('of too little SOL is one, however the network says it', () => {
        const system = '11111111111111111111111111111111' as Address;
        const errors = [
            'AccountNotFound',
            'InsufficientFundsForFee',
            { InsufficientFundsForRent: { account_index: 0 } },
        ] as const;
        for (const error of errors) expect(refusalOf(error, []).name).toBe('NotEnoughSol');
        const rent = { InstructionError: [2, { Custom: 1 }] } as never;
        const refusal = refusalOf(rent, [`Program ${system} failed: custom program error: 0x1`], [], 2);
        expect(refusal).toMatchObject({ name: 'NotEnoughSol', instruction: 0 });
    });

    it('of a dataset or a delivery keeps its own reason', () => {
        const error = new dataset.DatasetError('NotRead', {} as never);
        expect(explain(error)).toEqual({ reason: 'NotRead', sentence: error.message });
    });
});

describe('the sentences', () => {
    it('are those of the IDLs, every one', () => {
        for (const name of ['bandwidth', 'market', 'registry', 'rewards', 'tasks']) {
            const idl = JSON.parse(readFileSync(new URL(`../../../idl/${name}.json`, import.meta.url), 'utf8'));
            expect(programName(idl.address)).toBe(name);
            for (const { code, name: error, msg } of idl.errors) {
                expect([errorName(idl.address, code), errorMessage(idl.address, code)]).toEqual([error, msg]);
            }
            expect(errorMessage(idl.address, 5_999)).toBeUndefined();
        }
        expect(programName(TOKEN)).toBeUndefined();
    });

    it('are there in production too, where generated ones are left out', () => {
        const before = process.env['NODE_ENV'];
        process.env['NODE_ENV'] = 'production';
        try {
            const code = tasks.LUMORA_TASKS_ERROR__TOO_EARLY;
            expect(tasks.getLumoraTasksErrorMessage(code)).toContain('not available');
            expect(errorMessage(TASKS, code)).toContain('Better placed nodes');
        } finally {
            process.env['NODE_ENV'] = before;
        }
    });
});

describe('an amount of LMR', () => {
    it('is written for people, and read as they type it', () => {
        for (const [amount, text] of [
            [0n, '0'],
            [1n, '0.000001'],
            [1_500_000n, '1.5'],
            [1_234_567_000_000n, '1,234,567'],
            [999_999_999_999n, '999,999.999999'],
        ] as const) {
            expect(formatLmr(amount)).toBe(text);
            expect(parseLmr(text)).toBe(amount);
        }
        expect(formatLmr(-1_500_000n)).toBe('-1.5');
        expect(parseLmr(' 1234.5 ')).toBe(1_234_500_000n);
        // A comma that may mean a decimal point is refused: ten times as much would be paid.
        for (const text of ['1,5', '1,50', '1.2345678', '', '-1', '1e3', '1,2345', '.5', '1.']) {
            expect(parseLmr(text), text).toBeUndefined();
        }
    });
});
