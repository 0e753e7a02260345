//! Address lookup tables: a versioned transaction names an account that is in a table by one byte instead of 32, so that a
//! `claim_many` of ten owners and more fits. [`Sender::with_lookup_tables`](crate::Sender::with_lookup_tables) uses them.

pub use solana_message::AddressLookupTableAccount as LookupTable;

use {
    crate::{Connection, Error},
    solana_address::Address,
    solana_address_lookup_table_interface::{
        instruction::{create_lookup_table, extend_lookup_table},
        program,
        state::AddressLookupTable,
    },
    solana_instruction::Instruction,
    std::collections::BTreeSet,
};

/// Addresses that one transaction can add to a table.
const ADDRESSES_PER_EXTENSION: usize = 20;

/// The accounts of these instructions that a table can hold: all that do not sign. Programs are among them only where they
/// are also accounts, since a transaction calls programs by their full addresses.
pub fn addresses(instructions: &[Instruction]) -> Vec<Address> {
    let unique: BTreeSet<Address> = instructions
        .iter()
        .flat_map(|instruction| &instruction.accounts)
        .filter(|meta| !meta.is_signer)
        .map(|meta| meta.pubkey)
        .collect();
    unique.into_iter().collect()
}

/// What creates and fills a table: one transaction an element, to be landed in this order. `recent_slot`: a slot of the last
/// few minutes; it makes the table's address unique. A table can be used one slot after it was filled.
pub fn create(payer: &Address, recent_slot: u64, addresses: &[Address]) -> (LookupTable, Vec<Vec<Instruction>>) {
    let (create, key) = create_lookup_table(*payer, *payer, recent_slot);
    let mut transactions: Vec<Vec<Instruction>> = addresses
        .chunks(ADDRESSES_PER_EXTENSION)
        .map(|chunk| vec![extend_lookup_table(key, *payer, Some(*payer), chunk.to_vec())])
        .collect();
    match transactions.first_mut() {
        Some(first) => first.insert(0, create),
        None => transactions.push(vec![create]),
    }
    let addresses = addresses.to_vec();
    (LookupTable { key, addresses }, transactions)
}

impl Connection {
    /// Reads a table, as it is used by [`Sender::with_lookup_tables`](crate::Sender::with_lookup_tables).
    pub async fn lookup_table(&self, address: &Address) -> Result<LookupTable, Error> {
        let wrong = |reason: &str| Error::WrongAccount {
            kind: "lookup table",
            address: *address,
            reason: reason.to_owned(),
        };
        let account = self.account(address).await?.ok_or_else(|| wrong("it does not exist"))?;
        if account.owner != program::ID {
            return Err(wrong("the lookup table program does not own it"));
        }
        let table = AddressLookupTable::deserialize(&account.data).map_err(|_| wrong("it is not a filled table"))?;
        Ok(LookupTable {
            key: *address,
            addresses: table.addresses.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use {super::*, crate::rewards};

    fn address(seed: u8) -> Address {
        Address::new_from_array([seed; 32])
    }

    #[test]
    fn signers_are_not_in_a_table_and_nothing_is_twice() {
        let payer = address(1);
        let claims = [
            rewards::claim(&payer, &address(2), &address(3)),
            rewards::claim(&payer, &address(4), &address(3)),
        ];
        let found = addresses(&claims);
        assert!(!found.contains(&payer));
        assert!(found.contains(&address(2)) && found.contains(&address(4)));
        assert!(found.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn a_table_is_created_and_filled_in_as_many_transactions_as_it_needs() {
        let many: Vec<Address> = (0..45).map(address).collect();
        let (table, transactions) = create(&address(99), 7, &many);
        assert_eq!(table.addresses, many);
        assert_eq!(transactions.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1, 1]);
        assert_eq!(create(&address(99), 7, &[]).1.len(), 1);
        assert_ne!(create(&address(99), 8, &many).0.key, table.key);
    }
}
