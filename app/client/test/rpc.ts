/** The methods of a Solana node that the client calls, on a chain in this process. */
import {
    type Address,
    createSolanaRpcFromTransport,
    getBase58Decoder,
    getBase64Decoder,
    getBase64Encoder,
    getCompiledTransactionMessageDecoder,
    getTransactionDecoder,
    type Rpc,
    type RpcTransport,
    type Signature,
    type SolanaRpcApi,
    type Transaction,
} from '@solana/kit';
import { FailedTransactionMetadata, type TransactionMetadata } from 'litesvm';

import type { Chain } from './chain';

const FIELDLESS = ['AccountInUse', 'AccountLoadedTwice', 'AccountNotFound', 'ProgramAccountNotFound'];

type Landed = { meta: TransactionMetadata; err: unknown; transaction: Transaction };

/** A node with one chain. What a test wants of it beside that, it sets. */
export class Node {
    /** Transactions that were sent, in their order. */
    readonly sent: string[] = [];
    /** Drops so many transactions before one is taken. */
    drops = 0;
    /** Blocks that pass with each question for the height. */
    blocksPerQuestion = 0n;
    /** Methods that fail as if the node were not there. */
    readonly down = new Set<string>();
    /** Micro-lamports that recent blocks took. */
    fees: bigint[] = [];
    /** Happens on the chain just before a transaction arrives. */
    beforeSending: () => Promise<void> = async () => undefined;
    readonly landed = new Map<string, Landed>();
    #height = 1n;

    constructor(readonly chain: Chain) {}

    get rpc(): Rpc<SolanaRpcApi> {
        const transport: RpcTransport = async ({ payload }) => {
            const { id, method, params } = payload as { id: number; method: string; params: unknown[] };
            if (this.down.has(method)) throw new TypeError('fetch failed');
            if (method === 'sendTransaction') await this.beforeSending();
            return { jsonrpc: '2.0', id, result: this.answer(method, params ?? []) } as never;
        };
        return createSolanaRpcFromTransport(transport) as Rpc<SolanaRpcApi>;
    }

    /** Answers a request that came as text. */
    answerText(body: string): string {
        const { id, method, params } = JSON.parse(body) as { id: number; method: string; params: unknown[] };
        const result = this.answer(method, params);
        const text = (_: string, value: unknown) => (typeof value === 'bigint' ? Number(value) : value);
        return JSON.stringify({ jsonrpc: '2.0', id, result }, text);
    }

    answer(method: string, params: readonly unknown[]): unknown {
        const { svm } = this.chain;
        const context = { slot: 1n };
        switch (method) {
            case 'getAccountInfo': {
                const account = svm.getAccount(params[0] as Address);
                if (!account.exists) return { context, value: null };
                const { executable, lamports, programAddress: owner, data } = account;
                const encoded = [getBase64Decoder().decode(data), 'base64'];
                const space = BigInt(data.length);
                return { context, value: { data: encoded, executable, lamports, owner, rentEpoch: 0n, space } };
            }
            case 'getLatestBlockhash': {
                svm.expireBlockhash();
                const value = { blockhash: svm.latestBlockhash(), lastValidBlockHeight: this.#height + 10n };
                return { context, value };
            }
            case 'getBlockHeight':
                return (this.#height += this.blocksPerQuestion);
            case 'getRecentPrioritizationFees':
                return this.fees.map(prioritizationFee => ({ prioritizationFee, slot: 1n }));
            case 'simulateTransaction':
                return { context, value: this.#simulate(decoded(params[0])) };
            case 'sendTransaction':
                return this.#send(decoded(params[0]));
            case 'getSignatureStatuses': {
                const value = (params[0] as string[]).map(signature => {
                    const err = this.landed.get(signature)?.err;
                    if (err === undefined) return null;
                    return { slot: 7n, confirmations: 1n, err, status: {}, confirmationStatus: 'confirmed' };
                });
                return { context, value };
            }
            case 'getTransaction':
                return this.#transaction(params[0] as Signature);
            default:
                throw new Error(`no such method here: ${method}`);
        }
    }

    #simulate(transaction: Transaction) {
        const { svm } = this.chain;
        svm.withSigverify(false).withBlockhashCheck(false);
        const result = svm.simulateTransaction(transaction);
        svm.withSigverify(true).withBlockhashCheck(true);
        const meta = result.meta();
        const err = result instanceof FailedTransactionMetadata ? errorOf(result) : null;
        return { err, logs: meta.logs(), unitsConsumed: meta.computeUnitsConsumed(), accounts: null, returnData: null };
    }

    #send(transaction: Transaction): string {
        const signature = getBase58Decoder().decode(Object.values(transaction.signatures)[0]!);
        this.sent.push(signature);
        if (this.drops-- > 0 || this.landed.has(signature)) return signature;
        const result = this.chain.svm.sendTransaction(transaction);
        const err = result instanceof FailedTransactionMetadata ? errorOf(result) : null;
        // Who drops a transaction with an old blockhash says nothing.
        if (err !== 'BlockhashNotFound') {
            const meta = result instanceof FailedTransactionMetadata ? result.meta() : result;
            this.landed.set(signature, { meta, err, transaction });
        }
        return signature;
    }

    #transaction(signature: Signature) {
        const found = this.landed.get(signature);
        if (found === undefined) return null;
        const { meta, err, transaction } = found;
        const accountKeys = getCompiledTransactionMessageDecoder().decode(transaction.messageBytes).staticAccounts;
        const innerInstructions = meta.innerInstructions().map((inner, index) => ({
            index,
            instructions: inner.map(one => ({
                programIdIndex: one.instruction().programIdIndex(),
                data: getBase58Decoder().decode(one.instruction().data()),
            })),
        }));
        return {
            slot: 7n,
            meta: { err, logMessages: meta.logs(), innerInstructions },
            transaction: { message: { accountKeys }, signatures: [signature] },
        };
    }
}

const decoded = (wire: unknown) => getTransactionDecoder().decode(getBase64Encoder().encode(wire as string));

/** An error as nodes write it. */
function errorOf(failed: FailedTransactionMetadata): unknown {
    const error = failed.err();
    if (typeof error === 'number') return FIELDLESS[error] ?? (error === 7 ? 'BlockhashNotFound' : `Other${error}`);
    if ('index' in error && 'err' in error) {
        const inner = error.err();
        return {
            InstructionError: [
                error.index,
                typeof inner === 'object' && 'code' in inner ? { Custom: inner.code } : 'Other',
            ],
        };
    }
    return 'accountIndex' in error ? { InsufficientFundsForRent: { account_index: error.accountIndex } } : 'Other';
}
