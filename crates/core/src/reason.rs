//! Why a figure is what it is: every zero has a reason that a person can read.

macro_rules! reasons {
    ($($(#[$docs:meta])* $name:ident = $code:literal, $sentence:literal;)*) => {
        /// A reason code, as attested on chain.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Reason { $($(#[$docs])* $name = $code),* }

        impl Reason {
            /// All reasons, in the order of their codes.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The reason with this code.
            pub fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }

            /// What it means and what to do about it.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence),* }
            }
        }
    };
}

reasons! {
    /// Nothing is wrong.
    None = 0, "Everything was measured as scheduled.";
    /// No challenger was reached.
    NoMeasurement = 1, "No measurement of this epoch succeeded. Check that the node runs and that outgoing UDP is open.";
    /// Some rounds were missed.
    RoundsMissed = 2, "Some measurement rounds were missed, so only part of the epoch counts. Keep the node running.";
    /// The limit caps the figure.
    AtLimit = 3, "The rate is the provider's own limit. Raise the limit to earn more.";
    /// The measurement broke off.
    Aborted = 4, "A measurement broke off before the estimate was good enough. The link may be unstable.";
    /// A wrong digest came back.
    WrongDigest = 5, "A chunk was answered with a wrong digest, so the measurement does not count.";
    /// The network share is used up.
    NetworkShare = 6, "Too many nodes share this network address; only some of them can earn.";
    /// The node is paused.
    Paused = 7, "The node is paused by its owner. Resume it to earn.";
    /// Too few challengers agreed.
    TooFewChallengers = 8, "Too few oracles measured this node for a figure that a minority could not bend.";
    /// Its challengers were shown forged answers.
    Forged = 9, "More than half of the challengers that measured this node report forged answers. Part of its bond is lost.";
    /// Verdict on a result: its pages say something else.
    SampleDiffers = 10, "The oracles fetched a sample of the pages again, and the records do not match. Part of the bond is lost.";
    /// Verdict on a result: pages are missing.
    PagesMissing = 11, "The oracles fetched pages that the result says cannot be had. Part of the bond is lost.";
    /// Verdict on a result: nobody can check it.
    ResultUnavailable = 12, "The records behind the result's root cannot be downloaded. Part of the bond is lost.";
    /// The link was not full all the time.
    Inconclusive = 13, "The link was not kept full, because a machine was too busy or the link's rate changes, so nothing can be said. Give the node more processor time.";
    /// The owner's share is used up.
    OwnerShare = 14, "Too many nodes belong to this owner; only some of them can earn.";
    /// Neighbours have what their link carries.
    SharedLink = 15, "The nodes of this network share one link, and together they get no more than was measured at one time.";
}

impl Reason {
    /// Those for which a quorum of oracles may reject a result.
    pub const VERDICTS: [Self; 3] = [Self::SampleDiffers, Self::PagesMissing, Self::ResultUnavailable];

    /// Whether a result may be rejected for the reason with this code.
    pub fn is_verdict(code: u8) -> bool {
        Self::from_code(code).is_some_and(|reason| Self::VERDICTS.contains(&reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_dense_and_come_back() {
        for (index, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, index);
            assert_eq!(Reason::from_code(*reason as u8), Some(*reason));
        }
        assert_eq!(Reason::from_code(200), None);
    }
}
