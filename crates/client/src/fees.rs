//! What a unit of computing costs at the moment, seen on the very accounts that a transaction writes.

use {crate::Connection, solana_address::Address, solana_instruction::Instruction, std::collections::BTreeSet};

/// The RPC method looks at no more accounts than this.
const MAX_ACCOUNTS: usize = 128;

/// Price in micro-lamports per compute unit that three quarters of recent blocks would have accepted, at most `ceiling`.
/// Without an answer the price is zero: a transaction that waits is better than none.
pub(crate) async fn recent_price(connection: &Connection, instructions: &[Instruction], ceiling: u64) -> u64 {
    let accounts = writable_accounts(instructions);
    match connection.rpc().get_recent_prioritization_fees(&accounts).await {
        Ok(blocks) => {
            let fees = blocks.into_iter().map(|block| block.prioritization_fee).collect();
            upper_quartile(fees).min(ceiling)
        }
        Err(error) => {
            tracing::debug!(%error, "recent fees are not known, paying none");
            0
        }
    }
}

fn writable_accounts(instructions: &[Instruction]) -> Vec<Address> {
    let accounts: BTreeSet<Address> = instructions
        .iter()
        .flat_map(|instruction| &instruction.accounts)
        .filter(|account| account.is_writable)
        .map(|account| account.pubkey)
        .collect();
    accounts.into_iter().take(MAX_ACCOUNTS).collect()
}

fn upper_quartile(mut fees: Vec<u64>) -> u64 {
    fees.sort_unstable();
    let index = fees.len().saturating_sub(1) * 3 / 4;
    fees.get(index).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use {super::*, solana_instruction::AccountMeta};

    #[test]
    fn three_quarters_of_blocks_would_have_taken_the_price() {
        assert_eq!(upper_quartile(vec![]), 0);
        assert_eq!(upper_quartile(vec![7]), 7);
        assert_eq!(upper_quartile(vec![100, 0, 10, 1]), 10);
        assert_eq!(upper_quartile((0..=100).rev().collect()), 75);
    }

    #[test]
    fn only_written_accounts_count_and_each_once() {
        let (written, read) = (Address::new_from_array([1; 32]), Address::new_from_array([2; 32]));
        let accounts = vec![AccountMeta::new(written, true), AccountMeta::new_readonly(read, false)];
        let instruction = Instruction {
            program_id: read,
            accounts,
            data: vec![],
        };
        assert_eq!(writable_accounts(&[instruction.clone(), instruction]), [written]);
    }
}
