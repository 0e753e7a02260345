//! A dataset for sale.

use anchor_lang::prelude::*;

use super::plain_layout;

lumora_interface::listing_account!(#[account]);
plain_layout!(Listing);
const _: () = assert!(size_of::<Listing>() == 968);
