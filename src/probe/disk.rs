//! How full the disks are that matter here: the system's, Docker's, and the one that holds the root.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{StatVfs, statvfs};

use crate::flow::watch::DiskUse;

/// How long the file systems may take to answer: one over a dead network never does.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where Docker keeps its images unless it was told otherwise.
const DOCKER: &str = "/var/lib/docker";

/// Returns the fullest of the disks.
pub fn fullest(root: &Path) -> Option<DiskUse> {
    let paths = [PathBuf::from("/"), PathBuf::from(DOCKER), root.to_owned()];
    let (sender, receiver) = std::sync::mpsc::channel();
    // Left behind where it hangs: this process ends soon.
    std::thread::Builder::new().spawn(move || sender.send(fullest_of(&paths))).ok()?;
    receiver.recv_timeout(TIMEOUT).ok()?
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
    fn the_share_is_that_of_df() {
        let disk = fullest(Path::new("/")).unwrap();
        assert!((0.0..=100.0).contains(&disk.used_percent) && disk.mount.starts_with('/'), "{disk:?}");
        assert!(fullest_of(&["/no/such/path".into()]).is_none());
        assert_eq!(fullest_of(&["/proc".into()]), None, "what has no blocks cannot be full");
    }
}
