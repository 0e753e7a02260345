/** Errors of the programs in words. */
import type { Address } from '@solana/kit';

import { getLumoraBandwidthErrorMessage, LUMORA_BANDWIDTH_PROGRAM_ADDRESS } from './generated/bandwidth';
import { getLumoraMarketErrorMessage, LUMORA_MARKET_PROGRAM_ADDRESS } from './generated/market';
import { getLumoraRegistryErrorMessage, LUMORA_REGISTRY_PROGRAM_ADDRESS } from './generated/registry';
import { getLumoraRewardsErrorMessage, LUMORA_REWARDS_PROGRAM_ADDRESS } from './generated/rewards';
import { getLumoraTasksErrorMessage, LUMORA_TASKS_PROGRAM_ADDRESS } from './generated/tasks';

const messages: ReadonlyMap<Address, (code: never) => string> = new Map<Address, (code: never) => string>([
    [LUMORA_BANDWIDTH_PROGRAM_ADDRESS, getLumoraBandwidthErrorMessage],
    [LUMORA_MARKET_PROGRAM_ADDRESS, getLumoraMarketErrorMessage],
    [LUMORA_REGISTRY_PROGRAM_ADDRESS, getLumoraRegistryErrorMessage],
    [LUMORA_REWARDS_PROGRAM_ADDRESS, getLumoraRewardsErrorMessage],
    [LUMORA_TASKS_PROGRAM_ADDRESS, getLumoraTasksErrorMessage],
]);

/** The sentence of a program's error code; `undefined` for a program or code that is not Lumora's. */
export function errorMessage(program: Address, code: number): string | undefined {
    return messages.get(program)?.(code as never);
}
