//! The network's clock. Slots come at their pace, and the chain's Unix time is this machine's: epochs and deadlines are in
//! seconds. Left to itself, the engine counts slot lengths, which falls behind as soon as the machine is busy.

use {
    std::{
        sync::{
            Arc,
            atomic::{AtomicBool, AtomicI64, Ordering},
        },
        thread::{self, JoinHandle},
        time::{Duration, SystemTime, UNIX_EPOCH},
    },
    surfpool_core::surfnet::locker::SurfnetSvmLocker,
    surfpool_types::{SimnetCommand, channel::Sender},
};

/// A difference larger than this between the chain's time and ours means that somebody travelled in time over RPC.
const TRAVEL_THRESHOLD_MS: i64 = 3_000;

/// Drives the network's slots until it is dropped.
pub(crate) struct Clock {
    /// Milliseconds that the chain is ahead of this machine.
    ahead_ms: Arc<AtomicI64>,
    stopped: Arc<AtomicBool>,
    driver: Option<JoinHandle<()>>,
}

impl Clock {
    pub(crate) fn start(
        chain: SurfnetSvmLocker,
        commands: Sender<SimnetCommand>,
        slot_time: Duration,
    ) -> std::io::Result<Self> {
        let ahead_ms = Arc::new(AtomicI64::new(0));
        let stopped = Arc::new(AtomicBool::new(false));
        let driver = thread::Builder::new().name("lumora-localnet-clock".into()).spawn({
            let (ahead_ms, stopped) = (ahead_ms.clone(), stopped.clone());
            move || drive(&chain, &commands, slot_time, &ahead_ms, &stopped)
        })?;
        Ok(Self {
            ahead_ms,
            stopped,
            driver: Some(driver),
        })
    }

    /// Lets the chain's time jump forward; it goes on from there at the usual pace.
    pub(crate) fn advance(&self, by: Duration) {
        let milliseconds = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.ahead_ms.fetch_add(milliseconds, Ordering::Relaxed);
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        if let Some(driver) = self.driver.take() {
            // A panicked driver has nothing left to stop.
            let _ = driver.join();
        }
    }
}

fn drive(
    chain: &SurfnetSvmLocker,
    commands: &Sender<SimnetCommand>,
    slot_time: Duration,
    ahead_ms: &AtomicI64,
    stopped: &AtomicBool,
) {
    let mut last_slot = None;
    while !stopped.load(Ordering::Relaxed) {
        thread::sleep(slot_time);
        let slot = chain.with_svm_reader(|svm| svm.get_latest_absolute_slot());
        if last_slot == Some(slot) {
            // The engine is still busy with the previous block: another request would only pile up.
            continue;
        }
        last_slot = Some(slot);
        let target = unix_milliseconds() + ahead_ms.load(Ordering::Relaxed);
        let behind = chain.with_svm_writer(move |svm| {
            let current = i64::try_from(svm.updated_at).unwrap_or(i64::MAX);
            // Closing the block adds the length of a slot; the chain's time never goes backwards.
            let next = target - i64::try_from(svm.slot_time).unwrap_or(0);
            svm.updated_at = u64::try_from(next.max(current)).unwrap_or(0);
            current - next
        });
        if behind > TRAVEL_THRESHOLD_MS {
            ahead_ms.fetch_add(behind, Ordering::Relaxed);
        }
        if commands.send(SimnetCommand::SlotForward(None)).is_err() {
            return;
        }
    }
}

fn unix_milliseconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
