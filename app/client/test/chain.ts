/** A chain in this process with the programs on it, and the parties that a test needs. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import {
    address,
    type Address,
    appendTransactionMessageInstructions,
    createTransactionMessage,
    generateKeyPairSigner,
    getAddressEncoder,
    getProgramDerivedAddress,
    type Instruction,
    lamports,
    pipe,
    setTransactionMessageFeePayerSigner,
    setTransactionMessageLifetimeUsingBlockhash,
    signTransactionMessageWithSigners,
    type TransactionSigner,
} from '@solana/kit';
import { FailedTransactionMetadata, LiteSVM } from 'litesvm';

import { bandwidth, market, registry, rewards, tasks } from '../src';

const deploy = resolve(dirname(fileURLToPath(import.meta.url)), '../../../target/deploy');

const UPGRADEABLE_LOADER = address('BPFLoaderUpgradeab1e11111111111111111111111');

const programs: [Address, string][] = [
    [registry.LUMORA_REGISTRY_PROGRAM_ADDRESS, 'registry'],
    [bandwidth.LUMORA_BANDWIDTH_PROGRAM_ADDRESS, 'bandwidth'],
    [rewards.LUMORA_REWARDS_PROGRAM_ADDRESS, 'rewards'],
    [tasks.LUMORA_TASKS_PROGRAM_ADDRESS, 'tasks'],
    [market.LUMORA_MARKET_PROGRAM_ADDRESS, 'market'],
];

export class Chain {
    readonly svm = new LiteSVM().withPrecompiles();

    constructor() {
        for (const [address, name] of programs) {
            const file = join(deploy, `lumora_${name}.so`);
            if (!existsSync(file)) throw new Error(`${file} is missing: run \`cargo xtask build-sbf\` first`);
            this.svm.addProgramFromFile(address, file);
        }
    }

    /** Says who may upgrade a program: what deploying it by a transaction would do. */
    async setUpgradeAuthority(program: Address, authority: Address): Promise<void> {
        const encoder = getAddressEncoder();
        const [programData] = await getProgramDerivedAddress({
            programAddress: UPGRADEABLE_LOADER,
            seeds: [encoder.encode(program)],
        });
        const account = this.account(programData);
        // A `u32` and a `u64`, then the optional authority, then the code.
        const data = new Uint8Array(account.data);
        data[12] = 1;
        data.set(encoder.encode(authority), 13);
        this.svm.setAccount({ ...account, data });
    }

    /** A new wallet with 100 SOL, whose key may be written into a file. */
    async wallet() {
        const wallet = await generateKeyPairSigner(true);
        this.svm.airdrop(wallet.address, lamports(100_000_000_000n));
        return wallet;
    }

    /** Sends one transaction and gives its log; throws with that if it fails. */
    async send(payer: TransactionSigner, instructions: Instruction[]): Promise<string[]> {
        // A new blockhash each time: the same transaction twice is a repetition that the chain would drop.
        this.svm.expireBlockhash();
        const message = pipe(
            createTransactionMessage({ version: 0 }),
            message => setTransactionMessageFeePayerSigner(payer, message),
            message =>
                setTransactionMessageLifetimeUsingBlockhash(
                    { blockhash: this.svm.latestBlockhash(), lastValidBlockHeight: 0n },
                    message,
                ),
            message => appendTransactionMessageInstructions(instructions, message),
        );
        const transaction = await signTransactionMessageWithSigners(message);
        const result = this.svm.sendTransaction(transaction);
        if (result instanceof FailedTransactionMetadata) {
            throw new Error(`${result.toString()}\n${result.meta().logs().join('\n')}`);
        }
        return result.logs();
    }

    /** Lets the clock jump forward. */
    advance(seconds: bigint): void {
        const clock = this.svm.getClock();
        clock.unixTimestamp += seconds;
        this.svm.setClock(clock);
    }

    /** Lets the chain produce a block in this slot, and go on after it. */
    produce(slot: bigint): void {
        this.svm.setSlotHashes([{ slot, hash: this.svm.latestBlockhash() }]);
        const clock = this.svm.getClock();
        clock.slot = slot + 1n;
        this.svm.setClock(clock);
    }

    now(): bigint {
        return this.svm.getClock().unixTimestamp;
    }

    /** The data of an account that must exist. */
    account(address: Address) {
        const account = this.svm.getAccount(address);
        if (!account.exists) throw new Error(`there is no account ${address}`);
        return account;
    }
}
