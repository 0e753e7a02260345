//! A transaction's message: the compute budget in front, then the caller's instructions.

use {
    crate::{Error, lookup::LookupTable},
    solana_address::Address,
    solana_compute_budget_interface::ComputeBudgetInstruction,
    solana_hash::Hash,
    solana_instruction::Instruction,
    solana_keypair::Keypair,
    solana_message::{VersionedMessage, v0},
    solana_signature::Signature,
    solana_signer::Signer,
    solana_transaction::versioned::VersionedTransaction,
};

/// What a transaction may weigh on the wire.
const MAX_TRANSACTION_BYTES: usize = 1_232;

pub(super) struct Composed {
    pub(super) message: VersionedMessage,
    pub(super) instructions: Vec<Instruction>,
    /// How many of `instructions` were put in front of the caller's.
    pub(super) added: usize,
}

impl Composed {
    pub(super) fn new(
        payer: &Keypair,
        instructions: &[Instruction],
        compute_limit: Option<u32>,
        price: u64,
        blockhash: Hash,
        tables: &[LookupTable],
    ) -> Result<Self, Error> {
        let mut all = Vec::with_capacity(instructions.len() + 2);
        all.extend(compute_limit.map(ComputeBudgetInstruction::set_compute_unit_limit));
        if price > 0 {
            all.push(ComputeBudgetInstruction::set_compute_unit_price(price));
        }
        let added = all.len();
        all.extend_from_slice(instructions);
        let message =
            v0::Message::try_compile(&payer.pubkey(), &all, tables, blockhash).map_err(|error| Error::TooLarge {
                reason: error.to_string(),
            })?;
        let composed = Self {
            message: VersionedMessage::V0(message),
            instructions: all,
            added,
        };
        composed.check_size()?;
        Ok(composed)
    }

    fn required_signers(&self) -> &[Address] {
        let count = usize::from(self.message.header().num_required_signatures);
        &self.message.static_account_keys()[..count]
    }

    fn check_size(&self) -> Result<(), Error> {
        let signatures = self.required_signers().len();
        let bytes = 1 + signatures * 64 + self.message.serialize().len();
        if bytes > MAX_TRANSACTION_BYTES {
            return Err(Error::TooLarge {
                reason: format!("{bytes} bytes of at most {MAX_TRANSACTION_BYTES}"),
            });
        }
        Ok(())
    }

    pub(super) fn check_signers(&self, payer: &Keypair, signers: &[&Keypair]) -> Result<(), Error> {
        self.required_signers()
            .iter()
            .try_for_each(|address| signer(address, payer, signers).map(|_| ()))
    }

    pub(super) fn unsigned(&self) -> VersionedTransaction {
        let signatures = vec![Signature::default(); self.required_signers().len()];
        VersionedTransaction {
            signatures,
            message: self.message.clone(),
        }
    }

    pub(super) fn sign(&self, payer: &Keypair, signers: &[&Keypair]) -> Result<VersionedTransaction, Error> {
        let bytes = self.message.serialize();
        let signatures = self
            .required_signers()
            .iter()
            .map(|address| Ok(signer(address, payer, signers)?.sign_message(&bytes)))
            .collect::<Result<_, Error>>()?;
        Ok(VersionedTransaction {
            signatures,
            message: self.message.clone(),
        })
    }
}

fn signer<'a>(address: &Address, payer: &'a Keypair, signers: &[&'a Keypair]) -> Result<&'a Keypair, Error> {
    std::iter::once(&payer)
        .chain(signers)
        .copied()
        .find(|keypair| keypair.pubkey() == *address)
        .ok_or(Error::MissingSigner { address: *address })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use {
        super::*,
        crate::{instruction, lookup, rewards},
    };

    fn instruction(bytes: usize, signer: Address) -> Instruction {
        let accounts = vec![instruction::readonly_signer(signer)];
        Instruction {
            program_id: Address::new_from_array([3; 32]),
            accounts,
            data: vec![0; bytes],
        }
    }

    #[test]
    fn a_missing_signer_is_named() {
        let (payer, other) = (Keypair::new(), Keypair::new());
        let composed = Composed::new(
            &payer,
            &[instruction(1, other.pubkey())],
            Some(1),
            0,
            Hash::default(),
            &[],
        )
        .unwrap();
        assert!(
            composed
                .sign(&payer, &[])
                .unwrap_err()
                .to_string()
                .contains(&other.pubkey().to_string())
        );
        let transaction = composed.sign(&payer, &[&other]).unwrap();
        assert!(transaction.verify_with_results().iter().all(|verified| *verified));
    }

    #[test]
    fn what_does_not_fit_is_refused_before_it_is_sent() {
        let payer = Keypair::new();
        let compose = |bytes| {
            Composed::new(
                &payer,
                &[instruction(bytes, payer.pubkey())],
                Some(1),
                1,
                Hash::default(),
                &[],
            )
        };
        assert!(compose(900).is_ok());
        assert!(compose(1_200).err().unwrap().to_string().contains("of at most 1232"));
    }

    #[test]
    fn claims_of_sixteen_owners_fit_only_with_a_lookup_table() {
        let payer = Keypair::new();
        let nodes: Vec<_> = (0..16)
            .map(|seed| {
                (
                    Address::new_from_array([seed; 32]),
                    Address::new_from_array([100 + seed; 32]),
                )
            })
            .collect();
        let claims = [rewards::claim_many(&nodes)];
        let compose = |tables: &[LookupTable]| Composed::new(&payer, &claims, Some(1), 1, Hash::default(), tables);
        assert!(compose(&[]).is_err());
        let (table, _) = lookup::create(&payer.pubkey(), 1, &lookup::addresses(&claims));
        let transaction = compose(&[table]).unwrap().sign(&payer, &[]).unwrap();
        assert_eq!(transaction.message.address_table_lookups().unwrap().len(), 1);
        assert_eq!(transaction.message.static_account_keys()[0], payer.pubkey());
    }

    #[test]
    fn claims_of_twelve_nodes_of_one_owner_fit_without_a_table() {
        let payer = Keypair::new();
        let owner = Address::new_from_array([200; 32]);
        let fleet = |count| -> Vec<_> {
            (0..count)
                .map(|seed| (Address::new_from_array([seed; 32]), owner))
                .collect()
        };
        let strangers = |count| -> Vec<_> {
            (0..count)
                .map(|seed| {
                    (
                        Address::new_from_array([seed; 32]),
                        Address::new_from_array([100 + seed; 32]),
                    )
                })
                .collect()
        };
        let fits = |nodes: Vec<_>| {
            Composed::new(&payer, &[rewards::claim_many(&nodes)], Some(1), 1, Hash::default(), &[]).is_ok()
        };
        assert!(fits(fleet(12)) && !fits(fleet(13)));
        assert!(fits(strangers(8)) && !fits(strangers(9)));
    }
}
