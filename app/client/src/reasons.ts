/**
 * Why a figure is what it is: the reason codes of attestations and verdicts, from `crates/core/src/reason.rs`, and those of
 * adaptations, from `crates/core/src/adaptation.rs`.
 */

/** A reason, as recorded on chain. */
export type Reason = { readonly name: string; readonly sentence: string };

const REASONS: readonly (readonly [name: string, sentence: string])[] = [
    ['None', 'Everything was measured as scheduled.'],
    [
        'NoMeasurement',
        'No measurement of this epoch succeeded. Check that the node runs and that outgoing UDP is open.',
    ],
    ['RoundsMissed', 'Some measurement rounds were missed, so only part of the epoch counts. Keep the node running.'],
    ['AtLimit', "The rate is the provider's own limit. Raise the limit to earn more."],
    ['Aborted', 'A measurement broke off before the estimate was good enough. The link may be unstable.'],
    ['WrongDigest', 'A chunk was answered with a wrong digest, so the measurement does not count.'],
    ['NetworkShare', 'Too many nodes share this network address; only some of them can earn.'],
    ['Paused', 'The node is paused by its owner. Resume it to earn.'],
    ['TooFewChallengers', 'Too few oracles measured this node for a figure that a minority could not bend.'],
    [
        'Forged',
        'More than half of the challengers that measured this node report forged answers. Part of its bond is lost.',
    ],
    [
        'SampleDiffers',
        'The oracles fetched a sample of the pages again, and the records do not match. Part of the bond is lost.',
    ],
    ['PagesMissing', 'The oracles fetched pages that the result says cannot be had. Part of the bond is lost.'],
    ['ResultUnavailable', "The records behind the result's root cannot be downloaded. Part of the bond is lost."],
    [
        'Inconclusive',
        "The link was not kept full, because a machine was too busy or the link's rate changes, so nothing can be said. Give the node more processor time.",
    ],
    ['OwnerShare', 'Too many nodes belong to this owner; only some of them can earn.'],
    [
        'SharedLink',
        'The nodes of this network share one link, and together they get no more than was measured at one time.',
    ],
];

const WAIT_REASONS: typeof REASONS = [
    ['Steady', 'The wait is neither so short that nodes race nor so long that shards lie idle.'],
    ['LittleData', 'There were too few claims to judge the wait by.'],
    ['Races', 'Many claims were refused because another was first: a longer wait pulls nodes apart.'],
    ['HeldBack', 'Shards waited long for nodes that hardly contest them: the wait is shortened.'],
    ['AtBound', 'The wait is as far from its base as it may be.'],
];

const WEIGHTS_REASONS: typeof REASONS = [
    ['Steady', 'Nothing that was measured asks for other weights.'],
    ['LittleData', 'There were too few claims to judge the weights by.'],
    ['Unreliable', 'Many assignments expired or were rejected: reputation counts more.'],
    ['FarCosts', 'Shards far from their node took longer: proximity counts more.'],
    ['Crowded', 'Few nodes did most of the work: bandwidth counts less and proximity more.'],
    ['BackToBase', 'What was answered before is over: the weights go back towards their base.'],
    ['AtBound', 'The weights are as far from their base as they may be.'],
];

const reasonIn = (reasons: typeof REASONS, code: number): Reason | undefined => {
    const [name, sentence] = reasons[code] ?? [];
    return name === undefined || sentence === undefined ? undefined : { name, sentence };
};

/** The reason of an attestation or a verdict with this code; `undefined` for one that is newer than this package. */
export const reasonOf = (code: number): Reason | undefined => reasonIn(REASONS, code);

/** Why an adaptation changed the longest wait, or left it: `waitReason` of `RankingAdapted`. */
export const waitReasonOf = (code: number): Reason | undefined => reasonIn(WAIT_REASONS, code);

/** Why it changed the weights, or left them: `weightsReason` of the same. */
export const weightsReasonOf = (code: number): Reason | undefined => reasonIn(WEIGHTS_REASONS, code);
