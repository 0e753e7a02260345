//! LMR for the tests' wallets, by the ways that everybody has: associated token accounts and the early-participant pool.

use cargo_metadata::MetadataCommand;
use lumora_interface::rewards;
use solana_address::Address;
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::{
    World,
    instructions::{self, SYSTEM_PROGRAM, TOKEN_PROGRAM},
    world::LMR,
};

/// Address of the associated token program.
pub const ASSOCIATED_TOKEN_PROGRAM: Address = Address::from_str_const("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL");

/// The token account of `owner` for `mint`.
pub fn associated_account(owner: &Address, mint: &Address) -> Address {
    Address::find_program_address(
        &[owner.as_ref(), TOKEN_PROGRAM.as_ref(), mint.as_ref()],
        &ASSOCIATED_TOKEN_PROGRAM,
    )
    .0
}

/// Creates the token account of `owner` for `mint` unless it exists.
pub fn create_associated_account(payer: &Address, owner: &Address, mint: &Address) -> Instruction {
    Instruction {
        program_id: ASSOCIATED_TOKEN_PROGRAM,
        accounts: vec![
            AccountMeta::new(*payer, true),
            AccountMeta::new(associated_account(owner, mint), false),
            AccountMeta::new_readonly(*owner, false),
            AccountMeta::new_readonly(*mint, false),
            AccountMeta::new_readonly(SYSTEM_PROGRAM, false),
            AccountMeta::new_readonly(TOKEN_PROGRAM, false),
        ],
        data: vec![1],
    }
}

/// Moves tokens.
pub fn transfer(from: &Address, to: &Address, owner: &Address, amount: u64) -> Instruction {
    const TRANSFER: u8 = 3;
    let mut data = vec![TRANSFER];
    data.extend(amount.to_le_bytes());
    Instruction {
        program_id: TOKEN_PROGRAM,
        accounts: vec![
            AccountMeta::new(*from, false),
            AccountMeta::new(*to, false),
            AccountMeta::new_readonly(*owner, true),
        ],
        data,
    }
}

/// Closes an empty token account; its rent goes to its owner.
pub fn close_account(account: &Address, owner: &Address) -> Instruction {
    const CLOSE_ACCOUNT: u8 = 9;
    Instruction {
        program_id: TOKEN_PROGRAM,
        accounts: vec![
            AccountMeta::new(*account, false),
            AccountMeta::new(*owner, false),
            AccountMeta::new_readonly(*owner, true),
        ],
        data: vec![CLOSE_ACCOUNT],
    }
}

impl World {
    /// The LMR account of `owner`, created unless it exists.
    pub fn lmr_account(&mut self, owner: &Address) -> Address {
        let payer = self.payer.pubkey();
        self.must(&[create_associated_account(&payer, owner, &rewards::MINT)], &[]);
        associated_account(owner, &rewards::MINT)
    }

    /// Gives `owner` this much LMR from the early-participant pool; returns its LMR account.
    pub fn grant(&mut self, owner: &Address, amount: u64) -> Address {
        let account = self.lmr_account(owner);
        let authority = self.authority.insecure_clone();
        self.must(
            &[
                instructions::grant(&authority.pubkey(), owner, 0, amount),
                instructions::release(owner, 0, &authority.pubkey()),
            ],
            &[&authority],
        );
        account
    }

    /// Gives `owner` this much LMR, as often as it is called, out of the account of a wallet with much of it.
    pub fn gift(&mut self, owner: &Address, amount: u64) -> Address {
        let rich = crate::world::keypair("rich", 0);
        let source = associated_account(&rich.pubkey(), &rewards::MINT);
        if self.svm.get_account(&source).is_none() {
            self.grant(&rich.pubkey(), 1_000_000 * LMR);
        }
        let account = self.lmr_account(owner);
        self.must(&[transfer(&source, &account, &rich.pubkey(), amount)], &[&rich]);
        account
    }

    /// Moves LMR from a wallet's associated account to the fees, as `tasks` and `market` do from their escrows.
    pub fn pay_fees(&mut self, from: &Keypair, amount: u64) {
        let source = associated_account(&from.pubkey(), &rewards::MINT);
        self.must(&[transfer(&source, &rewards::FEES, &from.pubkey(), amount)], &[from]);
    }

    /// Puts the Token Metadata program on the chain: the code that mainnet ran when the embedded network's engine was
    /// published, whose package carries a copy.
    pub fn add_token_metadata_program(&mut self) {
        let metadata = MetadataCommand::new().exec().expect("cargo describes the workspace");
        let engine = metadata
            .packages
            .iter()
            .find(|package| package.name.as_str() == "surfpool-core")
            .expect("the embedded network is built on it");
        let folder = engine.manifest_path.parent().expect("a manifest is in a folder");
        let code = std::fs::read(folder.join("src/tests/assets/metaplex_program.bin")).expect("it is in the package");
        self.svm
            .add_program(rewards::TOKEN_METADATA, &code)
            .expect("it is a program");
    }

    /// A mint that is not LMR, with this wallet as its authority; made by hand, as no program of ours would.
    pub fn foreign_mint(&mut self, authority: &Address) -> Address {
        let mut mint = self.svm.get_account(&rewards::MINT).expect("the LMR mint exists");
        mint.data[4..36].copy_from_slice(authority.as_ref());
        let address = crate::world::keypair("foreign mint", 0).pubkey();
        self.svm.set_account(address, mint).unwrap();
        address
    }

    /// Base units in a token account.
    pub fn balance(&self, account: &Address) -> u64 {
        let account = self.svm.get_account(account).expect("the token account exists");
        u64::from_le_bytes(account.data[64..72].try_into().unwrap())
    }

    /// Base units of LMR that exist.
    pub fn supply(&self) -> u64 {
        let mint = self.svm.get_account(&rewards::MINT).expect("the LMR mint exists");
        u64::from_le_bytes(mint.data[36..44].try_into().unwrap())
    }
}
