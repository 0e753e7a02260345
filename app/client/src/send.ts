/** Lands a transaction, or says why not: simulated, limited, signed, sent until it landed or cannot land any more. */
import {
    type Address,
    type AddressesByLookupTableAddress,
    appendTransactionMessageInstructions,
    assertIsSendableTransaction,
    type Blockhash,
    compileTransaction,
    compressTransactionMessageUsingAddressLookupTables,
    createTransactionMessage,
    getBase58Decoder,
    getBase64EncodedWireTransaction,
    getSignatureFromTransaction,
    type Instruction,
    isSolanaError,
    isTransactionMessageWithSingleSendingSigner,
    isTransactionModifyingSigner,
    isTransactionPartialSigner,
    isWritableRole,
    pipe,
    type Rpc,
    setTransactionMessageFeePayerSigner,
    setTransactionMessageLifetimeUsingBlockhash,
    type Signature,
    signAndSendTransactionMessageWithSigners,
    signTransactionMessageWithSigners,
    type Slot,
    SOLANA_ERROR__JSON_RPC__SERVER_ERROR_SEND_TRANSACTION_PREFLIGHT_FAILURE,
    type SolanaRpcApi,
    type TransactionError,
    type TransactionSigner,
} from '@solana/kit';

import { concat, u32, u64 } from './bytes';
import { refusalOf, TransactionRefused } from './refusal';

/** How far a transaction is. */
export type SendState =
    /** The network would execute it. */
    | { readonly kind: 'simulated'; readonly computeUnits: bigint }
    /** All have signed. Skipped where the wallet signs and sends in one step. */
    | { readonly kind: 'signed'; readonly signature: Signature }
    /** It is on its way; it may land from now on, also if this program ends. */
    | { readonly kind: 'sent'; readonly signature: Signature }
    /** It has landed. */
    | { readonly kind: 'confirmed'; readonly signature: Signature; readonly slot: Slot };

/** How to send. */
export type SendOptions = {
    /** Is told each step. */
    readonly onState?: (state: SendState) => void;
    /** When a transaction counts as landed; `confirmed` where nothing else is given. */
    readonly commitment?: 'confirmed' | 'finalized';
    /** Micro-lamports per compute unit; what recent blocks took on the accounts written, where nothing else is given. */
    readonly computeUnitPrice?: number | bigint;
    /** Most that is offered where the price is taken from recent blocks; 1,000,000 where nothing else is given. */
    readonly highestComputeUnitPrice?: bigint;
    /** How often it may be signed anew after its blockhash expired; each time the wallet asks again. Once otherwise. */
    readonly signings?: number;
    /** Milliseconds between sending the same transaction again. */
    readonly resendEvery?: number;
    /** First pause between asking whether it landed, milliseconds; grows to `resendEvery`. */
    readonly pollEvery?: number;
    /** The addresses in lookup tables, by the tables' addresses. */
    readonly lookupTables?: AddressesByLookupTableAddress;
    /** Stops waiting. What was sent may land all the same. */
    readonly signal?: AbortSignal;
};

/** A transaction on the chain. */
export type Landed = { readonly signature: Signature; readonly slot: Slot };

/** No transaction landed before its blockhash expired. None of those that were sent can land any more. */
export class TransactionExpired extends Error {
    override readonly name = 'TransactionExpired';

    constructor(readonly signatures: readonly Signature[]) {
        super('the transaction did not land before its blockhash expired, and cannot land any more: try again');
    }
}

/** What one transaction may use at most (the runtime's limit). */
const MAX_COMPUTE_UNITS = 1_400_000;
/** Milliseconds after which a node that gives no answers is given up: longer than a blockhash lives. */
const LONGEST_SILENCE = 120_000;
/** The RPC method looks at no more accounts than this. */
const MAX_FEE_ACCOUNTS = 128;

/**
 * Sends instructions as one transaction that `payer` pays for; signers are taken from the instructions. Returns when it has
 * landed. Throws {@link TransactionRefused} where the network would or did refuse it, {@link TransactionExpired} where it
 * cannot land any more, and what the node's last request threw where that gave no answer for two minutes: then it may have
 * landed. `explain` puts each into words.
 */
export async function send(
    rpc: Rpc<SolanaRpcApi>,
    payer: TransactionSigner,
    instructions: readonly Instruction[],
    options: SendOptions = {},
): Promise<Landed> {
    const { signings = 1, signal } = options;
    const sent: Signature[] = [];
    const sending = new Sending(rpc, payer, instructions, options);
    const price = await sending.price();
    const computeUnits = await sending.simulate(price);
    for (let signing = 0; signing < Math.max(signings, 1); signing++) {
        signal?.throwIfAborted();
        const landed = await sending.signAndLand(price, computeUnits, sent);
        if (landed !== undefined) return landed;
    }
    throw new TransactionExpired(sent);
}

class Sending {
    readonly #onState: (state: SendState) => void;
    readonly #commitment: 'confirmed' | 'finalized';
    /** When the node began to give no answers, in milliseconds; absent while it answers. */
    #silentSince: number | undefined;

    constructor(
        private readonly rpc: Rpc<SolanaRpcApi>,
        private readonly payer: TransactionSigner,
        private readonly instructions: readonly Instruction[],
        private readonly options: SendOptions,
    ) {
        this.#onState = options.onState ?? (() => undefined);
        this.#commitment = options.commitment ?? 'confirmed';
    }

    /** Micro-lamports per compute unit that three quarters of recent blocks would have accepted; zero if nobody says. */
    async price(): Promise<bigint> {
        const { computeUnitPrice, highestComputeUnitPrice = 1_000_000n, signal } = this.options;
        if (computeUnitPrice !== undefined) return BigInt(computeUnitPrice);
        const written = new Set<Address>();
        for (const { accounts = [] } of this.instructions) {
            for (const { address, role } of accounts) if (isWritableRole(role)) written.add(address);
        }
        try {
            const accounts = [...written].slice(0, MAX_FEE_ACCOUNTS);
            const blocks = await this.rpc.getRecentPrioritizationFees(accounts).send(abortable(signal));
            const fees = blocks.map(block => block.prioritizationFee).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
            const quartile = fees[Math.floor(((fees.length - 1) * 3) / 4)] ?? 0n;
            return quartile < highestComputeUnitPrice ? quartile : highestComputeUnitPrice;
        } catch {
            // A transaction that waits is better than none.
            signal?.throwIfAborted();
            return 0n;
        }
    }

    /** Compute units that it uses on the chain as it is now. */
    async simulate(price: bigint): Promise<bigint> {
        const message = this.#message(price, MAX_COMPUTE_UNITS, {
            // Replaced by the node: the newest that it knows.
            blockhash: '11111111111111111111111111111111' as Blockhash,
            lastValidBlockHeight: 0n,
        });
        const wire = getBase64EncodedWireTransaction(compileTransaction(message));
        const { value } = await this.rpc
            .simulateTransaction(wire, {
                commitment: 'confirmed',
                encoding: 'base64',
                replaceRecentBlockhash: true,
                sigVerify: false,
            })
            .send(abortable(this.options.signal));
        if (value.err !== null) throw this.#refused(value.err, value.logs ?? []);
        const computeUnits = value.unitsConsumed ?? BigInt(MAX_COMPUTE_UNITS);
        this.#onState({ kind: 'simulated', computeUnits });
        return computeUnits;
    }

    /** Signs with a new blockhash and sends; `undefined` once that has expired and nothing of what was sent landed. */
    async signAndLand(price: bigint, computeUnits: bigint, sent: Signature[]): Promise<Landed | undefined> {
        const { signal } = this.options;
        const { value: blockhash } = await this.rpc
            .getLatestBlockhash({ commitment: 'confirmed' })
            .send(abortable(signal));
        const message = this.#message(price, limitOf(computeUnits), blockhash);
        if (isTransactionMessageWithSingleSendingSigner(message) && !canSignOnly(this.payer)) {
            const bytes = await signAndSendTransactionMessageWithSigners(message, abortable(signal));
            const signature = getBase58Decoder().decode(bytes) as Signature;
            sent.push(signature);
            this.#onState({ kind: 'sent', signature });
            return this.#land(undefined, sent, blockhash.lastValidBlockHeight);
        }
        const transaction = await signTransactionMessageWithSigners(message, abortable(signal));
        assertIsSendableTransaction(transaction);
        const signature = getSignatureFromTransaction(transaction);
        sent.push(signature);
        this.#onState({ kind: 'signed', signature });
        // A wallet may have put a newer blockhash in: then that one counts.
        const lifetime = transaction.lifetimeConstraint;
        const height =
            'lastValidBlockHeight' in lifetime ? lifetime.lastValidBlockHeight : blockhash.lastValidBlockHeight;
        return this.#land(getBase64EncodedWireTransaction(transaction), sent, height);
    }

    /** Sends until one of `sent`, whose last is this one, has landed; without `wire` the wallet sends by itself. */
    async #land(
        wire: ReturnType<typeof getBase64EncodedWireTransaction> | undefined,
        sent: readonly Signature[],
        lastValidBlockHeight: bigint,
    ): Promise<Landed | undefined> {
        const { resendEvery = 2_000, pollEvery = 300, signal } = this.options;
        const signature = sent.at(-1)!;
        let pause = pollEvery;
        let sendAt = 0;
        let isFirst = true;
        for (;;) {
            if (wire !== undefined && Date.now() >= sendAt) {
                await this.#submit(wire);
                if (isFirst) this.#onState({ kind: 'sent', signature });
                isFirst = false;
                sendAt = Date.now() + resendEvery;
            }
            await sleep(pause, signal);
            pause = Math.min((pause * 3) / 2, resendEvery);
            // The height is read before the statuses: what expired at that height can only have landed before it.
            const height = await this.#retried(() =>
                this.rpc.getBlockHeight({ commitment: this.#commitment }).send(abortable(signal)),
            );
            if (height === undefined) continue;
            const hasExpired = height > lastValidBlockHeight;
            const landed = await this.#retried(() => this.#landed(sent, hasExpired));
            if (landed === undefined) continue;
            if (landed !== 'none') return landed;
            if (hasExpired) return undefined;
        }
    }

    /** Hands the transaction to the node. It was simulated, and is sent again from here: the node need do neither. */
    async #submit(wire: ReturnType<typeof getBase64EncodedWireTransaction>): Promise<void> {
        const request = this.rpc.sendTransaction(wire, { encoding: 'base64', maxRetries: 0n, skipPreflight: true });
        try {
            await request.send(abortable(this.options.signal));
        } catch (error) {
            // Whether it was refused, or arrived all the same, shows on the chain.
            this.options.signal?.throwIfAborted();
            if (isSolanaError(error, SOLANA_ERROR__JSON_RPC__SERVER_ERROR_SEND_TRANSACTION_PREFLIGHT_FAILURE))
                throw error;
        }
    }

    async #landed(sent: readonly Signature[], searchHistory: boolean): Promise<Landed | 'none'> {
        const { value } = await this.rpc
            .getSignatureStatuses([...sent], { searchTransactionHistory: searchHistory })
            .send(abortable(this.options.signal));
        for (const [at, status] of value.entries()) {
            const reached = status?.confirmationStatus;
            if (!status || (reached !== 'finalized' && reached !== this.#commitment)) continue;
            const signature = sent[at]!;
            if (status.err !== null) throw this.#refused(status.err, await this.#logs(signature), signature);
            const landed = { signature, slot: status.slot };
            this.#onState({ kind: 'confirmed', ...landed });
            return landed;
        }
        return 'none';
    }

    /** What a landed transaction logged; nothing if the node does not tell. */
    async #logs(signature: Signature): Promise<readonly string[]> {
        const config = { commitment: 'confirmed', encoding: 'base64', maxSupportedTransactionVersion: 0 } as const;
        const found = await this.#retried(() =>
            this.rpc.getTransaction(signature, config).send(abortable(this.options.signal)),
        );
        return found?.meta?.logMessages ?? [];
    }

    /**
     * What a request gave; `undefined` where the node gave no answer: what was sent may land all the same, so that it is
     * asked again, until nobody would wait any more.
     */
    async #retried<T>(request: () => Promise<T>): Promise<T | undefined> {
        try {
            const answer = await request();
            this.#silentSince = undefined;
            return answer;
        } catch (error) {
            this.options.signal?.throwIfAborted();
            if (error instanceof TransactionRefused) throw error;
            this.#silentSince ??= Date.now();
            if (Date.now() - this.#silentSince > LONGEST_SILENCE) throw error;
            return undefined;
        }
    }

    #refused(error: TransactionError, logs: readonly string[], signature?: Signature): TransactionRefused {
        const all = [...budget(0n, 0), ...this.instructions];
        return new TransactionRefused(refusalOf(error, logs, all, BUDGET_INSTRUCTIONS), logs, signature);
    }

    #message(price: bigint, limit: number, lifetime: { blockhash: Blockhash; lastValidBlockHeight: bigint }) {
        const message = pipe(
            createTransactionMessage({ version: 0 }),
            message => setTransactionMessageFeePayerSigner(this.payer, message),
            message => setTransactionMessageLifetimeUsingBlockhash(lifetime, message),
            message => appendTransactionMessageInstructions([...budget(price, limit), ...this.instructions], message),
        );
        const { lookupTables } = this.options;
        return lookupTables === undefined
            ? message
            : compressTransactionMessageUsingAddressLookupTables(message, lookupTables);
    }
}

/** How many instructions {@link budget} puts in front of the caller's. */
const BUDGET_INSTRUCTIONS = 2;

const COMPUTE_BUDGET = 'ComputeBudget111111111111111111111111111111' as Address;

/** `SetComputeUnitLimit` and `SetComputeUnitPrice` of the compute budget program. */
const budget = (price: bigint, limit: number): Instruction[] => [
    { programAddress: COMPUTE_BUDGET, data: concat(Uint8Array.of(2), u32(limit)) },
    { programAddress: COMPUTE_BUDGET, data: concat(Uint8Array.of(3), u64(price)) },
];

/** The simulated use and a margin: a program's way through its branches may differ a little by the time it lands. */
const limitOf = (used: bigint): number => Math.min(Number(used + used / 5n) + 2_000, MAX_COMPUTE_UNITS);

/** Whether a wallet gives its signature without sending: then it is sent from here, again and again. */
const canSignOnly = (signer: TransactionSigner): boolean =>
    isTransactionPartialSigner(signer) || isTransactionModifyingSigner(signer);

const abortable = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { abortSignal: signal });

/** Waits, unless it is stopped before. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const stop = () => {
            clearTimeout(timer);
            reject(signal!.reason);
        };
        const timer = setTimeout(() => {
            signal?.removeEventListener('abort', stop);
            resolve();
        }, milliseconds);
        signal?.addEventListener('abort', stop, { once: true });
    });
}
