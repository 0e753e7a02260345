/** What happened, in a few words. */
import type { EventName } from '@lumora/client';

import type { EventView } from '../data/model';
import { counted, rate, shortened, shortLmr, span } from './units';

type Fields = EventView['fields'];

const at = (fields: Fields, name: string) => shortened(String(fields[name] ?? ''));
const number = (fields: Fields, name: string) => Number(fields[name] ?? 0);
const things = (fields: Fields, name: string, thing: string) => counted(number(fields, name), thing);
const lmr = (fields: Fields, name: string) => shortLmr(BigInt(String(fields[name] ?? 0)));

const oracle = (fields: Fields, name = 'oracle') => `Oracle ${at(fields, name)}`;
const dataset = (fields: Fields) => `Dataset ${at(fields, 'listing')}`;

const SENTENCES: Readonly<Record<EventName, (fields: Fields) => string>> = {
    NetworkInitialized: () => 'The network was made',
    AuthorityProposed: it => `${at(it, 'proposed')} is to become the authority`,
    AuthorityChanged: it => `${at(it, 'authority')} became the authority`,
    GuardianChanged: it => `${at(it, 'guardian')} became the guardian`,
    PauseChanged: it =>
        number(it, 'paused') === 0 ? 'Nothing is paused any more' : 'The guardian paused a part of the network',
    NodeRegistered: it => `Node ${at(it, 'node')} registered, shares up to ${rate(number(it, 'limit_kbps'))}`,
    NodeUpdated: it =>
        `Node ${at(it, 'node')} shares up to ${rate(number(it, 'limit_kbps'))}${it['status'] === 1 ? ', paused' : ''}`,
    NodeClosed: it => `Node ${at(it, 'node')} left`,
    NodeProven: it =>
        `Node ${at(it, 'node')} proved ${rate(number(it, 'down_kbps'))} down, ${rate(number(it, 'up_kbps'))} up in epoch ${it['epoch']}`,
    NodePunished: it => `Node ${at(it, 'node')} lost ${lmr(it, 'amount')} of bond for forged answers`,
    BondDeposited: it => `Node ${at(it, 'node')} bonded ${lmr(it, 'amount')}`,
    UnbondRequested: it => `Node ${at(it, 'node')} asked ${lmr(it, 'amount')} of bond back`,
    BondWithdrawn: it => `Node ${at(it, 'node')} took ${lmr(it, 'amount')} of bond back`,
    BondSlashed: it => `Node ${at(it, 'node')} was slashed; ${lmr(it, 'bond')} of its bond are left`,
    ParametersAnnounced: () => 'New parameters were announced',
    AnnouncementWithdrawn: () => 'The announced parameters were withdrawn',
    ParametersApplied: () => 'New parameters took effect',
    RankingAdapted: it => `The oracles adapted the score of the assignment to what epoch ${it['epoch']} showed`,
    AdaptationFreezeChanged: it =>
        it['frozen'] === 0
            ? 'The oracles may adapt the score of the assignment again'
            : `${at(it, 'by')} froze the score of the assignment`,
    EpochOpened: it => `Epoch ${it['epoch']} opened`,
    SeedPostponed: it => `Epoch ${it['epoch']}: its seed is drawn from a later slot`,
    SeedDrawn: it => `Epoch ${it['epoch']}: who measures whom was drawn`,
    BundleCommitted: it =>
        `Oracle number ${it['oracle']} committed ${things(it, 'count', 'receipt')} of epoch ${it['epoch']}`,
    EpochAttested: it =>
        `Epoch ${it['epoch']} attested: ${things(it, 'leaf_count', 'node')}, ${lmr(it, 'epoch_reward')}`,
    EpochReopened: it => `Epoch ${it['epoch']} was reopened, to be attested again`,
    EpochClosed: it => `The account of epoch ${it['epoch']} was closed`,
    OracleAdded: it => `${oracle(it, 'key')} joined`,
    OracleUpdated: it => `${oracle(it)} moved to another address`,
    OracleRemoved: it => `${oracle(it)} left`,
    OracleJailed: it => `${oracle(it)} was caught signing two results: ${lmr(it, 'burned')} of its bond burned`,
    OracleBondDeposited: it => `${oracle(it)} bonded ${lmr(it, 'amount')}`,
    OracleBondWithdrawn: it => `${oracle(it)} took ${lmr(it, 'amount')} of bond back`,
    OracleSetMigrated: () => 'The set of oracles took a newer form',
    MinimumBondSet: it => `Oracles must bond at least ${lmr(it, 'minimum_bond')}`,
    EmissionInitialized: it => `LMR was made, of which there will be ${lmr(it, 'cap')} at most`,
    MetadataCreated: () => 'LMR was given its name and symbol',
    BreakerSet: it =>
        number(it, 'seconds') === 0
            ? 'Claims are not slowed down any more'
            : `Claims are limited to ${lmr(it, 'limit')} in ${span(number(it, 'seconds'))}`,
    Granted: it => `${lmr(it, 'amount')} granted to ${at(it, 'recipient')}`,
    GrantReleased: it => `${at(it, 'recipient')} was paid ${lmr(it, 'amount')} of a grant`,
    EpochFunded: it => `Epoch ${it['epoch']} funded with ${lmr(it, 'amount')}`,
    RewardClaimed: it => `Node ${at(it, 'node')} claimed ${lmr(it, 'amount')}`,
    RewardsClaimed: it => `${things(it, 'count', 'node')} claimed their rewards`,
    FeesBurned: it => `${lmr(it, 'burned')} of fees burned`,
    JobCreated: it => `Job ${at(it, 'job')}: ${things(it, 'shard_count', 'shard')}, ${lmr(it, 'escrowed')} in escrow`,
    ShardClaimed: it => `Node ${at(it, 'node')} took shard ${it['shard']} of ${at(it, 'job')}`,
    ResultCommitted: it => `Node ${at(it, 'node')} committed to shard ${it['shard']}`,
    ResultRevealed: it => `Node ${at(it, 'node')} showed ${things(it, 'records', 'record')} of shard ${it['shard']}`,
    ShardSettled: it => `Shard ${it['shard']} of ${at(it, 'job')} settled, ${lmr(it, 'paid_each')} each`,
    AssignmentSlashed: it =>
        `Node ${at(it, 'node')} lost ${lmr(it, 'taken')} of bond over shard ${it['shard']} of ${at(it, 'job')}`,
    AssignmentExpired: it => `Shard ${it['shard']} of ${at(it, 'job')}: a node ran out of time`,
    ResultRejected: it => `Shard ${it['shard']} of ${at(it, 'job')}: the oracles rejected a result`,
    JobCancelled: it => `Job ${at(it, 'job')} cancelled`,
    JobRefunded: it => `Job ${at(it, 'job')}: ${lmr(it, 'amount')} went back to the client`,
    JobClosed: it => `Job ${at(it, 'job')} closed: ${lmr(it, 'paid')} paid, ${lmr(it, 'refunded')} back`,
    ListingCreated: it => `${dataset(it)} listed: ${things(it, 'rows', 'row')} for ${lmr(it, 'price')}`,
    ListingUpdated: it => `${dataset(it)} now costs ${lmr(it, 'price')}`,
    ListingWithdrawn: it => `${dataset(it)} is sold no more`,
    ListingClosed: it => `${dataset(it)} was closed after ${things(it, 'sales', 'sale')}`,
    ListingBondAdded: it => `${dataset(it)}: its seller bonded ${lmr(it, 'amount')}`,
    ListingBondWithdrawn: it => `${dataset(it)}: its seller took ${lmr(it, 'amount')} of bond back`,
    DatasetBought: it => `${dataset(it)} bought for ${lmr(it, 'amount')}`,
    DatasetDelivered: it => `${dataset(it)} delivered, ${lmr(it, 'amount')} paid out`,
    PurchaseRefunded: it => `A purchase of ${at(it, 'listing')} was refunded: ${lmr(it, 'amount')}`,
    PenaltyPaid: it => `A late seller paid ${lmr(it, 'amount')} to a buyer of ${at(it, 'listing')}`,
    PurchaseRated: it => `${dataset(it)} rated ${it['rating']} of 5`,
    PurchaseClosed: it => `The account of a purchase of ${at(it, 'listing')} was closed`,
};

/** The names of all events. */
export const EVENT_NAMES = Object.keys(SENTENCES) as readonly EventName[];

/** See the module. An event of a newer program is named. */
export const eventSentence = ({ name, fields }: EventView): string =>
    SENTENCES[name as EventName]?.(fields) ?? name.replace(/(?<=[a-z])(?=[A-Z])/g, ' ');
