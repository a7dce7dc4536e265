//! How much was read so far, for whoever shows it while it goes on.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts what is read; shared between the readers and whoever shows their progress.
#[derive(Debug, Default)]
pub struct Meter {
    bytes: AtomicU64,
    events: AtomicU64,
}

impl Meter {
    pub(super) fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
    }

    pub(super) fn add_events(&self, events: u64) {
        self.events.fetch_add(events, Relaxed);
    }

    /// Returns how many bytes were read, as they lie on disk.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Returns how many events were read.
    pub fn events(&self) -> u64 {
        self.events.load(Relaxed)
    }
}
