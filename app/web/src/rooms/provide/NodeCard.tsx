/** One node: what it is worth, what it may share, what it risks, what it earned. */
import {
    asNode,
    claimReward,
    fetchAs,
    pauseNode,
    type registry,
    resumeNode,
    setLimits,
    unclaimed,
} from '@lumora/client';
import { address as asAddress, type GetAccountInfoApi, type Rpc } from '@solana/kit';
import { useState } from 'react';

import type { NetworkView, NodeView } from '../../data/model';
import { useNow, useSession } from '../../session';
import { isFine, reasonSentence, whyZero } from '../../text/reasons';
import { count, fromNow, latency, lmr, rate, share, shortLmr } from '../../text/units';
import { Told } from '../../transactions/explain';
import { useSend } from '../../transactions/useSend';
import { Badge, Button, Copyable, Figure, Figures, Notice, Panel } from '../../ui/basics';
import { Bond } from './Bond';
import { Earnings } from './Earnings';
import { positionOf, rateAt } from './limits';
import { Limits } from './Register';

/** The node as it is now: what is not changed is written as it was last read. */
async function latest(rpc: Rpc<GetAccountInfoApi>, { address }: NodeView): Promise<registry.Node> {
    const node = await fetchAs(rpc, asAddress(address), asNode);
    if (node === undefined) throw new Told('This node was closed meanwhile. Reload the page.');
    return node.data;
}

/** See the module. */
export function NodeCard({ node, network }: { node: NodeView; network: NetworkView | undefined }) {
    const { rpc, wallet } = useSession();
    const { busy, send } = useSend();
    const now = useNow(15);
    const { attestation } = node;
    const why = whyZero(node, network?.epochSeconds ?? 0, now);
    const claimable = unclaimed(attestation, node);
    const pause = () =>
        send({
            title: node.active ? 'Pause the node' : 'Resume the node',
            instructions: async owner => (node.active ? pauseNode : resumeNode)(owner, await latest(rpc, node)),
        });
    return (
        <article aria-label={`Node ${node.index}`} className="grid items-start gap-4 lg:grid-cols-3">
            <Panel
                className="lg:col-span-2"
                title={
                    <span className="inline-flex items-center gap-2">
                        Node {node.index}
                        <Badge tone={node.active ? 'good' : 'glow'}>{node.active ? 'active' : 'paused'}</Badge>
                        <Copyable text={node.address} label="address of the node" />
                    </span>
                }
                aside={
                    <Button kind="quiet" busy={busy} onClick={() => void pause()}>
                        {node.active ? 'Pause' : 'Resume'}
                    </Button>
                }
            >
                <Figures>
                    <Figure
                        label="Attested, down"
                        value={attestation === undefined ? 'not yet' : rate(attestation.downKbps)}
                        note={attestation && `up ${rate(attestation.upKbps)}`}
                    />
                    <Figure
                        label="Round trip"
                        value={attestation === undefined ? 'not yet' : latency(attestation.rttUs)}
                        note={attestation && `measured ${fromNow(attestation.measuredAt, now)}`}
                    />
                    <Figure
                        label="Rounds answered"
                        value={attestation === undefined ? 'not yet' : share(attestation.uptimeBps)}
                        note={attestation && `epoch ${attestation.epoch}`}
                    />
                    <Figure
                        label="Reputation"
                        value={attestation === undefined ? 'not yet' : share(attestation.reputationBps)}
                        note={
                            node.work &&
                            `${count(node.work.completed)} shards done, ${count(node.work.expired + node.work.failed)} not; buyers’ ratings count too`
                        }
                    />
                </Figures>
                <div className="mt-4">
                    {why !== undefined ? (
                        <Notice tone="glow">
                            <strong className="font-semibold">It earns nothing now. </strong>
                            {why}
                        </Notice>
                    ) : (
                        attestation !== undefined && (
                            <Notice tone={isFine(attestation.reason) ? 'neutral' : 'glow'}>
                                {reasonSentence(attestation.reason)}
                            </Notice>
                        )
                    )}
                </div>
                <Earnings node={node} />
            </Panel>
            <div className="grid gap-4">
                <Panel title="Earned, not claimed yet">
                    <p className="text-2xl font-semibold tracking-tight">{shortLmr(claimable)}</p>
                    <p className="mt-0.5 text-xs text-muted">
                        {lmr(node.claimed)} claimed before
                        {node.work === undefined ? '' : `; ${shortLmr(node.work.earned)} paid at once for shards`}
                    </p>
                    <Button
                        kind="primary"
                        className="mt-3 w-full"
                        busy={busy}
                        disabled={claimable <= 0n}
                        onClick={() =>
                            void send({
                                title: 'Claim rewards',
                                instructions: payer => claimReward(payer, wallet!, node.index),
                            })
                        }
                    >
                        {claimable > 0n ? `Claim ${shortLmr(claimable)}` : 'Nothing to claim'}
                    </Button>
                </Panel>
                <LimitsPanel key={`${node.limitKbps}-${node.shardCapacity}`} node={node} />
                <Bond node={node} parameters={network?.parameters} />
            </div>
        </article>
    );
}

function LimitsPanel({ node }: { node: NodeView }) {
    const { rpc } = useSession();
    const { busy, send } = useSend();
    const [position, setPosition] = useState(positionOf(node.limitKbps));
    const [capacity, setCapacity] = useState(node.shardCapacity);
    const changed = position !== positionOf(node.limitKbps) || capacity !== node.shardCapacity;
    const store = () =>
        send({
            title: 'Set limits',
            instructions: async owner => {
                const data = await latest(rpc, node);
                // A rate that was not moved stays exactly what it was.
                const limitKbps = position === positionOf(node.limitKbps) ? data.limitKbps : rateAt(position);
                return setLimits(owner, data, { limitKbps, shardCapacity: capacity });
            },
        });
    return (
        <Panel title="Limits" aside={`now ${rate(node.limitKbps)}`}>
            <Limits
                stored={node.limitKbps}
                position={position}
                capacity={capacity}
                onPosition={setPosition}
                onCapacity={setCapacity}
            />
            <Button
                kind={changed ? 'primary' : 'plain'}
                className="mt-4 w-full"
                busy={busy}
                disabled={!changed}
                onClick={() => void store()}
            >
                {changed ? `Set to ${rate(rateAt(position))}` : 'As stored'}
            </Button>
        </Panel>
    );
}
