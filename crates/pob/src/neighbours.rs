//! Which measurements of this challenger run behind the same network, and how far each is.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::network::Network;
use crate::protocol::Progress;

type Members = HashMap<Network, HashMap<u64, Progress>>;

/// All measurements that run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Neighbourhood {
    members: Arc<Mutex<Members>>,
    next: Arc<std::sync::atomic::AtomicU64>,
}

impl Neighbourhood {
    /// Enters a measurement of the node at `address`; it leaves when the membership is dropped.
    pub(crate) fn enter(&self, address: IpAddr) -> Membership {
        let membership = Membership {
            neighbourhood: self.clone(),
            network: Network::of(address),
            number: self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
        };
        membership.tell(Progress::DownBegins);
        membership
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One measurement among its neighbours.
#[derive(Debug)]
pub(crate) struct Membership {
    neighbourhood: Neighbourhood,
    network: Network,
    number: u64,
}

impl Membership {
    /// Says how far this one is.
    pub(crate) fn tell(&self, progress: Progress) {
        self.neighbourhood
            .members()
            .entry(self.network)
            .or_default()
            .insert(self.number, progress);
    }

    /// How far the slowest of the others is.
    pub(crate) fn slowest_neighbour(&self) -> Option<Progress> {
        let members = self.neighbourhood.members();
        let others = members.get(&self.network)?.iter();
        others
            .filter(|(number, _)| **number != self.number)
            .map(|(_, progress)| *progress)
            .min()
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut members = self.neighbourhood.members();
        if let Some(network) = members.get_mut(&self.network) {
            network.remove(&self.number);
            if network.is_empty() {
                members.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_a_24_or_a_48_and_leave_no_trace() {
        let neighbourhood = Neighbourhood::default();
        let enter = |address: &str| neighbourhood.enter(address.parse().unwrap());
        let (first, second, other) = (enter("192.0.2.1"), enter("::ffff:192.0.2.200"), enter("192.0.3.1"));
        assert_eq!(first.slowest_neighbour(), Some(Progress::DownBegins));
        second.tell(Progress::DownEnough);
        assert_eq!(first.slowest_neighbour(), Some(Progress::DownEnough));
        assert_eq!(other.slowest_neighbour(), None);
        let third = enter("192.0.2.7");
        assert_eq!(first.slowest_neighbour(), Some(Progress::DownBegins));
        drop((second, third));
        assert_eq!(first.slowest_neighbour(), None);

        let (one, two, far) = (
            enter("2001:db8:1::1"),
            enter("2001:db8:1:ffff::2"),
            enter("2001:db8:2::1"),
        );
        assert_eq!(
            (one.slowest_neighbour().is_some(), far.slowest_neighbour()),
            (true, None)
        );
        drop((first, other, one, two, far));
        assert!(neighbourhood.members().is_empty());
    }
}
