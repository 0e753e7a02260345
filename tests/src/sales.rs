//! Sales in a test: instructions of `market`, built with what the program itself generates, and a seller with a listing.

use anchor_lang::{InstructionData, ToAccountMetas};
use lumora_core::delivery::{
    Delivery, Sale,
    dalek::{BuyerSecret, ListingSecret, prove},
};
use lumora_interface::{
    event_authority,
    market::{self, Listing, Purchase},
    registry, rewards,
};
use lumora_market::instructions::{
    AddBondArguments, BuyArguments, CreateListingArguments, DeliverArguments, Share, UpdateListingArguments,
};
use solana_address::Address;
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::{
    Refused, Sent, World,
    instructions::{SYSTEM_PROGRAM, TOKEN_PROGRAM},
    tokens::associated_account,
    world::{LMR, keypair},
};

/// Price of a copy in tests.
pub const PRICE: u64 = 10 * LMR + 7;
/// Seconds to deliver in tests.
pub const DELIVERY_SECONDS: u32 = 600;

fn build(accounts: impl ToAccountMetas, more: &[Address], data: impl InstructionData) -> Instruction {
    let mut accounts = accounts.to_account_metas(None);
    accounts.extend(more.iter().map(|address| AccountMeta::new(*address, false)));
    Instruction {
        program_id: market::ID,
        accounts,
        data: data.data(),
    }
}

/// `market.initialize`
pub fn initialize(authority: &Address, treasury: &Address) -> Instruction {
    build(
        lumora_market::accounts::Initialize {
            authority: *authority,
            network: registry::NETWORK,
            treasury: *treasury,
            config: market::config_address().0,
            system_program: SYSTEM_PROGRAM,
        },
        &[],
        lumora_market::instruction::Initialize {},
    )
}

/// Terms of a listing that passes every check.
pub fn terms(secret: &ListingSecret) -> CreateListingArguments {
    CreateListingArguments {
        price: PRICE,
        delivery_seconds: DELIVERY_SECONDS,
        listing_key: secret.public().0,
        dataset_id: [1; 32],
        metadata_hash: [2; 32],
        uri_hash: [3; 32],
        content_hash: [4; 32],
        ciphertext_root: [5; 32],
        plaintext_root: [6; 32],
        provenance_root: [7; 32],
        job: Address::default(),
        rows: 100,
        size_bytes: 10_000,
        segments: 2,
    }
}

/// `market.create_listing`
pub fn create_listing(
    seller: &Address,
    id: u64,
    arguments: CreateListingArguments,
    payees: &[(Address, u16)],
) -> Instruction {
    build(
        lumora_market::accounts::CreateListing {
            seller: *seller,
            network: registry::NETWORK,
            config: market::config_address().0,
            listing: market::listing_address(seller, id).0,
            system_program: SYSTEM_PROGRAM,
        },
        &[],
        lumora_market::instruction::CreateListing {
            id,
            arguments,
            payees: payees
                .iter()
                .map(|(payee, basis_points)| Share {
                    payee: *payee,
                    basis_points: *basis_points,
                })
                .collect(),
        },
    )
}

/// `market.buy`
pub fn buy(buyer: &Address, listing: &Address, index: u32, arguments: BuyArguments) -> Instruction {
    let purchase = market::purchase_address(listing, buyer, index).0;
    build(
        lumora_market::accounts::Buy {
            buyer: *buyer,
            network: registry::NETWORK,
            listing: *listing,
            purchase,
            vault: market::vault_address(&purchase).0,
            lmr_mint: rewards::MINT,
            buyer_tokens: associated_account(buyer, &rewards::MINT),
            token_program: TOKEN_PROGRAM,
            system_program: SYSTEM_PROGRAM,
            event_authority: event_authority(&market::ID),
            program: market::ID,
        },
        &[],
        lumora_market::instruction::Buy { index, arguments },
    )
}

/// `market.deliver`
pub fn deliver(
    listing: &Address,
    purchase: &Address,
    buyer: &Address,
    treasury: &Address,
    payee_tokens: &[Address],
    delivery: &Delivery,
) -> Instruction {
    build(
        lumora_market::accounts::Deliver {
            listing: *listing,
            purchase: *purchase,
            vault: market::vault_address(purchase).0,
            buyer: *buyer,
            treasury: *treasury,
            token_program: TOKEN_PROGRAM,
            event_authority: event_authority(&market::ID),
            program: market::ID,
        },
        payee_tokens,
        lumora_market::instruction::Deliver {
            arguments: DeliverArguments {
                ephemeral: delivery.ephemeral.0,
                sealed: delivery.sealed.0,
                proof: delivery.proof.to_bytes(),
            },
        },
    )
}

/// `market.refund`
pub fn refund(listing: &Address, purchase: &Address, buyer: &Address) -> Instruction {
    build(
        lumora_market::accounts::Refund {
            listing: *listing,
            purchase: *purchase,
            vault: market::vault_address(purchase).0,
            buyer: *buyer,
            buyer_tokens: associated_account(buyer, &rewards::MINT),
            bond_vault: market::bond_vault_address(listing).0,
            token_program: TOKEN_PROGRAM,
            event_authority: event_authority(&market::ID),
            program: market::ID,
        },
        &[],
        lumora_market::instruction::Refund {},
    )
}

/// `market.rate`
pub fn rate(buyer: &Address, listing: &Address, purchase: &Address, rating: u8) -> Instruction {
    build(
        lumora_market::accounts::Rate {
            buyer: *buyer,
            listing: *listing,
            purchase: *purchase,
        },
        &[],
        lumora_market::instruction::Rate { rating },
    )
}

/// `market.withdraw_listing`
pub fn withdraw_listing(seller: &Address, listing: &Address) -> Instruction {
    build(
        lumora_market::accounts::WithdrawListing {
            seller: *seller,
            listing: *listing,
        },
        &[],
        lumora_market::instruction::WithdrawListing {},
    )
}

/// `market.update_listing`
pub fn update_listing(seller: &Address, listing: &Address, arguments: UpdateListingArguments) -> Instruction {
    build(
        lumora_market::accounts::UpdateListing {
            seller: *seller,
            listing: *listing,
        },
        &[],
        lumora_market::instruction::UpdateListing { arguments },
    )
}

/// `market.add_bond`
pub fn add_bond(seller: &Address, listing: &Address, amount: u64) -> Instruction {
    build(
        lumora_market::accounts::AddBond {
            seller: *seller,
            listing: *listing,
            bond_vault: market::bond_vault_address(listing).0,
            lmr_mint: rewards::MINT,
            seller_tokens: associated_account(seller, &rewards::MINT),
            token_program: TOKEN_PROGRAM,
            system_program: SYSTEM_PROGRAM,
            event_authority: event_authority(&market::ID),
            program: market::ID,
        },
        &[],
        lumora_market::instruction::AddBond {
            arguments: AddBondArguments { amount },
        },
    )
}

/// `market.withdraw_bond`
pub fn withdraw_bond(seller: &Address, listing: &Address) -> Instruction {
    build(
        lumora_market::accounts::WithdrawBond {
            listing: *listing,
            bond_vault: market::bond_vault_address(listing).0,
            seller: *seller,
            seller_tokens: associated_account(seller, &rewards::MINT),
            token_program: TOKEN_PROGRAM,
            event_authority: event_authority(&market::ID),
            program: market::ID,
        },
        &[],
        lumora_market::instruction::WithdrawBond {},
    )
}

/// `market.close_listing`
pub fn close_listing(rent_payer: &Address, listing: &Address) -> Instruction {
    build(
        lumora_market::accounts::CloseListing {
            listing: *listing,
            rent_payer: *rent_payer,
        },
        &[],
        lumora_market::instruction::CloseListing {},
    )
}

/// `market.close_purchase`
pub fn close_purchase(buyer: &Address, purchase: &Address) -> Instruction {
    build(
        lumora_market::accounts::ClosePurchase {
            buyer: *buyer,
            purchase: *purchase,
        },
        &[],
        lumora_market::instruction::ClosePurchase {},
    )
}

/// A world with program `market`, a listing with three payees, and a buyer with LMR.
pub struct Shop {
    /// The chain.
    pub world: World,
    /// Sells.
    pub seller: Keypair,
    /// The seller's secret of the dataset.
    pub secret: ListingSecret,
    /// Who is paid, and how much of it.
    pub payees: Vec<(Address, u16)>,
    /// Their LMR accounts.
    pub payee_tokens: Vec<Address>,
    /// Receives the fees.
    pub treasury: Address,
    /// The listing.
    pub listing: Address,
    /// Buys.
    pub buyer: Keypair,
    /// LMR account of the buyer.
    pub buyer_tokens: Address,
}

impl Shop {
    /// The world without the listing.
    pub fn empty(payees: u8) -> Self {
        let mut world = World::new(0);
        world.deploy(market::ID, "market");
        let authority = world.authority.insecure_clone();
        let treasury = rewards::FEES;
        world.must(&[initialize(&authority.pubkey(), &treasury)], &[&authority]);
        let seller = world.wallet("seller");
        let buyer = world.wallet("buyer");
        let buyer_tokens = world.grant(&buyer.pubkey(), 1_000 * LMR);
        let mut left = 10_000;
        let payees: Vec<(Address, u16)> = (0..payees)
            .map(|index| {
                let share = if index + 1 == payees {
                    left
                } else {
                    10_000 / u16::from(payees)
                };
                left -= share;
                let payee = if index == 0 {
                    seller.pubkey()
                } else {
                    keypair("payee", index).pubkey()
                };
                (payee, share)
            })
            .collect();
        let payee_tokens = payees.iter().map(|(payee, _)| world.lmr_account(payee)).collect();
        let listing = market::listing_address(&seller.pubkey(), 0).0;
        let secret = ListingSecret::from_entropy(&[42; 64]);
        Self {
            world,
            seller,
            secret,
            payees,
            payee_tokens,
            treasury,
            listing,
            buyer,
            buyer_tokens,
        }
    }

    /// The world with a listing of so many payees.
    pub fn new(payees: u8) -> Self {
        let mut shop = Self::empty(payees);
        let arguments = terms(&shop.secret);
        let payees = shop.payees.clone();
        shop.list(arguments, &payees).expect("the listing is created");
        shop
    }

    /// Creates the seller's listing number 0.
    pub fn list(&mut self, arguments: CreateListingArguments, payees: &[(Address, u16)]) -> Result<Sent, Refused> {
        let seller = self.seller.insecure_clone();
        self.world
            .send(&[create_listing(&seller.pubkey(), 0, arguments, payees)], &[&seller])
    }

    /// Puts up this much LMR for the listing, which the seller is given.
    pub fn bond(&mut self, amount: u64) {
        let seller = self.seller.insecure_clone();
        self.world.gift(&seller.pubkey(), amount);
        self.world
            .must(&[add_bond(&seller.pubkey(), &self.listing, amount)], &[&seller]);
    }

    /// Ends the sale.
    pub fn withdraw(&mut self) {
        let seller = self.seller.insecure_clone();
        self.world
            .must(&[withdraw_listing(&seller.pubkey(), &self.listing)], &[&seller]);
    }

    /// What buys copy number `index` with the point of `secret`.
    pub fn buy_instruction(&self, index: u32, secret: &BuyerSecret) -> Instruction {
        self.buy_instruction_of(&self.buyer.pubkey(), index, secret)
    }

    /// The same for any buyer, at the terms as they are now.
    pub fn buy_instruction_of(&self, buyer: &Address, index: u32, secret: &BuyerSecret) -> Instruction {
        let listing = self.terms();
        let arguments = BuyArguments {
            revision: listing.revision,
            price: listing.price,
            buyer_key: secret.public().0,
        };
        buy(buyer, &self.listing, index, arguments)
    }

    /// The listing as it is now.
    pub fn terms(&self) -> Listing {
        self.world.read(&self.listing)
    }

    /// Buys copy number `index`; gives the purchase.
    pub fn buy(&mut self, index: u32, secret: &BuyerSecret) -> Address {
        let instruction = self.buy_instruction(index, secret);
        let buyer = self.buyer.insecure_clone();
        self.world.must(&[instruction], &[&buyer]);
        market::purchase_address(&self.listing, &buyer.pubkey(), index).0
    }

    /// The seller's delivery for a purchase.
    pub fn prove(&self, purchase: &Address) -> Delivery {
        self.prove_with(purchase, &[5; 32])
    }

    /// The same, drawing randomness from `entropy`.
    pub fn prove_with(&self, purchase: &Address, entropy: &[u8; 32]) -> Delivery {
        let listing: Listing = self.world.read(&self.listing);
        let account: Purchase = self.world.read(purchase);
        let (p, b) = (listing.key(), account.key());
        let sale = Sale {
            network: &self.world.network_id,
            program: market::ID.as_array(),
            listing: self.listing.as_array(),
            purchase: purchase.as_array(),
            buyer: account.buyer.as_array(),
            listing_key: &p,
            buyer_key: &b,
        };
        prove(&self.secret, &sale, entropy).expect("the seller can prove")
    }

    /// Delivers a purchase of this shop's buyer.
    pub fn deliver(&mut self, purchase: &Address) -> Sent {
        let instruction = self.deliver_instruction(purchase, &self.prove(purchase));
        self.world.must(&[instruction], &[])
    }

    /// What brings a delivery to the chain.
    pub fn deliver_instruction(&self, purchase: &Address, delivery: &Delivery) -> Instruction {
        let account: Purchase = self.world.read(purchase);
        deliver(
            &self.listing,
            purchase,
            &account.buyer,
            &self.treasury,
            &self.payee_tokens,
            delivery,
        )
    }

    /// LMR in all accounts of this shop.
    pub fn total(&self) -> u64 {
        let accounts = self.payee_tokens.iter().chain([&self.buyer_tokens, &self.treasury]);
        accounts.map(|account| self.world.balance(account)).sum()
    }
}
