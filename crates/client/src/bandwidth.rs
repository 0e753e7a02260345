//! Instructions of program `bandwidth`.

use {
    crate::{
        instruction::{build, event_accounts, readonly, readonly_signer, writable, writable_signer},
        quorum::signatures_instruction,
        token::{TOKEN_PROGRAM, lmr_account},
    },
    lumora_core::hash::Hash,
    lumora_interface::{
        Address,
        bandwidth::{
            AdaptRankingArguments, AddOracleArguments, BOND_VAULT, CommitBundleArguments, DepositOracleBondArguments,
            ID, InitializeOraclesArguments, ORACLE_SET, ProveArguments, RemoveOracleArguments, SLASHER,
            SetMinimumBondArguments, SubmitAttestationArguments, UpdateOracleArguments, WithdrawOracleBondArguments,
            adaptation_address, attestation_address, epoch_address, instruction,
        },
        event_authority, registry,
        rewards::MINT,
    },
    solana_instruction::Instruction,
    solana_sdk_ids::{system_program, sysvar},
    solana_signature::Signature,
};

/// Creates the oracle set.
pub fn initialize(authority: &Address, arguments: &InitializeOraclesArguments) -> Instruction {
    let accounts = vec![
        writable_signer(*authority),
        readonly(registry::NETWORK),
        writable(ORACLE_SET),
        readonly(system_program::ID),
    ];
    build(ID, instruction::INITIALIZE, arguments, accounts)
}

/// Adds a member to the oracle set; it counts from the next epoch on.
pub fn add_oracle(authority: &Address, arguments: &AddOracleArguments) -> Instruction {
    let accounts = vec![
        readonly_signer(*authority),
        readonly(registry::NETWORK),
        writable(ORACLE_SET),
    ];
    build(ID, instruction::ADD_ORACLE, arguments, accounts)
}

/// Creates the token account that holds the oracles' bonds. The LMR mint must exist.
pub fn create_oracle_vault(payer: &Address) -> Instruction {
    let accounts = vec![
        writable_signer(*payer),
        writable(ORACLE_SET),
        readonly(MINT),
        writable(BOND_VAULT),
        readonly(TOKEN_PROGRAM),
        readonly(system_program::ID),
    ];
    build(ID, instruction::CREATE_ORACLE_VAULT, &(), accounts)
}

/// Adds `amount` LMR base units of the depositor's LMR account to an oracle's bond.
pub fn deposit_oracle_bond(depositor: &Address, oracle: &Address, amount: u64) -> Instruction {
    let mut accounts = vec![
        readonly_signer(*depositor),
        writable(ORACLE_SET),
        readonly(MINT),
        writable(lmr_account(depositor)),
        writable(BOND_VAULT),
        readonly(TOKEN_PROGRAM),
    ];
    accounts.extend(event_accounts(ID));
    let arguments = DepositOracleBondArguments {
        oracle: *oracle,
        amount,
    };
    build(ID, instruction::DEPOSIT_ORACLE_BOND, &arguments, accounts)
}

/// Changes where nodes reach an oracle: IPv6 address (IPv4 mapped), then port, both big endian.
pub fn update_oracle(owner: &Address, oracle: &Address, endpoint: [u8; 18]) -> Instruction {
    let accounts = vec![readonly_signer(*owner), writable(ORACLE_SET)];
    let arguments = UpdateOracleArguments {
        oracle: *oracle,
        endpoint,
    };
    build(ID, instruction::UPDATE_ORACLE, &arguments, accounts)
}

/// Removes an oracle from the epochs that are not open yet. `remover`: the network's authority, or the oracle's owner.
pub fn remove_oracle(remover: &Address, oracle: &Address) -> Instruction {
    let accounts = vec![
        readonly_signer(*remover),
        readonly(registry::NETWORK),
        writable(ORACLE_SET),
    ];
    let arguments = RemoveOracleArguments { oracle: *oracle };
    build(ID, instruction::REMOVE_ORACLE, &arguments, accounts)
}

/// Pays a removed oracle's bond to its owner's LMR account, which must exist.
pub fn withdraw_oracle_bond(owner: &Address, oracle: &Address) -> Instruction {
    let mut accounts = vec![
        readonly_signer(*owner),
        writable(ORACLE_SET),
        readonly(MINT),
        writable(BOND_VAULT),
        writable(lmr_account(owner)),
        readonly(TOKEN_PROGRAM),
    ];
    accounts.extend(event_accounts(ID));
    let arguments = WithdrawOracleBondArguments { oracle: *oracle };
    build(ID, instruction::WITHDRAW_ORACLE_BOND, &arguments, accounts)
}

/// Sets what an oracle must have at stake to count in the epochs that are opened from now on, LMR base units.
pub fn set_minimum_bond(authority: &Address, minimum_bond: u64) -> Instruction {
    let accounts = vec![
        readonly_signer(*authority),
        readonly(registry::NETWORK),
        writable(ORACLE_SET),
    ];
    let arguments = SetMinimumBondArguments { minimum_bond };
    build(ID, instruction::SET_MINIMUM_BOND, &arguments, accounts)
}

/// Opens the next epoch, whose number is the oracle set's `next_epoch`.
pub fn open_epoch(payer: &Address, number: u64) -> Instruction {
    let accounts = vec![
        writable_signer(*payer),
        writable(ORACLE_SET),
        writable(epoch_address(number).0),
        readonly(system_program::ID),
    ];
    build(ID, instruction::OPEN_EPOCH, &(), accounts)
}

/// Draws an epoch's seed from the slot that was named for it; possible once there is a later block.
pub fn draw_seed(epoch: u64) -> Instruction {
    let accounts = vec![writable(epoch_address(epoch).0), readonly(sysvar::slot_hashes::ID)];
    build(ID, instruction::DRAW_SEED, &(), accounts)
}

/// Commits an oracle to its bundle of receipts.
pub fn commit_bundle(oracle: &Address, epoch: u64, arguments: &CommitBundleArguments) -> Instruction {
    let accounts = vec![
        readonly_signer(*oracle),
        readonly(ORACLE_SET),
        writable(epoch_address(epoch).0),
    ];
    build(ID, instruction::COMMIT_BUNDLE, arguments, accounts)
}

/// Submits signatures over a statement, whose digest is `digest`: the precompile instruction and the one that reads it, in this order and
/// with nothing between them.
pub fn submit_attestation(
    epoch: u64,
    arguments: &SubmitAttestationArguments,
    digest: &Hash,
    signed: &[(Address, Signature)],
) -> [Instruction; 2] {
    let accounts = vec![
        readonly(registry::NETWORK),
        writable(ORACLE_SET),
        writable(epoch_address(epoch).0),
        readonly(sysvar::instructions::ID),
    ];
    [
        signatures_instruction(digest, signed),
        build(ID, instruction::SUBMIT_ATTESTATION, arguments, accounts),
    ]
}

/// Proves a node's figures against a final epoch. `path`: the siblings of its leaf, from the leaf upwards.
pub fn prove(payer: &Address, epoch: u64, node: &Address, arguments: &ProveArguments, path: &[Hash]) -> Instruction {
    let accounts = vec![
        writable_signer(*payer),
        readonly(epoch_address(epoch).0),
        readonly(*node),
        writable(attestation_address(node).0),
        readonly(system_program::ID),
    ];
    build(ID, instruction::PROVE, &(arguments, path), accounts)
}

/// Reports that an oracle signed two statements about one epoch: the two precompile instructions and the one that reads them, in
/// this order and with nothing between them. Each statement with its digest and the oracle's signature of that; the
/// reporter's part of the bond goes to the LMR account of `reporter`, which must exist where the oracle has a bond.
pub fn report_equivocation(
    epoch: u64,
    reporter: &Address,
    oracle: &Address,
    statements: [(&SubmitAttestationArguments, Hash, Signature); 2],
) -> [Instruction; 3] {
    let mut accounts = vec![
        readonly(registry::NETWORK),
        writable(ORACLE_SET),
        writable(epoch_address(epoch).0),
        writable(MINT),
        writable(BOND_VAULT),
        writable(lmr_account(reporter)),
        readonly(sysvar::instructions::ID),
        readonly(TOKEN_PROGRAM),
    ];
    accounts.extend(event_accounts(ID));
    let [first, second] = statements;
    let verified =
        |(_, digest, signature): (_, Hash, Signature)| signatures_instruction(&digest, &[(*oracle, signature)]);
    let report = build(ID, instruction::REPORT_EQUIVOCATION, &(first.0, second.0), accounts);
    [verified(first), verified(second), report]
}

/// Has part of the bond of a node slashed whose latest proven figures say that it forged answers. The reporter's part goes to the
/// LMR account of `reporter`; where there is none, it is burned.
pub fn slash_node(node: &Address, reporter: &Address) -> Instruction {
    let accounts = vec![
        readonly(SLASHER),
        writable(registry::NETWORK),
        writable(*node),
        writable(attestation_address(node).0),
        writable(MINT),
        writable(registry::BOND_VAULT),
        writable(lmr_account(reporter)),
        readonly(TOKEN_PROGRAM),
        readonly(event_authority(&registry::ID)),
        readonly(registry::ID),
    ];
    build(ID, instruction::SLASH_NODE, &(), accounts)
}

/// Closes the account of an old epoch; its rent goes to `rent_payer`, whom the account names.
pub fn close_epoch(epoch: u64, rent_payer: &Address) -> Instruction {
    let accounts = vec![
        readonly(ORACLE_SET),
        writable(epoch_address(epoch).0),
        writable(*rent_payer),
    ];
    build(ID, instruction::CLOSE_EPOCH, &(), accounts)
}

/// Brings an oracle set of layout 1 to the present one.
pub fn migrate_oracle_set(payer: &Address) -> Instruction {
    let accounts = vec![
        writable_signer(*payer),
        writable(ORACLE_SET),
        readonly(system_program::ID),
    ];
    build(ID, instruction::MIGRATE_ORACLE_SET, &(), accounts)
}

/// Submits signatures under an adaptation of the ranking with the figures of `epoch`: the precompile instruction and the one that
/// reads it, in this order and with nothing between them. `rent_payer`: whom the account that counts the signatures names, or
/// the payer where there is none yet.
pub fn adapt_ranking(
    payer: &Address,
    rent_payer: &Address,
    epoch: u64,
    arguments: &AdaptRankingArguments,
    signed: &[(Address, Signature)],
) -> [Instruction; 2] {
    let accounts = vec![
        writable_signer(*payer),
        readonly(registry::ADAPTER),
        writable(registry::NETWORK),
        readonly(ORACLE_SET),
        readonly(epoch_address(epoch).0),
        writable(adaptation_address(&arguments.digest).0),
        writable(*rent_payer),
        readonly(sysvar::instructions::ID),
        readonly(registry::ID),
        readonly(system_program::ID),
    ];
    [
        signatures_instruction(&arguments.digest, signed),
        build(ID, instruction::ADAPT_RANKING, arguments, accounts),
    ]
}

/// Closes the account that counted signatures under an adaptation which is void; its rent goes to `rent_payer`, whom the
/// account names.
pub fn close_adaptation(digest: &Hash, rent_payer: &Address) -> Instruction {
    let accounts = vec![
        readonly(registry::NETWORK),
        writable(adaptation_address(digest).0),
        writable(*rent_payer),
    ];
    build(ID, instruction::CLOSE_ADAPTATION, &(), accounts)
}
