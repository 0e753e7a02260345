//! `lumora dataset`, what a seller does with a listing and a buyer with a purchase that came to nothing.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use lumora_client::{Sender, keys, market, token};
use lumora_interface::{
    Address,
    market::{AddBondArguments, Listing, Purchase, UpdateListingArguments, listing_state, purchase_address},
};
use serde::Serialize;

use super::dataset::Network;
use crate::output::{Format, lmr};

#[derive(Subcommand)]
pub enum Command {
    /// Changes the price or the time to deliver of later sales.
    Update {
        #[command(flatten)]
        which: Which,
        /// LMR base units (millionths) for a copy.
        #[arg(long)]
        price: Option<u64>,
        /// Seconds in which you deliver, or the buyer is refunded.
        #[arg(long)]
        delivery_seconds: Option<u32>,
    },
    /// Puts up LMR that buyers are paid from if you deliver late: a tenth of the price each. From then on nobody can buy what
    /// the bond does not cover.
    Bond {
        #[command(flatten)]
        which: Which,
        /// LMR base units (millionths) to add.
        #[arg(long)]
        amount: u64,
    },
    /// Ends the sale, and takes the bond back once nothing is left to deliver: run it again for that.
    Withdraw {
        #[command(flatten)]
        which: Which,
    },
    /// Closes a listing that was withdrawn, and takes back its rent: at once if nothing was sold, else 37 days later.
    Close {
        #[command(flatten)]
        which: Which,
    },
    /// Takes the price back, and the penalty if there is one, where the key was not delivered in time.
    Refund {
        #[command(flatten)]
        which: Which,
        /// Your own number of the purchase.
        #[arg(long, default_value_t = 0)]
        index: u32,
    },
}

/// Which listing, and who signs.
#[derive(Args)]
pub struct Which {
    #[command(flatten)]
    network: Network,
    /// Keypair file of your wallet.
    #[arg(long)]
    key: PathBuf,
    /// Address of the listing.
    #[arg(long)]
    listing: Address,
}

#[derive(Serialize)]
struct Standing {
    listing: String,
    is_withdrawn: bool,
    price: u64,
    delivery_seconds: u32,
    bond: u64,
    open_purchases: u32,
}

#[derive(Serialize)]
struct Refunded {
    purchase: String,
    amount: u64,
    penalty: u64,
}

/// Runs the command.
pub async fn run(command: &Command, format: Format) -> anyhow::Result<()> {
    match command {
        Command::Update {
            which,
            price,
            delivery_seconds,
        } => {
            let (sender, listing) = which.open().await?;
            let arguments = UpdateListingArguments {
                price: price.unwrap_or(listing.price),
                delivery_seconds: delivery_seconds.unwrap_or(listing.delivery_seconds),
                metadata_hash: listing.metadata_hash,
                uri_hash: listing.uri_hash,
            };
            let update = market::update_listing(&sender.payer_address(), &which.listing, &arguments);
            sender.send(&[update], &[]).await?;
            which.print(format).await
        }
        Command::Bond { which, amount } => {
            let (sender, _) = which.open().await?;
            let arguments = AddBondArguments { amount: *amount };
            let add = market::add_bond(&sender.payer_address(), &which.listing, &arguments);
            sender.send(&[add], &[]).await?;
            which.print(format).await
        }
        Command::Withdraw { which } => {
            let (sender, listing) = which.open().await?;
            let seller = sender.payer_address();
            if listing.state != listing_state::WITHDRAWN {
                sender
                    .send(&[market::withdraw_listing(&seller, &which.listing)], &[])
                    .await?;
            }
            let listing: Listing = sender.connection().fetch(&which.listing).await?;
            if listing.bond > 0 && listing.open_purchases == 0 {
                sender
                    .send(&[market::withdraw_bond(&seller, &which.listing)], &[])
                    .await?;
            }
            which.print(format).await
        }
        Command::Close { which } => {
            let (sender, listing) = which.open().await?;
            let close = market::close_listing(&listing.rent_payer, &which.listing);
            sender.send(&[close], &[]).await?;
            format.print(&which.listing.to_string(), |listing| format!("{listing} is closed"))
        }
        Command::Refund { which, index } => {
            let (sender, _) = which.open().await?;
            let buyer = sender.payer_address();
            let (address, _) = purchase_address(&which.listing, &buyer, *index);
            let purchase: Purchase = sender.connection().fetch(&address).await?;
            let refund = [
                token::create_lmr_account(&buyer, &buyer),
                market::refund(&which.listing, &address, &buyer),
            ];
            sender.send(&refund, &[]).await?;
            let refunded = Refunded {
                purchase: address.to_string(),
                amount: purchase.amount,
                penalty: purchase.penalty,
            };
            format.print(&refunded, |refunded| {
                format!(
                    "{} LMR refunded, and a penalty of {} LMR",
                    lmr(refunded.amount),
                    lmr(refunded.penalty)
                )
            })
        }
    }
}

impl Which {
    async fn open(&self) -> anyhow::Result<(Sender, Listing)> {
        let sender = Sender::new(self.network.connect()?, keys::load(&self.key)?);
        let listing = sender.connection().fetch_optional(&self.listing).await?;
        let listing = listing.with_context(|| format!("there is no listing {}, or it is closed", self.listing))?;
        Ok((sender, listing))
    }

    /// How the listing stands now.
    async fn print(&self, format: Format) -> anyhow::Result<()> {
        let listing: Listing = self.network.connect()?.fetch(&self.listing).await?;
        let standing = Standing {
            listing: self.listing.to_string(),
            is_withdrawn: listing.state == listing_state::WITHDRAWN,
            price: listing.price,
            delivery_seconds: listing.delivery_seconds,
            bond: listing.bond,
            open_purchases: listing.open_purchases,
        };
        format.print(&standing, |standing| {
            format!(
                "{}\n  {} for {} LMR, delivered within {} s\n  {} LMR of bond, {} to deliver",
                standing.listing,
                if standing.is_withdrawn { "was sold" } else { "for sale" },
                lmr(standing.price),
                standing.delivery_seconds,
                lmr(standing.bond),
                standing.open_purchases
            )
        })
    }
}
