/** Wallets by the Wallet Standard: whatever announces itself to the page and can sign Solana transactions. */
import {
    type Address,
    type Blockhash,
    type GetBlockHeightApi,
    getCompiledTransactionMessageDecoder,
    getTransactionDecoder,
    getTransactionEncoder,
    type Rpc,
    type SignatureBytes,
    type Transaction,
    type TransactionModifyingSigner,
    type TransactionSigner,
} from '@solana/kit';
import {
    SolanaSignAndSendTransaction,
    type SolanaSignAndSendTransactionFeature,
    SolanaSignTransaction,
    type SolanaSignTransactionFeature,
} from '@solana/wallet-standard-features';
import { getWallets } from '@wallet-standard/app';
import type { IdentifierString, Wallet, WalletAccount } from '@wallet-standard/base';
import {
    StandardConnect,
    type StandardConnectFeature,
    StandardDisconnect,
    type StandardDisconnectFeature,
    StandardEvents,
    type StandardEventsFeature,
} from '@wallet-standard/features';

import type { NetworkName } from '../config';

type Features = Partial<
    StandardConnectFeature &
        StandardDisconnectFeature &
        StandardEventsFeature &
        SolanaSignTransactionFeature &
        SolanaSignAndSendTransactionFeature
>;

/** A wallet that can be used here. */
export type SolanaWallet = Wallet & { readonly features: Features };

/** A wallet and the account of it that a person chose. */
export type Connection = { readonly wallet: SolanaWallet; readonly account: WalletAccount };

/** The Wallet Standard's name of a network. */
export const chainOf = (network: NetworkName): IdentifierString => `solana:${network}`;

/** Whether a wallet can connect and sign for the network. Many name no `localnet` although they sign for any. */
function isUsable(wallet: Wallet, chain: IdentifierString): wallet is SolanaWallet {
    const chains = chain === 'solana:localnet' ? ['solana:localnet', 'solana:devnet'] : [chain];
    return (
        StandardConnect in wallet.features &&
        (SolanaSignTransaction in wallet.features || SolanaSignAndSendTransaction in wallet.features) &&
        wallet.chains.some(name => chains.includes(name))
    );
}

/** The usable wallets of this page, which come and go. */
export function usableWallets(chain: IdentifierString) {
    const wallets = getWallets();
    let found = wallets.get().filter(wallet => isUsable(wallet, chain));
    return {
        get: () => found,
        subscribe: (changed: () => void) => {
            const again = () => {
                found = wallets.get().filter(wallet => isUsable(wallet, chain));
                changed();
            };
            const ends = [wallets.on('register', again), wallets.on('unregister', again)];
            again();
            return () => ends.forEach(end => end());
        },
    };
}

/** Asks a wallet for its account. `silent`: only if it was allowed before. */
export async function connect(wallet: SolanaWallet, silent = false): Promise<Connection | undefined> {
    const { accounts } = await wallet.features[StandardConnect]!.connect({ silent });
    const account =
        accounts.find(({ features }) => features.some(name => name.startsWith('solana:sign'))) ?? accounts[0];
    return account && { wallet, account };
}

/** Lets the wallet go, where it knows how. */
export const disconnect = async ({ wallet }: Connection): Promise<void> => {
    await wallet.features[StandardDisconnect]?.disconnect();
};

/** Follows what the wallet says of its accounts: the account to use from now on, or none. */
export function followAccounts(
    { wallet, account }: Connection,
    changed: (connection: Connection | undefined) => void,
): () => void {
    const events = wallet.features[StandardEvents];
    if (events === undefined) return () => {};
    return events.on('change', ({ accounts }) => {
        if (accounts === undefined) return;
        const chosen = accounts.find(({ address }) => address === account.address) ?? accounts[0];
        changed(chosen && { wallet, account: chosen });
    });
}

/** Blocks for which a blockhash can be used. */
const BLOCKHASH_LIFE = 150n;

/**
 * A wallet as the signer of transactions. It may change what it signs, and is then believed: it is the person's. Wallets that
 * can only send by themselves do so.
 */
export function signerOf(
    { wallet, account }: Connection,
    chain: IdentifierString,
    rpc: Rpc<GetBlockHeightApi>,
): TransactionSigner {
    const address = account.address as Address;
    const signing = wallet.features[SolanaSignTransaction];
    const encode = (transaction: Transaction) => new Uint8Array(getTransactionEncoder().encode(transaction));
    if (signing === undefined) {
        const sending = wallet.features[SolanaSignAndSendTransaction]!;
        const signAndSend = async (transaction: Transaction) => {
            const [sent] = await sending.signAndSendTransaction({ account, chain, transaction: encode(transaction) });
            return sent!.signature as SignatureBytes;
        };
        return { address, signAndSendTransactions: transactions => Promise.all(transactions.map(signAndSend)) };
    }
    const sign = async (transaction: Modifiable) => {
        const [signed] = await signing.signTransaction({ account, chain, transaction: encode(transaction) });
        const made = getTransactionDecoder().decode(signed!.signedTransaction);
        const lifetimeConstraint = await lifetimeOf(made, transaction, rpc);
        return { ...made, lifetimeConstraint } as Modified;
    };
    return { address, modifyAndSignTransactions: transactions => Promise.all(transactions.map(sign)) };
}

type Modifying = TransactionModifyingSigner['modifyAndSignTransactions'];
type Modifiable = Parameters<Modifying>[0][number];
type Modified = Awaited<ReturnType<Modifying>>[number];

/** Until when what the wallet made can land. One that took a newer blockhash took none newer than now. */
async function lifetimeOf(made: Transaction, given: Modifiable, rpc: Rpc<GetBlockHeightApi>) {
    const { lifetimeToken: blockhash } = getCompiledTransactionMessageDecoder().decode(made.messageBytes);
    const lifetime = 'lifetimeConstraint' in given ? given.lifetimeConstraint : undefined;
    if (lifetime !== undefined && 'blockhash' in lifetime && lifetime.blockhash === blockhash) return lifetime;
    const height = await rpc.getBlockHeight({ commitment: 'confirmed' }).send();
    return { blockhash: blockhash as Blockhash, lastValidBlockHeight: height + BLOCKHASH_LIFE };
}
