/** Connecting a wallet, what it holds, and letting it go. */
import { lamports } from '@solana/kit';
import { useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useMemo, useState, useSyncExternalStore } from 'react';

import { useBalances } from '../data/queries';
import { useSession, wasConnected } from '../session';
import { lmr, shortened, sol } from '../text/units';
import { explain } from '../transactions/explain';
import { Alert, Button, Copyable, Facts, Notice } from '../ui/basics';
import { Dialog } from '../ui/dialog';
import { chainOf, type SolanaWallet, usableWallets } from './standard';

const LocalnetWallet = lazy(() => import('./LocalnetWallet'));

/** What a faucet of a local network gives at a time. */
const FAUCET_LAMPORTS = 10_000_000_000n;

/** See the module. */
export function WalletButton() {
    const { wallet, config } = useSession();
    const [open, setOpen] = useState(false);
    return (
        <>
            {config.network === 'localnet' && (
                <Suspense>
                    <LocalnetWallet />
                </Suspense>
            )}
            <Button kind={wallet === undefined ? 'primary' : 'plain'} onClick={() => setOpen(true)}>
                {wallet === undefined ? 'Connect wallet' : shortened(wallet)}
            </Button>
            {open &&
                (wallet === undefined ? (
                    <Choose onClose={() => setOpen(false)} />
                ) : (
                    <Held onClose={() => setOpen(false)} />
                ))}
        </>
    );
}

function Choose({ onClose }: { onClose: () => void }) {
    const { config, connectTo } = useSession();
    const wallets = useMemo(() => usableWallets(chainOf(config.network)), [config.network]);
    const found = useSyncExternalStore(wallets.subscribe, wallets.get);
    const [error, setError] = useState<string>();
    const choose = async (wallet: SolanaWallet) => {
        setError(undefined);
        try {
            await connectTo(wallet);
            onClose();
        } catch (thrown) {
            setError(explain(thrown));
        }
    };
    return (
        <Dialog title="Connect a wallet" onClose={onClose}>
            {found.length === 0 && (
                <p className="text-muted">
                    No wallet for {config.network} was found in this browser. Install one that supports the Wallet
                    Standard, as most Solana wallets do, and reload this page.
                </p>
            )}
            <ul className="space-y-2">
                {found.map(wallet => (
                    <li key={wallet.name}>
                        <Button className="w-full justify-start" onClick={() => void choose(wallet)}>
                            <img src={wallet.icon} alt="" className="size-5" />
                            {wallet.name}
                            {wasConnected(wallet) && <span className="ml-auto text-2xs text-muted">last used</span>}
                        </Button>
                    </li>
                ))}
            </ul>
            {error !== undefined && (
                <div className="mt-3">
                    <Alert>{error}</Alert>
                </div>
            )}
        </Dialog>
    );
}

function Held({ onClose }: { onClose: () => void }) {
    const { wallet, letGo, config, connection } = useSession();
    const balances = useBalances(wallet);
    return (
        <Dialog title={connection?.wallet.name ?? 'Wallet'} onClose={onClose}>
            <Facts
                of={[
                    ['Address', <Copyable key="address" text={wallet ?? ''} label="address" />],
                    ['SOL', balances.data === undefined ? '…' : sol(balances.data.lamports)],
                    ['LMR', balances.data === undefined ? '…' : lmr(balances.data.lmr)],
                ]}
            />
            {balances.error !== null && <Notice tone="bad">{explain(balances.error)}</Notice>}
            <div className="mt-4 flex justify-end gap-2">
                {config.network === 'localnet' && <Faucet />}
                <Button
                    onClick={() => {
                        onClose();
                        void letGo();
                    }}
                >
                    Disconnect
                </Button>
            </div>
        </Dialog>
    );
}

/** Local networks give SOL to whoever asks. */
function Faucet() {
    const { rpc, wallet } = useSession();
    const queries = useQueryClient();
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<string>();
    useEffect(() => setError(undefined), [wallet]);
    const ask = async () => {
        setBusy(true);
        try {
            // Only local networks and test networks have this method; its type is that of the latter.
            const faucet = rpc as unknown as {
                requestAirdrop: (to: string, amount: bigint) => { send: () => Promise<unknown> };
            };
            await faucet.requestAirdrop(wallet!, lamports(FAUCET_LAMPORTS)).send();
            await queries.invalidateQueries({ queryKey: ['live', 'balances'] });
        } catch (thrown) {
            setError(explain(thrown));
        } finally {
            setBusy(false);
        }
    };
    return (
        <>
            {error !== undefined && <span className="text-xs text-bad">{error}</span>}
            <Button busy={busy} onClick={() => void ask()}>
                Get 10 SOL
            </Button>
        </>
    );
}
