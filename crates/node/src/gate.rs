//! Pauses the node's own fetching while it is being measured, so that its work does not lower the figure.

use std::sync::Arc;

use tokio::sync::watch;

/// Open, unless a measurement is going on. Cheap to clone.
#[derive(Clone)]
pub struct Gate {
    closed: Arc<watch::Sender<bool>>,
}

/// Keeps the gate closed while it lives.
#[must_use]
pub struct Closed(Arc<watch::Sender<bool>>);

impl Gate {
    /// An open gate.
    pub fn new() -> Self {
        Self {
            closed: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Closes the gate until the returned guard is dropped. One measurement at a time.
    pub fn close(&self) -> Closed {
        self.closed.send_replace(true);
        Closed(self.closed.clone())
    }

    /// Tells a fetcher whether it has to pause.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.closed.subscribe()
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_closed_as_long_as_the_guard_lives() {
        let gate = Gate::new();
        let watcher = gate.watch();
        assert!(!*watcher.borrow());
        let closed = gate.close();
        assert!(*watcher.borrow());
        drop(closed);
        assert!(!*watcher.borrow());
    }
}
