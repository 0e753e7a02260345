//! Listings of encrypted datasets, purchases, and deliveries in which money and key change hands in one step. The program
//! never sees a content key: it checks a proof that the buyer, and nobody else, can derive the right one.

pub mod constants;
pub mod curve;
pub mod error;
pub mod events;
pub mod instructions;
pub mod state;

use anchor_lang::prelude::*;
use instructions::*;

declare_id!("3g7RK3C6VCkQ7KERzk1EquRgXoYtGBvawxT6P2fqM3LA");

#[cfg(not(feature = "no-entrypoint"))]
solana_security_txt::security_txt! {
    name: "Lumora market",
    project_url: "https://github.com/lumora-network/lumora",
    contacts: "link:https://github.com/lumora-network/lumora/security/advisories/new",
    policy: "https://github.com/lumora-network/lumora/blob/main/SECURITY.md",
    source_code: "https://github.com/lumora-network/lumora/tree/main/programs/market"
}

#[program]
pub mod market {
    use super::*;

    /// Names the treasury; only the network's authority may, once.
    #[discrim = 0]
    pub fn initialize(ctx: &mut Context<Initialize>) -> Result<()> {
        instructions::initialize::handler(ctx)
    }

    /// Puts a dataset up for sale.
    #[discrim = 1]
    pub fn create_listing(
        ctx: &mut Context<CreateListing>,
        id: u64,
        arguments: CreateListingArguments,
        payees: Vec<Share>,
    ) -> Result<()> {
        instructions::create_listing::handler(ctx, id, arguments, payees)
    }

    /// Pays for a copy into a vault of its own, with the buyer's one-time point.
    #[discrim = 2]
    pub fn buy(ctx: &mut Context<Buy>, index: u32, arguments: BuyArguments) -> Result<()> {
        instructions::buy::handler(ctx, index, arguments)
    }

    /// Hands over the sealed key and pays out the vault, if the proof holds. Anybody may submit it.
    #[discrim = 3]
    pub fn deliver(ctx: &mut Context<Deliver>, arguments: DeliverArguments) -> Result<()> {
        instructions::deliver::handler(ctx, arguments)
    }

    /// Gives the buyer the money back when the deadline has passed, and the penalty out of the seller's bond. Anybody may call
    /// it.
    #[discrim = 4]
    pub fn refund(ctx: &mut Context<Refund>) -> Result<()> {
        instructions::refund::handler(ctx)
    }

    /// Rates what was delivered, once.
    #[discrim = 5]
    pub fn rate(ctx: &mut Context<Rate>, rating: u8) -> Result<()> {
        instructions::rate::handler(ctx, rating)
    }

    /// Stops further sales; what was bought is still delivered or refunded.
    #[discrim = 6]
    pub fn withdraw_listing(ctx: &mut Context<WithdrawListing>) -> Result<()> {
        instructions::withdraw_listing::handler(ctx)
    }

    /// Changes price, time to deliver and data card for later sales. CANNOT change what is sold or who is paid for it.
    #[discrim = 7]
    pub fn update_listing(ctx: &mut Context<UpdateListing>, arguments: UpdateListingArguments) -> Result<()> {
        instructions::update_listing::handler(ctx, arguments)
    }

    /// Puts up LMR of the seller that buyers are paid from when it delivers late. The first time, the listing becomes
    /// bonded: from then on each sale sets its penalty aside, or is refused.
    #[discrim = 8]
    pub fn add_bond(ctx: &mut Context<AddBond>, arguments: AddBondArguments) -> Result<()> {
        instructions::add_bond::handler(ctx, arguments)
    }

    /// Gives the bond back to the seller when the listing is withdrawn and no purchase is open. Anybody may call it.
    #[discrim = 9]
    pub fn withdraw_bond(ctx: &mut Context<WithdrawBond>) -> Result<()> {
        instructions::withdraw_bond::handler(ctx)
    }

    /// Ends a withdrawn listing's account when its buyers' time to rate is over. Anybody may call it; the rent goes to who
    /// paid it.
    #[discrim = 10]
    pub fn close_listing(ctx: &mut Context<CloseListing>) -> Result<()> {
        instructions::close_listing::handler(ctx)
    }

    /// Ends a delivered purchase's account and gives its buyer the rent back. With it goes the delivery: CAN cost the buyer
    /// the content key, if it was not derived before.
    #[discrim = 11]
    pub fn close_purchase(ctx: &mut Context<ClosePurchase>) -> Result<()> {
        instructions::close_purchase::handler(ctx)
    }
}
