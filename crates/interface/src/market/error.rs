//! Errors of program `market`.

/// Lists the errors of program `market` to the macro that it is given.
#[macro_export]
macro_rules! market_errors {
    ($($callback:tt)+) => {
        $($callback)+! {
            /// Why program `market` refused an instruction. Codes start at 6000.
            MarketError {
                NotAuthority = "Only the network's authority may do this: sign with its key",
                Paused = "Listing and buying is paused: try again when the guardian has lifted the pause",
                WrongMint = "The mint is not the network's LMR mint",
                WrongTokenAccount = "The token account must hold LMR and belong to the wallet that pays or is paid",
                WrongTreasury = "The account is not where the protocol's fees go: pass the treasury that the listing names",
                WrongVault = "The account is not the vault of this purchase",
                WrongListing = "The account is not the listing of this purchase",
                ListingKeyInvalid = "The listing's key is not a canonical ristretto255 point other than the identity",
                BuyerKeyInvalid = "The buyer's key is not a canonical ristretto255 point other than the identity",
                HashMissing = "Dataset id, hashes and Merkle roots must not be zero",
                EmptyDataset = "A listing needs at least one row and one segment",
                PriceZero = "The price must be above zero",
                DeliveryTimeRange = "The time for delivery must be between one second and a week",
                PayeeCount = "A listing has between 1 and 8 payees",
                PayeeMissing = "A payee's address must not be zero, and each payee is listed once",
                SharesSum = "The payees' shares must each be above zero and sum to 10,000 basis points",
                NotSeller = "Only the listing's seller may do this: sign with its key",
                NotBuyer = "Only the purchase's buyer may do this: sign with its key",
                ListingWithdrawn = "The seller has withdrawn this listing",
                PriceChanged = "The price is not the one that you agreed to: look at the listing again",
                RevisionChanged = "The listing changed since you looked at it: look at it again",
                NotOpen = "The purchase is not open: it was delivered already",
                DeliveryLate = "The deadline has passed: this purchase can only be refunded",
                PayeeAccountMissing = "Pass one LMR token account per payee, in the listing's order",
                ProofIdentityPoint = "A point of the delivery is the identity: draw new randomness and prove again",
                ProofInvalidPoint = "A point of the delivery is not a canonical ristretto255 encoding",
                ProofScalar = "A response of the proof is not below the group order",
                ProofWrong = "The proof does not hold for this listing, purchase and buyer",
                TooEarlyToRefund = "The seller may still deliver: wait until the deadline has passed",
                NotDelivered = "The purchase is not delivered yet: wait for the delivery, or for the refund",
                RatingRange = "A rating is a number from 1 to 5",
                RatedAlready = "This purchase is rated already: a rating is final",
                RatingLate = "The time to rate, 30 days from delivery, is over",
                Overflow = "An amount left the range of 64 bits: check the amounts passed",
                Invariant = "The account would have become inconsistent: report this with the transaction",
                WrongNetwork = "The account is not the registry's network",
                WrongBondVault = "The account is not the bond vault of this listing",
                AmountZero = "The amount must be above zero",
                BondTooSmall = "The seller's bond does not cover the penalty of one more sale: wait until open purchases are delivered, or ask the seller to add bond",
                NotBonded = "The listing has no bond: there is nothing to give back",
                ListingActive = "The listing is still for sale: withdraw it first",
                OpenPurchases = "Purchases of this listing are neither delivered nor refunded: deliver them, or refund them after their deadlines",
                BondHeld = "The listing still has a bond: give it back to the seller first",
                BuyersMayRate = "Buyers may still rate what they bought and look at what was listed: close the listing 37 days after it was withdrawn",
                WrongRentPayer = "The rent goes back to who paid it: pass the address that the listing names",
            }
        }
    };
}

market_errors!(plain_error);
