/** Errors of the programs in words, as the IDLs have them: also in bundles that are built for production. */
import type { Address } from '@solana/kit';

import { LUMORA_BANDWIDTH_PROGRAM_ADDRESS } from './generated/bandwidth/programs';
import { REFUSALS as BANDWIDTH } from './generated/bandwidth/refusals';
import { LUMORA_MARKET_PROGRAM_ADDRESS } from './generated/market/programs';
import { REFUSALS as MARKET } from './generated/market/refusals';
import { LUMORA_REGISTRY_PROGRAM_ADDRESS } from './generated/registry/programs';
import { REFUSALS as REGISTRY } from './generated/registry/refusals';
import { LUMORA_REWARDS_PROGRAM_ADDRESS } from './generated/rewards/programs';
import { REFUSALS as REWARDS } from './generated/rewards/refusals';
import { LUMORA_TASKS_PROGRAM_ADDRESS } from './generated/tasks/programs';
import { REFUSALS as TASKS } from './generated/tasks/refusals';

/** The five programs, as people call them. */
export type ProgramName = 'bandwidth' | 'market' | 'registry' | 'rewards' | 'tasks';

const programs: Readonly<Record<string, readonly [ProgramName, typeof TASKS]>> = {
    [LUMORA_BANDWIDTH_PROGRAM_ADDRESS]: ['bandwidth', BANDWIDTH],
    [LUMORA_MARKET_PROGRAM_ADDRESS]: ['market', MARKET],
    [LUMORA_REGISTRY_PROGRAM_ADDRESS]: ['registry', REGISTRY],
    [LUMORA_REWARDS_PROGRAM_ADDRESS]: ['rewards', REWARDS],
    [LUMORA_TASKS_PROGRAM_ADDRESS]: ['tasks', TASKS],
};

/** The name of a Lumora program; `undefined` for any other. */
export const programName = (program: Address): ProgramName | undefined => programs[program]?.[0];

/** Name of a program's error code, such as `TooEarly`; `undefined` for a program or code that is not Lumora's. */
export const errorName = (program: Address, code: number): string | undefined => programs[program]?.[1][code]?.[0];

/** The sentence of a program's error code; `undefined` for a program or code that is not Lumora's. */
export const errorMessage = (program: Address, code: number): string | undefined => programs[program]?.[1][code]?.[1];
