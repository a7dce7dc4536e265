//! Appends whole lines to the day's file of a source: one locked, synced write a batch. Never validates them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::flow::name::check_name;
use crate::flow::time::Stamp;
use crate::store::atomic::{WriteError, sync_dir};
use crate::store::root::Root;

/// Appends JSON lines to `events/<day of now>/<source>.jsonl`. When it returns, they are on disk.
pub fn append(root: &Root, now: Stamp, source: &str, lines: &[String]) -> Result<(), WriteError> {
    let dir = root.events().join(now.day());
    check_name(source)
        .map_err(|e| WriteError::at(&dir.join(source), "append to", io::Error::new(io::ErrorKind::InvalidInput, e)))?;
    if lines.is_empty() {
        return Ok(());
    }
    let mut batch = String::with_capacity(lines.iter().map(|l| l.len() + 1).sum());
    for line in lines {
        // Between the tokens of JSON a newline is a space; inside of a line it would end it.
        line.split('\n').enumerate().for_each(|(i, part)| {
            batch.push_str(if i > 0 { " " } else { "" });
            batch.push_str(part);
        });
        batch.push('\n');
    }
    root.make_dir(&dir)?;
    if dir.is_symlink() {
        let link = io::Error::new(
            io::ErrorKind::NotADirectory,
            "the day's folder is a symbolic link, which observe does not follow",
        );
        return Err(WriteError::at(&dir, "append to", link));
    }
    let (path, mut file, is_new) = locked(root, &dir, source)?;
    add_lines(&path, &mut file, batch.as_bytes())?;
    if is_new { sync_dir(&dir) } else { Ok(()) }
}

/// Appends whole lines to a file that nobody else writes now, and syncs it; half a line at its end is cut off.
pub fn add_lines(path: &Path, file: &mut File, lines: &[u8]) -> Result<(), WriteError> {
    let fail = |doing| move |e: io::Error| WriteError::at(path, doing, e);
    let whole = whole_lines(file).map_err(fail("read the end of"))?;
    if whole < file.metadata().map_err(fail("look at"))?.len() {
        file.set_len(whole).map_err(fail("cut the half-written line off"))?;
    }
    if let Err(e) = file.write_all(lines) {
        // A full disk must not leave half a batch that is then sent again; the first error is the one to tell.
        let _ = file.set_len(whole);
        return Err(fail("append to")(e));
    }
    file.sync_data().map_err(fail("sync"))
}

/// Opens and locks the file of a source that stands in the folder once the lock is had.
fn locked(root: &Root, dir: &Path, source: &str) -> Result<(PathBuf, File, bool), WriteError> {
    let mut name = format!("{source}.jsonl");
    for turn in 2.. {
        let path = dir.join(&name);
        // Beside a compressed file of its name it would count in that one's place.
        if [".gz", ".zst"].iter().any(|packed| dir.join(format!("{name}{packed}")).exists()) && !path.exists() {
            name = format!("{source}.{turn}.jsonl");
            continue;
        }
        let is_new = !path.exists();
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o644)
            .custom_flags((rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits() as i32)
            .open(&path)
            .map_err(|e| WriteError::at(&path, "open", e))?;
        file.lock().map_err(|e| WriteError::at(&path, "lock", e))?;
        if stands_at(&file, &path) {
            if is_new {
                root.give(&path)?;
            }
            return Ok((path, file, is_new));
        }
    }
    unreachable!("the turns do not end")
}

/// Returns whether an open file is the one that stands at a path.
pub fn stands_at(file: &File, path: &Path) -> bool {
    let (ours, there) = (file.metadata(), std::fs::symlink_metadata(path));
    matches!((ours, there), (Ok(ours), Ok(there)) if (ours.dev(), ours.ino()) == (there.dev(), there.ino()))
}

/// Returns how long the file is up to its last newline: a killed writer may have left half a line behind it.
fn whole_lines(file: &File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut buffer = [0; 4096];
    while end > 0 {
        let part = &mut buffer[..end.min(4096) as usize];
        let start = end - part.len() as u64;
        file.read_exact_at(part, start)?;
        if let Some(newline) = memchr::memrchr(b'\n', part) {
            return Ok(start + newline as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Stamp = Stamp::from_millis(1_795_418_000_000);

    fn root() -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        (dir, root)
    }

    #[test]
    fn batches_follow_one_another_in_the_file_of_the_day() {
        let (dir, root) = root();
        append(&root, NOW, "piha", &["{\"a\":1}".into(), "{\n}".into()]).unwrap();
        append(&root, NOW, "piha", &[]).unwrap();
        append(&root, NOW, "piha", &["{}".into()]).unwrap();
        let text = std::fs::read_to_string(dir.path().join("events/2026-11-23/piha.jsonl")).unwrap();
        assert_eq!(text, "{\"a\":1}\n{ }\n{}\n");
    }

    #[test]
    fn half_a_line_is_cut_off_and_whole_ones_stay() {
        for (left, want) in
            [("{}\n{\"half", "{}\n{\"b\":2}\n"), ("half", "{\"b\":2}\n"), (&"x".repeat(9000), "{\"b\":2}\n")]
        {
            let (dir, root) = root();
            let path = dir.path().join("events/2026-11-23/piha.jsonl");
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, left).unwrap();
            append(&root, NOW, "piha", &["{\"b\":2}".into()]).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), want);
        }
    }

    #[test]
    fn a_compressed_file_is_not_hidden_by_a_new_one() {
        let (dir, root) = root();
        let day = dir.path().join("events/2026-11-23");
        std::fs::create_dir_all(&day).unwrap();
        for taken in ["piha.jsonl.gz", "piha.2.jsonl.zst"] {
            std::fs::write(day.join(taken), "").unwrap();
        }
        append(&root, NOW, "piha", &["{}".into()]).unwrap();
        append(&root, NOW, "piha", &["{}".into()]).unwrap();
        assert_eq!(std::fs::read_to_string(day.join("piha.3.jsonl")).unwrap(), "{}\n{}\n");
    }

    #[test]
    fn no_source_leads_out_of_the_folder() {
        let (dir, root) = root();
        for source in ["../x", "", ".x", "a/b"] {
            assert!(append(&root, NOW, source, &["{}".into()]).is_err(), "{source}");
        }
        std::fs::create_dir_all(dir.path().join("events/2026-11-23")).unwrap();
        std::os::unix::fs::symlink("/dev/null", dir.path().join("events/2026-11-23/l.jsonl")).unwrap();
        assert!(append(&root, NOW, "l", &["{}".into()]).is_err(), "a link is not followed");
    }
}
