/** Landing transactions: on a chain in this process behind a node that drops, forgets and refuses. */
import {
    generateKeyPairSigner,
    getBase64EncodedWireTransaction,
    type KeyPairSigner,
    type SignatureBytes,
    type TransactionSendingSigner,
} from '@solana/kit';
import { beforeEach, describe, expect, it } from 'vitest';

import {
    buy,
    delivery,
    explain,
    fetchLmrBalance,
    market,
    refund,
    send,
    type SendState,
    TransactionExpired,
    TransactionRefused,
    transferLmr,
} from '../src';
import { Node } from './rpc';
import { PRICE, Sales } from './sales';

const QUICK = { pollEvery: 1, resendEvery: 3 };

let sales: Sales;
let node: Node;
let buyer: KeyPairSigner;
let states: SendState[];
const onState = (state: SendState) => void states.push(state);

beforeEach(async () => {
    sales = await Sales.begin();
    node = new Node(sales.chain);
    buyer = sales.buyer;
    states = [];
});

const purchase = async () => buy(buyer, await sales.listing(), delivery.keypair().publicKey);

describe('a transaction', () => {
    it('is simulated, signed, sent and confirmed, and says so', async () => {
        const landed = await send(node.rpc, buyer, await purchase(), { ...QUICK, onState });
        expect(states.map(({ kind }) => kind)).toEqual(['simulated', 'signed', 'sent', 'confirmed']);
        expect(states.at(-1)).toEqual({ kind: 'confirmed', ...landed });
        expect((await sales.purchase()).data.amount).toBe(PRICE);
        expect(await fetchLmrBalance(node.rpc, buyer.address)).toBe(2n * PRICE);
        expect(await fetchLmrBalance(node.rpc, node.chain.svm.latestBlockhash() as never)).toBe(0n);
    });

    it('is limited to what it used in the simulation and a margin, at the price that recent blocks took', async () => {
        node.fees = [5n, 100n, 7n, 1n];
        await send(node.rpc, buyer, await purchase(), { ...QUICK, onState });
        const { meta } = [...node.landed.values()][0]!;
        const used = states[0]!.kind === 'simulated' ? states[0]!.computeUnits : 0n;
        const limit = used + used / 5n + 2_000n;
        expect(meta.logs().some(line => line.includes(`of ${limit - 300n} compute units`))).toBe(true);
        // The fee of one signature, and the price for the limit, rounded up to lamports.
        const before = 100_000_000_000n;
        expect(before - node.chain.svm.getBalance(buyer.address)!).toBeGreaterThan(5_000n + (limit * 7n) / 1_000_000n);
    });

    it('is sent again while the node drops it', async () => {
        node.drops = 3;
        const { signature } = await send(node.rpc, buyer, await purchase(), { ...QUICK, onState });
        expect(node.sent).toEqual(Array(node.sent.length).fill(signature));
        expect(node.sent.length).toBeGreaterThan(3);
        expect(states.filter(({ kind }) => kind === 'sent')).toHaveLength(1);
    });

    it('lands once, however often it was sent, and whatever the node forgot to answer', async () => {
        node.down.add('getRecentPrioritizationFees');
        const sending = send(node.rpc, buyer, await purchase(), { ...QUICK, onState });
        node.down.add('getBlockHeight');
        setTimeout(() => node.down.clear(), 60);
        await sending;
        expect(await sales.balance(buyer.address)).toBe(2n * PRICE);
    });

    it('that cannot land any more says so, and is signed again only where that was asked for', async () => {
        node.drops = Infinity;
        node.blocksPerQuestion = 4n;
        const failing = send(node.rpc, buyer, await purchase(), { ...QUICK, onState });
        const error = await failure(failing);
        expect(error).toBeInstanceOf(TransactionExpired);
        expect(explain(error).reason).toBe('Expired');
        expect(states.filter(({ kind }) => kind === 'signed')).toHaveLength(1);

        states = [];
        const takes = (state: SendState) => {
            onState(state);
            if (states.filter(({ kind }) => kind === 'signed').length === 2) node.drops = 0;
        };
        const landed = await send(node.rpc, buyer, await purchase(), { ...QUICK, onState: takes, signings: 3 });
        const signed = states.flatMap(state => (state.kind === 'signed' ? [state.signature] : []));
        expect(signed).toHaveLength(2);
        expect(landed.signature).toBe(signed[1]);
    });

    it('that the network would refuse asks no wallet, and costs nothing', async () => {
        await sales.giveLmr(buyer.address, 3n);
        const error = await failure(send(node.rpc, buyer, await purchase(), { ...QUICK, onState }));
        expect(error).toBeInstanceOf(TransactionRefused);
        expect(explain(error)).toMatchObject({ reason: 'NotEnoughLmr' });
        expect((error as TransactionRefused).refusal.instruction).toBe(0);
        expect([states, node.sent]).toEqual([[], []]);

        const early = refund(await bought());
        const refused = await failure(send(node.rpc, buyer, await early, QUICK));
        expect(explain(refused)).toMatchObject({
            reason: 'TooEarlyToRefund',
            program: market.LUMORA_MARKET_PROGRAM_ADDRESS,
            code: market.LUMORA_MARKET_ERROR__TOO_EARLY_TO_REFUND,
        });
    });

    it('that was refused after all says why, with its signature', async () => {
        // Between the simulation and the landing somebody else takes the LMR.
        node.beforeSending = () => sales.giveLmr(buyer.address, 1n);
        const error = await failure(send(node.rpc, buyer, await purchase(), { ...QUICK, onState }));
        expect(error).toBeInstanceOf(TransactionRefused);
        expect((error as TransactionRefused).signature).toBe(node.sent[0]);
        expect((error as TransactionRefused).logs.length).toBeGreaterThan(3);
        expect(explain(error).reason).toBe('NotEnoughLmr');
        expect(states.map(({ kind }) => kind)).toEqual(['simulated', 'signed', 'sent']);
    });

    it('of a wallet without SOL says what is missing', async () => {
        const poor = await generateKeyPairSigner();
        const error = await failure(send(node.rpc, poor, await transferLmr(poor, buyer.address, 1n), QUICK));
        expect(explain(error)).toMatchObject({ reason: 'NotEnoughSol' });
    });

    it('can be left, and then says so', async () => {
        node.drops = Infinity;
        const leaving = new AbortController();
        const sending = send(node.rpc, buyer, await purchase(), { ...QUICK, signal: leaving.signal });
        setTimeout(() => leaving.abort(), 20);
        expect(explain(await failure(sending)).reason).toBe('Aborted');
    });

    it('is sent by a wallet that only signs and sends in one step', async () => {
        const wallet: TransactionSendingSigner = {
            address: buyer.address,
            signAndSendTransactions: async transactions => {
                const signed = await buyer.signTransactions(transactions as never);
                return transactions.map((transaction, at) => {
                    const whole = { ...transaction, signatures: { ...transaction.signatures, ...signed[at] } };
                    const wire = getBase64EncodedWireTransaction(whole as never);
                    node.answer('sendTransaction', [wire]);
                    return signed[at]![buyer.address] as SignatureBytes;
                });
            },
        };
        await send(node.rpc, wallet, await buy(wallet, await sales.listing(), delivery.keypair().publicKey), {
            ...QUICK,
            onState,
        });
        expect(states.map(({ kind }) => kind)).toEqual(['simulated', 'sent', 'confirmed']);
        expect(node.sent).toHaveLength(1);
    });
});

/** A purchase that was made. */
async function bought() {
    await sales.giveLmr(buyer.address, PRICE);
    await sales.chain.send(buyer, await purchase());
    return sales.purchase();
}

/** What this fails with. */
const failure = (failing: Promise<unknown>): Promise<unknown> =>
    failing.then(
        () => new Error('this did not fail'),
        (error: unknown) => error,
    );
