//! What the service manager is told, where there is one: that the server is ready, alive, or stopping.

use std::io;
use std::time::Duration;

use sd_notify::NotifyState;

/// Says that connections are accepted.
pub fn ready() -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Ready])
}

/// Says that no more connections are accepted.
pub fn stopping() {
    // Nobody is told by an error here: the manager sees the process end.
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
}

/// Returns how often a sign of life is wanted: twice within the manager's patience.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|patience| patience / 2)
}

/// Gives a sign of life.
pub fn alive() {
    let _ = sd_notify::notify(&[NotifyState::Watchdog]);
}
