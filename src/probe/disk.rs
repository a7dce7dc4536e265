//! How full the disks are that matter here: the system's, Docker's, and the one that holds the root.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::fs::{StatVfs, statvfs};

use crate::flow::watch::DiskUse;

/// How long the file systems may take to answer: one over a dead network never does.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where Docker keeps its images unless it was told otherwise.
const DOCKER: &str = "/var/lib/docker";

/// Whether a thread still waits for an answer: one of them, however often it is asked.
static WAITS: AtomicBool = AtomicBool::new(false);

/// Returns the fullest of the disks.
pub fn fullest(root: &Path) -> Option<DiskUse> {
    let paths = [PathBuf::from("/"), PathBuf::from(DOCKER), root.to_owned()];
    within(TIMEOUT, &WAITS, move || fullest_of(&paths))
}

/// Asks what may hang, unless it hangs since it was last asked. The thread is left behind with it.
fn within(
    time: Duration,
    waits: &'static AtomicBool,
    ask: impl FnOnce() -> Option<DiskUse> + Send + 'static,
) -> Option<DiskUse> {
    if waits.swap(true, Ordering::AcqRel) {
        return None;
    }
    let (sender, receiver) = std::sync::mpsc::channel();
    let asking = move || {
        let answer = ask();
        waits.store(false, Ordering::Release);
        sender.send(answer)
    };
    if std::thread::Builder::new().spawn(asking).is_err() {
        waits.store(false, Ordering::Release);
        return None;
    }
    receiver.recv_timeout(time).ok()?
}

fn fullest_of(paths: &[PathBuf]) -> Option<DiskUse> {
    let used = paths.iter().filter_map(|path| Some((path, used_percent(&statvfs(path).ok()?)?)));
    // Of paths on one disk, and of disks that are as full, the first counts: `/`.
    let fullest = used.reduce(|best, next| if next.1 > best.1 { next } else { best })?;
    Some(DiskUse { used_percent: fullest.1, mount: mount_of(fullest.0).to_string_lossy().into_owned() })
}

/// Returns the share that is used of what ordinary users may use, as `df` counts, in tenths of a per cent.
fn used_percent(disk: &StatVfs) -> Option<f64> {
    let used = disk.f_blocks.checked_sub(disk.f_bfree)?;
    let all = used + disk.f_bavail;
    (all > 0).then(|| (used as f64 * 1000.0 / all as f64).ceil() / 10.0)
}

/// Returns the highest folder above a path that is on the same disk.
fn mount_of(path: &Path) -> PathBuf {
    use std::os::unix::fs::MetadataExt;
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let device = |path: &Path| path.metadata().ok().map(|meta| meta.dev());
    let own = device(&path);
    path.ancestors().take_while(|above| device(above) == own).last().unwrap_or(&path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hangs_is_waited_for_once() {
        static WAITS: AtomicBool = AtomicBool::new(false);
        let soon = Duration::from_millis(20);
        let (ends, hangs) = std::sync::mpsc::channel::<()>();
        assert_eq!(within(soon, &WAITS, move || hangs.recv().ok().and(None)), None);
        assert_eq!(within(soon, &WAITS, || panic!("a second thread would wait, too")), None);
        drop(ends);
        let full = || Some(DiskUse { used_percent: 1.0, mount: "/".into() });
        let is_asked = |_| {
            std::thread::sleep(soon);
            within(Duration::from_secs(60), &WAITS, full).is_some()
        };
        assert!((0..3000).any(is_asked), "once it has answered, it is asked again");
    }

    #[test]
    fn the_share_is_that_of_df() {
        let disk = fullest(Path::new("/")).unwrap();
        assert!((0.0..=100.0).contains(&disk.used_percent) && disk.mount.starts_with('/'), "{disk:?}");
        assert!(fullest_of(&["/no/such/path".into()]).is_none());
        assert_eq!(fullest_of(&["/proc".into()]), None, "what has no blocks cannot be full");
    }
}
