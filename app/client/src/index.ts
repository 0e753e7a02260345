/**
 * Typed client of the Lumora programs.
 *
 * `registry`, `bandwidth`, `rewards`, `tasks` and `market` are generated from the programs' IDLs: every instruction,
 * account, event and error. On top of them are one function per thing that a provider, a client, a seller, a buyer, an
 * oracle's owner or the authority does; `send`, which lands what they give; `explain`, which says what went wrong; lists of
 * accounts, subscriptions, addresses. `delivery` and `dataset` are what happens to a dataset off chain, `rules` is who may
 * take which work: they need no chain, and can be had by themselves, as `@lumora/client/delivery` and so on.
 */
export * as dataset from './dataset';
export * as delivery from './delivery';
export * as bandwidth from './generated/bandwidth';
export * as market from './generated/market';
export * as registry from './generated/registry';
export * as rewards from './generated/rewards';
export * as tasks from './generated/tasks';
export * as rules from './rules';

export * from './accounts';
export * from './addresses';
export * from './checked';
export * from './errors';
export * from './events';
export * from './explain';
export * from './governance';
export * from './jobs';
export * from './market';
export * from './oracles';
export * from './provider';
export * from './reasons';
export * from './refusal';
export * from './rewards';
export { type Landed, send, type SendOptions, type SendState, TransactionExpired } from './send';
export * from './tokens';
export * from './watch';
