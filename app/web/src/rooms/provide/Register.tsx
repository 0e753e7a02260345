/** Registering a node: where it stands, with which keys, under which limits. */
import { registerNode } from '@lumora/client';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';

import type { Degrees } from '../../data/model';
import { inDegrees } from '../../data/places';
import { useSession } from '../../session';
import { rate } from '../../text/units';
import { useSend } from '../../transactions/useSend';
import { Button, Loading, Panel } from '../../ui/basics';
import { Slider, TextField } from '../../ui/fields';
import { save } from '../../ui/save';
import { isPublicKey, newKey, publicBytes } from './keys';
import { LEAST_CAPACITY, MOST_CAPACITY, monthly, positionOf, RATE_STEPS, rateAt, workable } from './limits';

const PlaceMap = lazy(() => import('../../ui/WorldMap').then(({ WorldMap }) => ({ default: WorldMap })));

/** See the module. `index` is the owner's number of the new node. */
export function Register({
    index,
    onDone,
    onCancel,
}: {
    index: number;
    onDone: () => void;
    onCancel: (() => void) | undefined;
}) {
    const { wallet } = useSession();
    const { busy, send } = useSend();
    const [latitude, setLatitude] = useState('');
    const [longitude, setLongitude] = useState('');
    const [operator, setOperator] = useState('');
    const [transport, setTransport] = useState('');
    const [position, setPosition] = useState(positionOf(20_000));
    const [capacity, setCapacity] = useState(4);
    const point = degrees(latitude, longitude);
    const cells = useQuery({ queryKey: ['cells'], queryFn: () => import('../../data/cells'), staleTime: Infinity });
    const place = point === undefined ? undefined : cells.data?.placeAt(point);

    const keyError = (text: string): string | undefined =>
        text === ''
            ? undefined
            : !isPublicKey(text)
              ? 'This is no public key: 32 bytes in base58.'
              : text.trim() === wallet
                ? 'Use another key than your wallet: this one lies on the node, where a thief of the machine finds it.'
                : undefined;
    const complete =
        place !== undefined && isPublicKey(operator) && isPublicKey(transport) && keyError(operator) === undefined;

    const makeKeys = async () => {
        const [forOperator, forTransport] = await Promise.all([newKey(), newKey()]);
        setOperator(forOperator.address);
        setTransport(forTransport.address);
        save('operator.json', new Blob([JSON.stringify(forOperator.file)]));
        save('transport.json', new Blob([JSON.stringify(forTransport.file)]));
    };
    const register = async () => {
        if (!complete) return;
        const done = await send({
            title: 'Register a node',
            instructions: owner =>
                registerNode(
                    owner,
                    {
                        operator,
                        transportKey: publicBytes(transport),
                        h3Cell: place.cell,
                        location: [...place.location],
                        limitKbps: rateAt(position),
                        shardCapacity: capacity,
                    },
                    index,
                ),
        });
        if (done) onDone();
    };
    return (
        <form
            className="grid items-start gap-4 lg:grid-cols-2"
            onSubmit={event => {
                event.preventDefault();
                void register();
            }}
        >
            <Panel title="1. Where does it stand?">
                <Suspense fallback={<Loading lines={5} />}>
                    <PlaceMap
                        label={
                            place === undefined
                                ? 'Map of the Earth; no place is chosen. Type degrees below instead of pointing.'
                                : `Map of the Earth; ${inDegrees(place.centre)} is chosen`
                        }
                        marks={place === undefined ? NO_MARKS : [{ ...place.centre, weight: 1, tone: 'glow' }]}
                        onPick={chosen => {
                            setLatitude(chosen.latitude.toFixed(2));
                            setLongitude(chosen.longitude.toFixed(2));
                        }}
                    />
                </Suspense>
                <div className="mt-3 grid grid-cols-2 gap-3">
                    <TextField
                        label="Degrees north"
                        inputMode="decimal"
                        placeholder="52.52"
                        value={latitude}
                        onText={setLatitude}
                        error={wrong(latitude, 90)}
                    />
                    <TextField
                        label="Degrees east"
                        inputMode="decimal"
                        placeholder="13.40"
                        value={longitude}
                        onText={setLongitude}
                        error={wrong(longitude, 180)}
                    />
                </div>
                <p className="mt-2 text-xs text-muted">
                    {place === undefined
                        ? 'Point at the map or type degrees. Only a cell of some 120 km is stored.'
                        : `Stored: cell ${place.cell.toString(16)}, whose centre is at ${inDegrees(place.centre)}. A wrong place shows in the measured latency and costs you work.`}
                </p>
            </Panel>
            <div className="grid gap-4">
                <Panel
                    title="2. Its keys"
                    aside={
                        <Button kind="quiet" onClick={() => void makeKeys()}>
                            Make new keys
                        </Button>
                    }
                >
                    <div className="space-y-3">
                        <TextField
                            label="Operator key"
                            value={operator}
                            onText={setOperator}
                            error={keyError(operator)}
                            className="font-mono text-xs"
                            hint="The node signs with it. It can take work and never move funds. It needs a little SOL for fees."
                        />
                        <TextField
                            label="Transport key"
                            value={transport}
                            onText={setTransport}
                            error={keyError(transport)}
                            className="font-mono text-xs"
                            hint="The node shows it to oracles. New keys are saved as operator.json and transport.json: put them on the node."
                        />
                    </div>
                </Panel>
                <Panel title="3. How much may it share?">
                    <Limits position={position} capacity={capacity} onPosition={setPosition} onCapacity={setCapacity} />
                    <div className="mt-5 flex justify-end gap-2">
                        {onCancel !== undefined && <Button onClick={onCancel}>Back</Button>}
                        <Button kind="primary" type="submit" busy={busy} disabled={!complete}>
                            Register node
                        </Button>
                    </div>
                </Panel>
            </div>
        </form>
    );
}

/** The two limits that the chain knows, with what they mean. */
export function Limits({
    position,
    capacity,
    onPosition,
    onCapacity,
    stored,
}: {
    position: number;
    capacity: number;
    onPosition: (position: number) => void;
    onCapacity: (capacity: number) => void;
    stored?: number;
}) {
    // A stored rate between two positions is shown as it is stored.
    const kbps = stored !== undefined && position === positionOf(stored) ? stored : rateAt(position);
    return (
        <div className="space-y-4">
            <Slider
                label="Shared rate"
                value={position}
                shown={rate(kbps)}
                min={0}
                max={RATE_STEPS}
                onValue={onPosition}
                hint={`At most ${monthly(kbps)} in a month, if it were asked for all the time. Rewards count up to this rate. Hours and a monthly volume are set on the node itself.`}
            />
            <Slider
                label="Shards at the same time"
                value={capacity}
                shown={`${capacity}`}
                min={LEAST_CAPACITY}
                max={MOST_CAPACITY}
                onValue={onCapacity}
                hint={`With these it takes up to ${workable(capacity)} at once; the rest stays free so that it meets its deadlines. Each needs bond.`}
            />
        </div>
    );
}

const NO_MARKS: [] = [];

function number(text: string, most: number): number | undefined {
    const value = Number(text);
    return text.trim() !== '' && Number.isFinite(value) && Math.abs(value) <= most ? value : undefined;
}

const wrong = (text: string, most: number): string | undefined =>
    text === '' || number(text, most) !== undefined ? undefined : `Between -${most} and ${most}`;

function degrees(latitude: string, longitude: string): Degrees | undefined {
    const [north, east] = [number(latitude, 90), number(longitude, 180)];
    return north === undefined || east === undefined ? undefined : { latitude: north, longitude: east };
}
