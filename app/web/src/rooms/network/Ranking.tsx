/** The score that decides who may take a shard, and from when: what counts in it, how that changed, and why. */
import type { ParametersView } from '../../data/model';
import { SCORE_TERMS } from '../../data/model';
import { useHistory } from '../../data/queries';
import { useNow } from '../../session';
import { counted, dateTime, fromNow } from '../../text/units';
import { explain } from '../../transactions/explain';
import { Badge, Notice, Panel } from '../../ui/basics';
import { Shares, Steps } from '../../ui/charts';
import { type Change, CHANGING, changesOf, differences, seconds, stepsOf } from './changes';

/** Changes that are shown at once. */
const SHOWN = 3;

/** See the module. */
export function Ranking({ parameters }: { parameters: ParametersView }) {
    const { weights, maxWaitSeconds, adaptation } = parameters;
    const now = useNow(30);
    // The history is longer only where what holds now is different.
    const history = useHistory(CHANGING, `${weights} ${maxWaitSeconds} ${adaptation.count}`);
    const changes = changesOf(history.data ?? []);
    const steps = stepsOf(changes, { weights, maxWaitSeconds }, now);
    const newest = changes.toReversed();
    return (
        <Panel
            title="Who gets work"
            aside={
                adaptation.frozen ? (
                    <Badge tone="glow">frozen</Badge>
                ) : adaptation.count === 0 ? (
                    'not adapted so far'
                ) : (
                    `adapted ${counted(adaptation.count, 'time')}`
                )
            }
        >
            {adaptation.frozen && (
                <div className="mb-4">
                    <Notice tone="glow">
                        The oracles may not adapt weights and wait until the authority allows it again.
                    </Notice>
                </div>
            )}
            <Shares
                names={SCORE_TERMS}
                steps={steps.map(({ time, weights }) => ({ time, shares: weights.map(weight => weight / 10_000) }))}
                label="How much bandwidth, proximity, latency and reputation count in the score of a node, over time"
            />
            <div className="mt-4 flex items-baseline justify-between gap-4">
                <p className="text-muted">Longest wait, at a score of zero</p>
                <p className="font-medium">{seconds(maxWaitSeconds)}</p>
            </div>
            {changes.length > 0 && (
                <Steps
                    samples={steps.map(({ time, maxWaitSeconds: value }) => ({ time, value }))}
                    level={adaptation.base.maxWaitSeconds}
                    label={`Longest wait over time, now ${seconds(maxWaitSeconds)}; the authority set ${seconds(adaptation.base.maxWaitSeconds)}, the dashed line`}
                />
            )}
            {history.error !== null ? (
                <p className="mt-3 text-muted">{explain(history.error)}</p>
            ) : changes.length > 0 ? (
                <div className="mt-4 border-t border-line pt-1">
                    <Changes changes={newest.slice(0, SHOWN)} now={now} />
                    {newest.length > SHOWN && (
                        <details>
                            <summary className="py-2 text-accent">
                                {counted(newest.length - SHOWN, 'earlier change')}
                            </summary>
                            <Changes changes={newest.slice(SHOWN)} now={now} />
                        </details>
                    )}
                </div>
            ) : (
                !adaptation.frozen && (
                    <p className="mt-3 text-xs text-muted">
                        {adaptation.count === 0
                            ? 'These are the figures that the authority set. The oracles adapt them in small steps where what they measure asks for it.'
                            : `Adapted last ${fromNow(adaptation.lastAt ?? now, now)}; an indexer tells what changed, and why.`}
                    </p>
                )
            )}
        </Panel>
    );
}

const Changes = ({ changes, now }: { changes: readonly Change[]; now: number }) => (
    <ol className="divide-y divide-line">
        {changes.map(change => (
            <li key={change.id} className="py-2">
                <p className="flex flex-wrap justify-between gap-x-4 text-xs text-muted">
                    <span>{change.by}</span>
                    <time title={dateTime(change.time)}>{fromNow(change.time, now)}</time>
                </p>
                <p className="font-medium">{differences(change).join(', ')}</p>
                {change.reasons.map(reason => (
                    <p key={reason}>{reason}</p>
                ))}
            </li>
        ))}
    </ol>
);
