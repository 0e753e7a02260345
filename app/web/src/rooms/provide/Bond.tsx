/** A node's bond: what it covers, adding to it, asking it back. */
import { bondNode, parseLmr, unbondNode, withdrawNodeBond } from '@lumora/client';
import { useState } from 'react';

import type { NodeView, ParametersView } from '../../data/model';
import { useNow } from '../../session';
import { counted, fromNow, lmr, span } from '../../text/units';
import { useSend } from '../../transactions/useSend';
import { Button, Facts, Panel } from '../../ui/basics';
import { TextField } from '../../ui/fields';

/** Shards that a bond covers at the same time. */
export function shardsCovered(
    bond: bigint,
    { minimumBond, shardBond }: Pick<ParametersView, 'minimumBond' | 'shardBond'>,
): number {
    if (bond < minimumBond) return 0;
    return shardBond === 0n ? Number.POSITIVE_INFINITY : Number(bond / shardBond);
}

/** See the module. */
export function Bond({ node, parameters }: { node: NodeView; parameters: ParametersView | undefined }) {
    const { busy, send } = useSend();
    const now = useNow(15);
    const [text, setText] = useState('');
    const amount = parseLmr(text);
    const isAmount = amount !== undefined && amount > 0n;
    const due = node.unbondsAt !== undefined && node.unbondsAt <= now;
    const atRisk = node.bond - node.unbonding;

    const deposit = async () => {
        const done = await send({
            title: `Bond ${lmr(amount!)}`,
            lmr: amount!,
            instructions: owner => bondNode(owner, node, amount!),
        });
        if (done) setText('');
    };
    const ask = async () => {
        const done = await send({
            title: `Ask ${lmr(amount!)} of bond back`,
            instructions: owner => unbondNode(owner, node, amount!),
        });
        if (done) setText('');
    };
    const withdraw = () =>
        send({
            title: `Withdraw ${lmr(node.unbonding)} of bond`,
            instructions: owner => withdrawNodeBond(owner, node),
        });

    const covered = parameters && shardsCovered(atRisk, parameters);
    return (
        <Panel title="Bond" aside={lmr(node.bond)}>
            <p className="mb-3 text-xs text-muted">
                {parameters === undefined
                    ? ''
                    : covered === 0
                      ? `Measurements are paid without a bond. To take work, deposit at least ${lmr(parameters.minimumBond > parameters.shardBond ? parameters.minimumBond : parameters.shardBond)}.`
                      : `It covers ${covered === Number.POSITIVE_INFINITY ? 'any number of shards' : counted(covered ?? 0, 'shard')} at once. A part is lost when a deadline passes, all of a shard's when answers are forged.`}
            </p>
            {(node.unbonding > 0n || node.slashed > 0n) && (
                <Facts
                    of={[
                        [
                            'Asked back',
                            `${lmr(node.unbonding)}${node.unbondsAt === undefined ? '' : `, due ${fromNow(node.unbondsAt, now)}`}`,
                        ],
                        ['Lost so far', lmr(node.slashed)],
                    ]}
                />
            )}
            <TextField
                label="Amount in LMR"
                inputMode="decimal"
                placeholder="100"
                value={text}
                onText={setText}
                error={text !== '' && !isAmount ? 'An amount above zero with at most six decimals.' : undefined}
            />
            <div className="mt-3 grid grid-cols-2 gap-2">
                <Button busy={busy} disabled={!isAmount} onClick={() => void deposit()}>
                    Deposit
                </Button>
                <Button
                    busy={busy}
                    disabled={!isAmount || amount > atRisk}
                    onClick={() => void ask()}
                    title={parameters && `It stays at risk for ${span(parameters.unbondingSeconds)} more`}
                >
                    Ask back
                </Button>
                {node.unbonding > 0n && (
                    <Button
                        className="col-span-2"
                        kind="primary"
                        busy={busy}
                        disabled={!due}
                        onClick={() => void withdraw()}
                    >
                        {due
                            ? `Withdraw ${lmr(node.unbonding)}`
                            : `Withdrawable ${fromNow(node.unbondsAt ?? now, now)}`}
                    </Button>
                )}
            </div>
        </Panel>
    );
}
