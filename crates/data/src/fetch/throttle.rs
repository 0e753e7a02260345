//! How fast a node fetches: one token bucket for all of its connections, and a count of what they moved.
//!
//! A receiver cannot hold back what is on its way: reading slowly still lets the kernel take in a buffer's worth at once.
//! So the bytes of any second are bounded by three things together, which this module shares out so that their sum stays
//! below the limit: what the bucket lets be read in that second, what it has saved up ([`Shares::DEPTH`]), and what the
//! receive buffers of the open requests hold ([`Shares::BUFFERS`]).

use std::{
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::Instant,
};

/// IP and TCP headers of a packet with timestamps, bytes.
const HEADERS: u64 = 52;
/// Payload of a full packet, bytes.
const SEGMENT: u64 = 1_448;
/// An acknowledgement goes out for every other full packet.
const ACKNOWLEDGED: u64 = 2 * SEGMENT;
/// Handshake and farewell of a connection, bytes each way.
const CONNECTION: u64 = 4 * HEADERS;
/// Most requests under way at a time.
const REQUESTS: u64 = 8;
/// The receive buffer below which a request is not worth its while, bytes: less means fewer requests at a time.
const SMALL_BUFFER: u64 = 16 << 10;
/// The smallest receive buffer that holds two full packets as the kernel counts them, bytes.
const LEAST_BUFFER: u64 = 4 << 10;
/// Longest time until the bucket is looked at again: its rate may have changed by then.
const LONGEST_WAIT: Duration = Duration::from_millis(50);
/// Shortest sleep worth its while; the bucket gives what has come together in that time.
const QUANTUM: Duration = Duration::from_millis(2);
const NANOS: u128 = 1_000_000_000;

/// How a second's worth of the limit is shared out, in thousandths. They add up to the limit; what is counted at the
/// network interface is 9 thousandths more, for Ethernet's headers.
struct Shares;

impl Shares {
    const REFILL: u64 = 940;
    const DEPTH: u64 = 10;
    const BUFFERS: u64 = 50;
}

/// Bytes a second of a rate in kbit/s.
fn bytes_per_second(kbps: u32) -> u64 {
    u64::from(kbps) * 125
}

/// Bytes of the IP layer that carry so many bytes of a TCP stream.
fn on_wire(payload: u64) -> u64 {
    payload + payload.div_ceil(SEGMENT) * HEADERS
}

/// A token bucket: pure, time comes in.
#[derive(Debug)]
struct Bucket {
    /// Bytes a second.
    rate: u64,
    /// Most bytes that are saved up.
    depth: u64,
    /// Bytes times a billion that may be moved. Below zero after more headers than were thought of.
    credit: i128,
    at: Instant,
}

impl Bucket {
    /// An empty one.
    fn new(rate: u64, depth: u64, now: Instant) -> Self {
        Self {
            rate,
            depth,
            credit: 0,
            at: now,
        }
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_nanos();
        self.at = self.at.max(now);
        let gained = u128::from(self.rate).saturating_mul(elapsed);
        let most = (u128::from(self.depth) * NANOS) as i128;
        self.credit = self.credit.saturating_add_unsigned(gained).min(most);
    }

    /// From `now` on so many bytes a second. What was saved up at another rate is kept within the depth.
    fn set_rate(&mut self, rate: u64, now: Instant) {
        self.refill(now);
        self.rate = rate;
    }

    /// Forgets what was saved up.
    fn empty(&mut self, now: Instant) {
        self.refill(now);
        self.credit = self.credit.min(0);
    }

    /// Takes up to `wanted` bytes; how many were taken, or how long to wait before asking again.
    fn take(&mut self, wanted: u64, now: Instant) -> Result<u64, Duration> {
        self.refill(now);
        let quantum = u64::try_from(u128::from(self.rate) * QUANTUM.as_nanos() / NANOS).unwrap_or(u64::MAX);
        let least = quantum.max(SEGMENT + HEADERS).min(self.depth).min(wanted);
        let saved = u64::try_from(self.credit / NANOS as i128).unwrap_or(0);
        if saved >= least {
            let taken = saved.min(wanted);
            self.charge(taken);
            return Ok(taken);
        }
        let missing = (u128::from(least) * NANOS) as i128 - self.credit;
        let nanos = missing
            .unsigned_abs()
            .checked_div(self.rate.into())
            .unwrap_or(u128::MAX);
        let wait = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        Err(wait.clamp(Duration::from_millis(1), LONGEST_WAIT))
    }

    fn charge(&mut self, bytes: u64) {
        self.credit = self.credit.saturating_sub_unsigned(u128::from(bytes) * NANOS);
    }

    fn give_back(&mut self, bytes: u64) {
        self.credit = self.credit.saturating_add_unsigned(u128::from(bytes) * NANOS);
    }
}

/// Paces and counts everything that the fetchers which share it move. Cheap to clone.
///
/// Rates are kbit/s of the IP layer towards this machine; requests and acknowledgements on the way out are counted only.
#[derive(Clone)]
pub struct Throttle(Arc<Shared>);

struct Shared {
    /// `None`: as fast as it goes.
    limit_kbps: Option<u32>,
    bucket: Mutex<Bucket>,
    paused: watch::Sender<u32>,
    requests: Arc<Semaphore>,
    received: AtomicU64,
    sent: AtomicU64,
    connections: Mutex<Vec<Weak<TcpStream>>>,
}

/// Keeps the throttle closed while it lives.
#[must_use]
pub struct Paused(Throttle);

/// Leave to read so many bytes of a stream, and what was taken from the bucket for them.
pub(super) struct Grant {
    pub payload: u64,
    taken: u64,
}

/// Leave to have one request under way.
pub(super) struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Throttle {
    /// Counts, and holds nothing back.
    pub fn unlimited() -> Self {
        Self::with(None)
    }

    /// Never lets more than `kbps` come in, averaged over any second: receive buffers and the number of requests at a time
    /// are chosen so that bursts fit in as well.
    pub fn limited_to(kbps: u32) -> Self {
        Self::with(Some(kbps))
    }

    fn with(limit_kbps: Option<u32>) -> Self {
        let share = |part: u64| bytes_per_second(limit_kbps.unwrap_or(0)) * part / 1_000;
        let depth = share(Shares::DEPTH).max(2 * (SEGMENT + HEADERS));
        let requests = limit_kbps.map_or(REQUESTS, |_| (share(Shares::BUFFERS) / SMALL_BUFFER).clamp(1, REQUESTS));
        Self(Arc::new(Shared {
            limit_kbps,
            bucket: Mutex::new(Bucket::new(share(Shares::REFILL), depth, Instant::now())),
            paused: watch::Sender::new(0),
            requests: Arc::new(Semaphore::new(usize::try_from(requests).unwrap_or(1))),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            connections: Mutex::default(),
        }))
    }

    /// From now on at most `kbps`, and never more than the limit that it was made with. Zero stops what is under way too.
    pub fn set_rate(&self, kbps: u32) {
        let Some(limit) = self.0.limit_kbps else { return };
        let rate = bytes_per_second(kbps.min(limit)) * Shares::REFILL / 1_000;
        self.bucket(|bucket| bucket.set_rate(rate, Instant::now()));
    }

    /// Nothing is asked for, and nothing more is read, until the returned guard is dropped: a node leaves its link alone
    /// while that is being measured. What receive buffers hold still arrives.
    pub fn pause(&self) -> Paused {
        self.0.paused.send_modify(|paused| *paused = paused.saturating_add(1));
        Paused(self.clone())
    }

    /// Bytes of the IP layer moved so far, towards this machine and from it. What has arrived and was not read yet is among
    /// them, so that they can be compared with what a network interface counts.
    pub fn moved(&self) -> (u64, u64) {
        let unread: u64 = self
            .connections(|connections| connections.iter().filter_map(Weak::upgrade).collect::<Vec<_>>())
            .iter()
            .map(|connection| on_wire(unread(connection)))
            .sum();
        (
            self.0.received.load(Relaxed).saturating_add(unread),
            self.0.sent.load(Relaxed),
        )
    }

    /// The receive buffer for a connection, as `SO_RCVBUF` takes it: the kernel doubles it for its own bookkeeping, and may
    /// use all of that for a stream of full packets.
    pub(super) fn receive_buffer(&self) -> Option<usize> {
        let buffers = bytes_per_second(self.0.limit_kbps?) * Shares::BUFFERS / 1_000;
        let requests = (buffers / SMALL_BUFFER).clamp(1, REQUESTS);
        usize::try_from((buffers / requests).max(LEAST_BUFFER) / 2).ok()
    }

    /// Waits until a request may begin: not while it is paused, and no more at a time than there are buffers for.
    pub(super) async fn turn(&self) -> Turn {
        let mut paused = self.0.paused.subscribe();
        loop {
            // The sender lives as long as this throttle.
            let _ = paused.wait_for(|paused| *paused == 0).await;
            let permit = Arc::clone(&self.0.requests).acquire_owned().await.ok();
            if *paused.borrow() == 0 {
                return Turn { _permit: permit };
            }
        }
    }

    /// Leave to read up to `wanted` bytes of a stream, to be used up with [`Throttle::read`]; or how long to wait before
    /// asking again.
    pub(super) fn may_read(&self, wanted: u64) -> Result<Grant, Duration> {
        if *self.0.paused.borrow() > 0 {
            return Err(LONGEST_WAIT);
        }
        if self.0.limit_kbps.is_none() {
            return Ok(Grant {
                payload: wanted,
                taken: 0,
            });
        }
        let taken = self.bucket(|bucket| bucket.take(on_wire(wanted), Instant::now()))?;
        let payload = (taken * SEGMENT / (SEGMENT + HEADERS)).clamp(1, wanted.max(1));
        Ok(Grant { payload, taken })
    }

    /// So many bytes were read of what was granted. The rest is given back.
    pub(super) fn read(&self, grant: Grant, read: u64) {
        let moved = on_wire(read);
        self.0.received.fetch_add(moved, Relaxed);
        self.0.sent.fetch_add(read.div_ceil(ACKNOWLEDGED) * HEADERS, Relaxed);
        if self.0.limit_kbps.is_some() {
            self.bucket(|bucket| {
                bucket.give_back(grant.taken);
                bucket.charge(moved);
            });
        }
    }

    /// So many bytes of a stream were written.
    pub(super) fn written(&self, bytes: u64) {
        self.0.sent.fetch_add(on_wire(bytes), Relaxed);
    }

    /// A connection was made.
    pub(super) fn connected(&self, connection: &Arc<TcpStream>) {
        self.0.received.fetch_add(CONNECTION, Relaxed);
        self.0.sent.fetch_add(CONNECTION, Relaxed);
        self.connections(|connections| {
            connections.retain(|known| known.strong_count() > 0);
            connections.push(Arc::downgrade(connection));
        });
    }

    /// A connection is given up. What it did not read had arrived all the same.
    pub(super) fn disconnected(&self, connection: &TcpStream) {
        self.0.received.fetch_add(on_wire(unread(connection)), Relaxed);
    }

    fn connections<T>(&self, look: impl FnOnce(&mut Vec<Weak<TcpStream>>) -> T) -> T {
        look(&mut self.0.connections.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn bucket<T>(&self, change: impl FnOnce(&mut Bucket) -> T) -> T {
        change(&mut self.0.bucket.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        self.0.bucket(|bucket| bucket.empty(Instant::now()));
        self.0.0.paused.send_modify(|paused| *paused = paused.saturating_sub(1));
    }
}

/// Bytes of a connection that have arrived and were not read.
fn unread(connection: &TcpStream) -> u64 {
    rustix::io::ioctl_fionread(connection).unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever is asked for and whenever, and however the rate changes on the way.
        #[test]
        fn no_second_holds_more_than_the_rate_and_the_depth(
            rate in 1_000u64..200_000_000,
            depth in 3_000u64..1_000_000,
            steps in prop::collection::vec((0u64..40_000, 1u64..200_000, any::<bool>()), 1..400),
        ) {
            let start = Instant::now();
            let (mut bucket, mut now, mut taken) = (Bucket::new(rate, depth, start), start, Vec::new());
            for (micros, wanted, slower) in steps {
                now += Duration::from_micros(micros);
                bucket.set_rate(if slower { rate / 3 } else { rate }, now);
                if let Ok(bytes) = bucket.take(wanted, now) {
                    prop_assert!(bytes <= wanted);
                    taken.push((now, bytes));
                }
            }
            for (index, (from, _)) in taken.iter().enumerate() {
                let second = taken[index..].iter().take_while(|(at, _)| *at < *from + Duration::from_secs(1));
                let sum: u64 = second.map(|(_, bytes)| bytes).sum();
                prop_assert!(sum <= rate + depth, "{} in a second", sum);
            }
        }

        #[test]
        fn who_waits_as_long_as_told_gets_something(rate in 1u64..200_000_000, depth in 3_000u64..1_000_000, wanted in 1u64..200_000) {
            let start = Instant::now();
            let (mut bucket, mut now) = (Bucket::new(rate, depth, start), start);
            let mut patience = 0;
            while let Err(wait) = bucket.take(wanted, now) {
                now += wait;
                patience += 1;
                prop_assert!(patience < 4_000_000 / rate.min(4_000) + 100_000);
            }
        }
    }

    #[test]
    fn what_was_saved_up_does_not_outlive_a_pause() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1_000_000, 10_000, start);
        let later = start + Duration::from_secs(5);
        bucket.empty(later);
        assert!(bucket.take(5_000, later).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_begins_and_nothing_is_read_during_a_pause() {
        let throttle = Throttle::limited_to(20_000);
        let paused = throttle.pause();
        assert!(throttle.may_read(1_000).is_err());
        let turn = tokio::spawn({
            let throttle = throttle.clone();
            async move { drop(throttle.turn().await) }
        });
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(!turn.is_finished());
        drop(paused);
        turn.await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(throttle.may_read(1_000).is_ok());
    }

    #[tokio::test]
    async fn buffers_of_all_requests_fit_into_their_share() {
        for kbps in [2_000, 20_000, 100_000, 1_000_000] {
            let throttle = Throttle::limited_to(kbps);
            let mut turns = Vec::new();
            while throttle.0.requests.available_permits() > 0 {
                turns.push(throttle.turn().await);
            }
            let buffers = turns.len() * 2 * throttle.receive_buffer().unwrap();
            let share = bytes_per_second(kbps) * Shares::BUFFERS / 1_000;
            assert!(buffers as u64 <= share, "{kbps} kbit/s: {buffers}");
        }
        assert_eq!(Throttle::unlimited().receive_buffer(), None);
    }

    #[test]
    fn the_shares_add_up_to_the_limit() {
        assert_eq!(Shares::REFILL + Shares::DEPTH + Shares::BUFFERS, 1_000);
    }

    #[test]
    fn what_is_moved_is_counted_with_its_headers() {
        let throttle = Throttle::unlimited();
        let grant = throttle.may_read(4_096).unwrap();
        throttle.read(grant, 2_000);
        throttle.written(100);
        assert_eq!(throttle.moved(), (2_000 + 2 * HEADERS, HEADERS + 100 + HEADERS));
    }
}
