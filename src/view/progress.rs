//! A progress bar on stderr, for readings that take longer than a second on a terminal; silent anywhere else.

use std::io::IsTerminal;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::store::events::Meter;

/// What is over sooner needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(100);
const TEMPLATE: &str = "{bar:30} {bytes} of {total_bytes}, {msg}";

/// Does something that a meter counts, and shows how far it came. `total` says how many bytes there are.
pub fn show<T>(meter: &Meter, total: impl FnOnce() -> u64 + Send, work: impl FnOnce() -> T) -> T {
    if !std::io::stderr().is_terminal() {
        return work();
    }
    let began = Instant::now();
    thread::scope(|scope| {
        let (done, ended) = channel::<()>();
        scope.spawn(move || {
            let still_running = |pause| ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout);
            if !still_running(PATIENCE) {
                return;
            }
            let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
            let total = total();
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr()).with_style(style);
            loop {
                let (bytes, elapsed) = (meter.bytes(), began.elapsed());
                // Over all of the time, because what is read is much of a kind.
                let rate = bytes as f64 / elapsed.as_secs_f64().max(0.001);
                let left = Duration::from_secs_f64(total.saturating_sub(bytes) as f64 / rate.max(1.0));
                let (events, rate, left) = (HumanCount(meter.events()), HumanBytes(rate as u64), HumanDuration(left));
                bar.set_message(format!("{events} events, {rate}/s, {left} left"));
                bar.set_position(bytes);
                if !still_running(TICK) {
                    return bar.finish_and_clear();
                }
            }
        });
        let result = work();
        drop(done);
        result
    })
}
