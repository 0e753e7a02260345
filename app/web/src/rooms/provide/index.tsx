/** Sharing bandwidth: the nodes of a wallet, their limits, bonds and earnings. */
import { useState } from 'react';

import { useNetwork, useNodesOf } from '../../data/queries';
import { useSession } from '../../session';
import { counted, shortLmr } from '../../text/units';
import { explain } from '../../transactions/explain';
import { Alert, Button, Loading, Panel } from '../../ui/basics';
import { NodeCard } from './NodeCard';
import { Register } from './Register';

/** See the module. */
export default function ProvideRoom(_: { item: string | undefined }) {
    const { wallet } = useSession();
    const network = useNetwork();
    const nodes = useNodesOf(wallet);
    const [adding, setAdding] = useState(false);
    if (wallet === undefined) return <Introduction />;
    if (nodes.data === undefined) {
        return nodes.error === null ? <Loading lines={6} /> : <Alert>{explain(nodes.error)}</Alert>;
    }
    const owned = nodes.data.toSorted((a, b) => a.index - b.index);
    const free = owned.reduce((index, node) => Math.max(index, node.index + 1), 0);
    if (owned.length === 0 || adding) {
        return (
            <Register
                index={free}
                onDone={() => setAdding(false)}
                onCancel={adding ? () => setAdding(false) : undefined}
            />
        );
    }
    const total = owned.reduce((sum, node) => sum + (node.attestation?.cumulativeReward ?? 0n), 0n);
    return (
        <div className="space-y-4">
            <div className="flex flex-wrap items-center justify-between gap-3">
                <p className="text-muted">
                    {counted(owned.length, 'node')}, {shortLmr(total)} earned for bandwidth so far
                </p>
                <Button onClick={() => setAdding(true)}>Add a node</Button>
            </div>
            {owned.map(node => (
                <NodeCard key={node.address} node={node} network={network.data} />
            ))}
        </div>
    );
}

const PROMISES = [
    [
        'Your traffic goes first',
        'A node yields within a second whenever you use the link yourself, and keeps inside the rate, hours and volume you set.',
    ],
    [
        'Every figure has a reason',
        'Oracles that do not trust each other measure the link. If an epoch pays nothing, the page says why, and what to do.',
    ],
    [
        'Nobody approves payments',
        'Rewards follow from what was measured, by a formula on the chain. You claim them when you like.',
    ],
    ['Only a coarse place', 'A node states a cell of some 120 km, never an address.'],
] as const;

function Introduction() {
    return (
        <Panel className="mx-auto max-w-3xl">
            <h2 className="text-xl font-semibold tracking-tight">Share what your link does not use</h2>
            <p className="mt-1 max-w-prose text-base text-muted">
                Connect a wallet to register a node, set its limits, and see what it earns. The wallet owns the node;
                the node itself runs with a key of its own that cannot move funds.
            </p>
            <dl className="mt-6 grid gap-x-8 gap-y-5 sm:grid-cols-2">
                {PROMISES.map(([title, text]) => (
                    <div key={title}>
                        <dt className="font-semibold">{title}</dt>
                        <dd className="text-muted">{text}</dd>
                    </div>
                ))}
            </dl>
        </Panel>
    );
}
