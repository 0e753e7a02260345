/**
 * Typed client of the Lumora programs.
 *
 * `registry`, `bandwidth`, `rewards`, `tasks` and `market` are generated from the programs' IDLs: every instruction,
 * account and error. On top of them are one function per thing that a provider does, and the addresses of accounts.
 */
export * as bandwidth from './generated/bandwidth';
export * as market from './generated/market';
export * as registry from './generated/registry';
export * as rewards from './generated/rewards';
export * as tasks from './generated/tasks';

export * from './addresses';
export * from './errors';
export * from './provider';
