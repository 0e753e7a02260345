/** Carries out what a person asked for, and shows every step. */
import { fetchLmrBalance, send as land, type SendState } from '@lumora/client';
import type { Instruction, Signature, TransactionSigner } from '@solana/kit';
import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useState } from 'react';

import { useSession } from '../session';
import { lmr } from '../text/units';
import { chainOf, signerOf } from '../wallet/standard';
import { explain, Told } from './explain';
import { begin, type Phase } from './list';

/** What is to be done. */
export type Request = {
    /** In words, as `Register a node`. */
    readonly title: string;
    /** The instructions, for the wallet that pays and signs. */
    readonly instructions: (wallet: TransactionSigner) => Promise<readonly Instruction[]>;
    /** LMR base units that the wallet must hold: said beforehand, in figures. */
    readonly lmr?: bigint;
};

/** What follows a step. */
function phaseAfter(state: SendState): Phase {
    switch (state.kind) {
        case 'simulated':
            return { name: 'signing' };
        case 'signed':
            return { name: 'sending' };
        case 'sent':
            return { name: 'pending', signature: state.signature };
        case 'confirmed':
            return { name: 'confirmed', signature: state.signature };
    }
}

/** See the module. `send` says whether the transaction was confirmed. */
export function useSend(): { readonly busy: boolean; readonly send: (request: Request) => Promise<boolean> } {
    const { rpc, wallet, connection, config } = useSession();
    const queries = useQueryClient();
    const [busy, setBusy] = useState(false);
    const send = useCallback(
        async ({ title, instructions, lmr: needed = 0n }: Request): Promise<boolean> => {
            if (wallet === undefined || connection === undefined) return false;
            setBusy(true);
            const tell = begin(title);
            let signature: Signature | undefined;
            const onState = (state: SendState) => {
                if ('signature' in state) ({ signature } = state);
                tell(phaseAfter(state));
            };
            try {
                const held = needed > 0n ? await fetchLmrBalance(rpc, wallet) : 0n;
                if (held < needed) {
                    throw new Told(
                        `This takes ${lmr(needed)} and your wallet has ${lmr(held)}. Add ${lmr(needed - held)} or choose a smaller amount.`,
                    );
                }
                const signer = signerOf(connection, chainOf(config.network), rpc);
                await land(rpc, signer, await instructions(signer), { onState });
                await queries.invalidateQueries();
                return true;
            } catch (error) {
                tell({ name: 'failed', reason: explain(error), signature });
                return false;
            } finally {
                setBusy(false);
            }
        },
        [rpc, wallet, connection, config, queries],
    );
    return { busy, send };
}
