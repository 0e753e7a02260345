//! Listings, their bonds, and purchases.

use bytemuck::Zeroable as _;
use lumora_interface::{
    Address,
    market::{
        self, DatasetBought, DatasetDelivered, Listing, ListingBondAdded, ListingBondWithdrawn, ListingClosed,
        ListingCreated, ListingUpdated, ListingWithdrawn, PenaltyPaid, Purchase, PurchaseClosed, PurchaseRated,
        PurchaseRefunded, listing_state, purchase_state,
    },
};
use rand::RngExt as _;

use super::{Author, Draft, Ledger, PurchaseFacts};

impl Author {
    pub(super) fn create_listing(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let seller = self.pick_wallet();
        // A seller's numbers are few, so that listings that were closed come again at the same address.
        let id = self.random.random_range(0..8);
        let (address, bump) = market::listing_address(&seller, id);
        if ledger.accounts.contains_key(&address) {
            return;
        }
        // Nothing keeps a seller from asking for more than there is.
        let price = if self.random.random_range(0..10) == 0 {
            u64::MAX
        } else {
            self.random.random_range(1..1_000_000)
        };
        let listing = Listing {
            version: 1,
            bump,
            state: listing_state::ACTIVE,
            payee_count: 1,
            revision: 1,
            seller,
            id,
            price,
            dataset_id: self.random.random(),
            metadata_hash: self.random.random(),
            rows: 10,
            segments: 1,
            created_at: ledger.now(),
            updated_at: ledger.now(),
            payees: [seller; 8],
            shares: [10_000, 0, 0, 0, 0, 0, 0, 0],
            ..Listing::zeroed()
        };
        draft.write(ledger, address, &listing, &[]);
        draft.event(
            market::ID,
            ListingCreated {
                version: 1,
                listing: address,
                seller,
                metadata_hash: listing.metadata_hash,
                price,
                rows: 10,
                ..ListingCreated::zeroed()
            },
        );
        if self.random.random() {
            self.add_bond(ledger, draft, address);
        }
    }

    /// The next thing that a seller does with a listing.
    pub(super) fn change_listing(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let Some((address, listing)) = self.pick(ledger.all::<Listing>()) else {
            return;
        };
        if listing.state == listing_state::ACTIVE {
            match self.random.random_range(0..3) {
                0 => self.add_bond(ledger, draft, address),
                1 => self.update_listing(ledger, draft, address),
                _ => withdraw_listing(ledger, draft, address),
            }
        } else if listing.open_purchases == 0 && listing.bond_bump != 0 {
            withdraw_bond(ledger, draft, address);
        } else if listing.open_purchases == 0 && listing.sales == 0 {
            draft.close(ledger, address);
            draft.event(
                market::ID,
                ListingClosed {
                    version: 1,
                    listing: address,
                    seller: listing.seller,
                    sales: listing.sales,
                    refunds: listing.refunds,
                    ..ListingClosed::zeroed()
                },
            );
        }
    }

    fn add_bond(&mut self, ledger: &mut Ledger, draft: &mut Draft, address: Address) {
        let mut listing: Listing = ledger.get(&address).expect("it was picked");
        let amount = self.random.random_range(1..200_000);
        listing.bond += amount;
        listing.bond_bump = 255;
        *ledger.money.bonds.entry(address).or_default() += amount;
        draft.write(ledger, address, &listing, &[]);
        draft.event(
            market::ID,
            ListingBondAdded {
                version: 1,
                listing: address,
                amount,
                bond: listing.bond,
                ..ListingBondAdded::zeroed()
            },
        );
    }

    fn update_listing(&mut self, ledger: &mut Ledger, draft: &mut Draft, address: Address) {
        let mut listing: Listing = ledger.get(&address).expect("it was picked");
        listing.revision += 1;
        listing.price = self.random.random_range(1..1_000_000);
        listing.metadata_hash = self.random.random();
        listing.updated_at = ledger.now();
        draft.write(ledger, address, &listing, &[]);
        draft.event(
            market::ID,
            ListingUpdated {
                version: 1,
                revision: listing.revision,
                delivery_seconds: listing.delivery_seconds,
                price: listing.price,
                listing: address,
                metadata_hash: listing.metadata_hash,
                ..ListingUpdated::zeroed()
            },
        );
    }

    pub(super) fn buy(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        if let Some((listing, buyer, index)) = self.pick_sale(ledger) {
            self.buy_at(ledger, draft, listing, buyer, index);
        }
    }

    /// A purchase that is made, delivered and closed in one transaction, and perhaps another one at the same address.
    pub(super) fn purchases_that_come_and_go(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let Some((listing, buyer, index)) = self.pick_sale(ledger) else {
            return;
        };
        let address = self.buy_at(ledger, draft, listing, buyer, index);
        self.deliver(ledger, draft, address);
        close_purchase(ledger, draft, address);
        if self.random.random() {
            self.buy_at(ledger, draft, listing, buyer, index);
        }
    }

    /// A listing that can be bought, and who buys it under which number.
    fn pick_sale(&mut self, ledger: &Ledger) -> Option<(Address, Address, u32)> {
        let affordable = ledger.all::<Listing>().into_iter().filter(|(_, it)| {
            it.state == listing_state::ACTIVE && it.price < u64::MAX && it.bond - it.open_penalties >= penalty(it)
        });
        let (listing, _) = self.pick(affordable.collect())?;
        let buyer = self.pick_wallet();
        let index = self.random.random_range(0..3);
        let address = market::purchase_address(&listing, &buyer, index).0;
        (!ledger.accounts.contains_key(&address)).then_some((listing, buyer, index))
    }

    fn buy_at(&mut self, ledger: &mut Ledger, draft: &mut Draft, at: Address, buyer: Address, index: u32) -> Address {
        let mut listing: Listing = ledger.get(&at).expect("it was picked");
        let (address, bump) = market::purchase_address(&at, &buyer, index);
        let purchase = Purchase {
            version: 1,
            bump,
            state: purchase_state::OPEN,
            index,
            revision: listing.revision,
            listing: at,
            buyer,
            buyer_key: self.random.random(),
            amount: listing.price,
            bought_at: ledger.now(),
            deadline: ledger.now() + 100,
            penalty: penalty(&listing),
            dataset_id: listing.dataset_id,
            ..Purchase::zeroed()
        };
        listing.open_purchases += 1;
        listing.open_penalties += purchase.penalty;
        ledger.money.vaults.insert(address, purchase.amount);
        draft.write(ledger, at, &listing, &[]);
        draft.write(ledger, address, &purchase, &[]);
        draft.event(
            market::ID,
            DatasetBought {
                version: 1,
                index,
                listing: at,
                purchase: address,
                buyer,
                buyer_key: purchase.buyer_key,
                amount: purchase.amount,
                deadline: purchase.deadline,
                ..DatasetBought::zeroed()
            },
        );
        let facts = PurchaseFacts {
            state: "open",
            amount: purchase.amount,
            penalty: purchase.penalty,
            dataset_id: purchase.dataset_id,
            rating: 0,
            closed_at: None,
        };
        ledger.purchases.insert(address, facts);
        address
    }

    /// Delivers or refunds an open purchase; rates or closes a delivered one.
    pub(super) fn conclude_purchase(&mut self, ledger: &mut Ledger, draft: &mut Draft) {
        let Some((address, purchase)) = self.pick(ledger.all::<Purchase>()) else {
            return;
        };
        let is_delivered = purchase.state == purchase_state::DELIVERED;
        match self.random.random_range(0..3) {
            0 if is_delivered => close_purchase(ledger, draft, address),
            _ if is_delivered => self.rate(ledger, draft, address),
            0 => refund(ledger, draft, address),
            _ => self.deliver(ledger, draft, address),
        }
    }

    fn deliver(&mut self, ledger: &mut Ledger, draft: &mut Draft, address: Address) {
        let mut purchase: Purchase = ledger.get(&address).expect("it was picked");
        let mut listing: Listing = ledger.get(&purchase.listing).expect("an open purchase has a listing");
        purchase.state = purchase_state::DELIVERED;
        purchase.ephemeral = self.random.random();
        purchase.sealed = self.random.random();
        purchase.delivered_at = ledger.now();
        listing.open_purchases -= 1;
        listing.open_penalties -= purchase.penalty;
        listing.sales += 1;
        listing.volume += purchase.amount;
        ledger.money.sold += ledger.money.vaults.remove(&address).expect("it has a vault");
        draft.write(ledger, purchase.listing, &listing, &[]);
        draft.write(ledger, address, &purchase, &[]);
        draft.event(
            market::ID,
            DatasetDelivered {
                version: 1,
                payees: 1,
                listing: purchase.listing,
                purchase: address,
                ephemeral: purchase.ephemeral,
                sealed: purchase.sealed,
                amount: purchase.amount,
                ..DatasetDelivered::zeroed()
            },
        );
        facts(ledger, &address).state = "delivered";
    }

    fn rate(&mut self, ledger: &mut Ledger, draft: &mut Draft, address: Address) {
        let mut purchase: Purchase = ledger.get(&address).expect("it was picked");
        let mut listing: Listing = ledger
            .get(&purchase.listing)
            .expect("listings with sales are not closed");
        if purchase.rating != 0 {
            return;
        }
        purchase.rating = self.random.random_range(1..=5);
        purchase.rated_at = ledger.now();
        listing.ratings += 1;
        listing.rating_sum += u64::from(purchase.rating);
        listing.rated_volume += purchase.amount;
        listing.weighted_ratings += u64::from(purchase.rating) * purchase.amount;
        draft.write(ledger, purchase.listing, &listing, &[]);
        draft.write(ledger, address, &purchase, &[]);
        draft.event(
            market::ID,
            PurchaseRated {
                version: 1,
                rating: purchase.rating,
                listing: purchase.listing,
                purchase: address,
                ..PurchaseRated::zeroed()
            },
        );
        facts(ledger, &address).rating = purchase.rating;
    }
}

/// A tenth of the price, of listings with a bond.
fn penalty(listing: &Listing) -> u64 {
    if listing.bond_bump == 0 { 0 } else { listing.price / 10 }
}

fn facts<'a>(ledger: &'a mut Ledger, purchase: &Address) -> &'a mut PurchaseFacts {
    ledger.purchases.get_mut(purchase).expect("it was bought")
}

fn withdraw_listing(ledger: &mut Ledger, draft: &mut Draft, address: Address) {
    let mut listing: Listing = ledger.get(&address).expect("it was picked");
    listing.state = listing_state::WITHDRAWN;
    listing.updated_at = ledger.now();
    draft.write(ledger, address, &listing, &[]);
    draft.event(
        market::ID,
        ListingWithdrawn {
            version: 1,
            open_purchases: listing.open_purchases,
            listing: address,
            ..ListingWithdrawn::zeroed()
        },
    );
}

fn withdraw_bond(ledger: &mut Ledger, draft: &mut Draft, address: Address) {
    let mut listing: Listing = ledger.get(&address).expect("it was picked");
    let amount = ledger.money.bonds.remove(&address).expect("it has a bond");
    listing.bond = 0;
    listing.bond_bump = 0;
    draft.write(ledger, address, &listing, &[]);
    draft.event(
        market::ID,
        ListingBondWithdrawn {
            version: 1,
            listing: address,
            seller: listing.seller,
            amount,
            ..ListingBondWithdrawn::zeroed()
        },
    );
}

fn refund(ledger: &mut Ledger, draft: &mut Draft, address: Address) {
    let purchase: Purchase = ledger.get(&address).expect("it was picked");
    let mut listing: Listing = ledger.get(&purchase.listing).expect("an open purchase has a listing");
    listing.open_purchases -= 1;
    listing.open_penalties -= purchase.penalty;
    listing.bond -= purchase.penalty;
    listing.refunds += 1;
    ledger.money.vaults.remove(&address);
    ledger.money.to_late_buyers += purchase.penalty;
    draft.close(ledger, address);
    draft.event(
        market::ID,
        PurchaseRefunded {
            version: 1,
            listing: purchase.listing,
            purchase: address,
            buyer: purchase.buyer,
            amount: purchase.amount,
            ..PurchaseRefunded::zeroed()
        },
    );
    if purchase.penalty > 0 {
        *ledger.money.bonds.get_mut(&purchase.listing).expect("it has a bond") -= purchase.penalty;
        draft.event(
            market::ID,
            PenaltyPaid {
                version: 1,
                listing: purchase.listing,
                purchase: address,
                buyer: purchase.buyer,
                amount: purchase.penalty,
                bond: listing.bond,
                ..PenaltyPaid::zeroed()
            },
        );
    }
    draft.write(ledger, purchase.listing, &listing, &[]);
    let now = ledger.now();
    let facts = facts(ledger, &address);
    facts.state = "refunded";
    facts.closed_at = Some(now);
}

fn close_purchase(ledger: &mut Ledger, draft: &mut Draft, address: Address) {
    let purchase: Purchase = ledger.get(&address).expect("it was picked");
    draft.close(ledger, address);
    draft.event(
        market::ID,
        PurchaseClosed {
            version: 1,
            listing: purchase.listing,
            purchase: address,
            buyer: purchase.buyer,
            ..PurchaseClosed::zeroed()
        },
    );
    let now = ledger.now();
    facts(ledger, &address).closed_at = Some(now);
}
