//! Reads captured output, finished or still growing. Returns bytes as they are: whoever shows them makes them harmless.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::tail::{marker, parse_marker};
use super::{CONFIG, HEAD, head_path, tail_path};
use crate::flow::sort;

/// Returns the executions whose output a folder holds, oldest first; none where there is no folder.
pub fn executions(dir: &Path) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let names = entries.flatten().filter_map(|e| e.file_name().into_string().ok());
    let heads = names.filter(|n| !n.starts_with('.') && !n.ends_with(".tail.log"));
    let mut found: Vec<String> = heads.filter_map(|n| n.strip_suffix(".log").map(str::to_owned)).collect();
    sort::by(&mut found, Ord::cmp);
    Ok(found)
}

/// Returns the rendered Compose config that was deployed last, and the execution that deployed it.
pub fn last_config(dir: &Path) -> Option<(String, String)> {
    let names = std::fs::read_dir(dir).ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let newest = names.filter_map(|name| name.strip_suffix(CONFIG).map(str::to_owned)).max()?;
    let text = std::fs::read_to_string(dir.join(format!("{newest}{CONFIG}"))).ok()?;
    Some((newest, text))
}

/// Returns an execution's output, with a line where something was left out.
pub fn read(dir: &Path, started: &str) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    Follower::new(dir, started).poll(&mut all)?;
    Ok(all)
}

/// Follows an execution's output as it grows.
#[derive(Debug)]
pub struct Follower {
    dir: PathBuf,
    started: String,
    /// How much of the whole output was passed on or is known to be lost.
    at: u64,
    /// Whether what was passed on ends in the middle of a line.
    in_line: bool,
}

impl Follower {
    /// Begins at the start of an execution's output.
    pub fn new(dir: &Path, started: &str) -> Follower {
        Follower { dir: dir.to_owned(), started: started.to_owned(), at: 0, in_line: false }
    }

    /// Begins so many bytes before the end of an execution's output, or at its start. Returns also how many bytes there
    /// are from there on.
    pub fn last(dir: &Path, started: &str, most: u64) -> io::Result<(Follower, u64)> {
        let size = |file: &Option<File>| file.as_ref().map_or(Ok(0), |f| Ok::<_, io::Error>(f.metadata()?.len()));
        let head = size(&open(&head_path(dir, started))?)?.min(HEAD);
        let mut tail = open(&tail_path(dir, started))?.filter(|_| head == HEAD);
        let (left_out, header) = tail.as_mut().map_or(Ok((0, 0)), left_out)?;
        let tail = size(&tail)?.saturating_sub(header);
        let there = most.min(head + tail);
        let before = if there > tail { head } else { head + left_out };
        Ok((Follower { at: before + tail - there, ..Follower::new(dir, started) }, there))
    }

    /// Returns whether all of the output is still to come.
    pub fn is_at_start(&self) -> bool {
        self.at == 0
    }

    /// Passes on what came since the last time; returns whether that was anything. Output that is not there (yet) is
    /// none.
    pub fn poll(&mut self, out: &mut impl Write) -> io::Result<bool> {
        Ok(self.step(u64::MAX, out)? > 0)
    }

    /// Passes on what came since the last time, but no more of the output than this; returns how much that was.
    pub fn step(&mut self, most: u64, out: &mut impl Write) -> io::Result<u64> {
        let mut passed = 0;
        if self.at < HEAD
            && let Some(head) = open(&head_path(&self.dir, &self.started))?
        {
            passed = self.pass_on(head, self.at, most.min(HEAD - self.at), out)?;
        }
        if self.at >= HEAD
            && passed < most
            && let Some(tail) = open(&tail_path(&self.dir, &self.started))?
        {
            passed += self.poll_tail(tail, most - passed, out)?;
        }
        Ok(passed)
    }

    fn poll_tail(&mut self, mut tail: File, most: u64, out: &mut impl Write) -> io::Result<u64> {
        let (left_out, header) = left_out(&mut tail)?;
        let begin = HEAD + left_out;
        if self.at < begin {
            if std::mem::take(&mut self.in_line) {
                out.write_all(b"\n")?;
            }
            out.write_all(marker(begin - self.at).as_bytes())?;
            self.at = begin;
        }
        self.pass_on(tail, header + (self.at - begin), most, out)
    }

    fn pass_on(&mut self, mut file: File, from: u64, most: u64, out: &mut impl Write) -> io::Result<u64> {
        file.seek(SeekFrom::Start(from))?;
        let mut file = file.take(most);
        let mut buffer = vec![0; most.min(64 * 1024) as usize];
        let before = self.at;
        loop {
            let n = file.read(&mut buffer)?;
            let Some(last) = buffer[..n].last() else { return Ok(self.at - before) };
            self.in_line = *last != b'\n';
            out.write_all(&buffer[..n])?;
            self.at += n as u64;
        }
    }
}

/// Returns how much a tail says was left out before it, and how long that line is.
fn left_out(tail: &mut File) -> io::Result<(u64, u64)> {
    let mut start = [0; 64];
    let n = tail.read(&mut start)?;
    Ok(parse_marker(&start[..n]).unwrap_or((0, 0)))
}

/// Returns what tells an execution's output as it is now from what it was or will be.
pub fn version(dir: &Path, started: &str) -> io::Result<String> {
    let mut version = started.to_owned();
    for file in [open(&head_path(dir, started))?, open(&tail_path(dir, started))?] {
        let meta = file.map(|f| f.metadata()).transpose()?;
        version += &format!(" {:?}", meta.map(|m| (m.len(), m.mtime(), m.mtime_nsec())));
    }
    Ok(version)
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        file => file.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Log;
    use super::super::tail::MOST;
    use super::*;

    /// Returns numbered lines of 64 bytes, so that what is missing shows.
    fn lines(range: std::ops::Range<usize>) -> Vec<u8> {
        range.flat_map(|i| format!("{i:063}\n").into_bytes()).collect()
    }

    #[test]
    fn a_short_output_is_read_whole_and_has_no_tail() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Log::create(dir.path(), "t", &[], None).unwrap();
        log.output(&lines(0..100));
        assert_eq!(read(dir.path(), "t").unwrap(), lines(0..100));
        assert!(!tail_path(dir.path(), "t").exists());
        assert_eq!(executions(dir.path()).unwrap(), ["t"]);
        assert!(executions(&dir.path().join("none")).unwrap().is_empty());
        assert!(read(dir.path(), "none").unwrap().is_empty());
    }

    #[test]
    fn an_output_that_fits_into_both_files_has_nothing_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Log::create(dir.path(), "t", &[], None).unwrap();
        let all = lines(0..((HEAD + MOST) / 64) as usize);
        log.output(&all);
        assert_eq!(read(dir.path(), "t").unwrap(), all);
    }

    #[test]
    fn a_long_output_keeps_its_first_2_mib_and_its_last_1_to_2() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Log::create(dir.path(), "t", &[], None).unwrap();
        let count = 200_000;
        for start in (0..count).step_by(1000) {
            log.output(&lines(start..start + 1000));
            let size = tail_path(dir.path(), "t").metadata().map_or(0, |m| m.len());
            assert!(size <= MOST, "{size}");
        }
        assert_eq!(head_path(dir.path(), "t").metadata().unwrap().len(), HEAD);
        assert!(tail_path(dir.path(), "t").metadata().unwrap().len() >= 1 << 20);
        let all = read(dir.path(), "t").unwrap();
        let head = HEAD as usize;
        assert_eq!(all[..head], lines(0..head / 64));
        let (left_out, header) = parse_marker(&all[head..head + 64]).unwrap();
        let rest = &all[head + header as usize..];
        assert_eq!(head as u64 + left_out + rest.len() as u64, count as u64 * 64);
        assert_eq!(rest, lines((HEAD + left_out) as usize / 64..count));
        let files = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(files, 2, "no temporary file is left");
    }

    #[test]
    fn a_follower_gets_every_byte_once_or_is_told_how_many_it_missed() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Log::create(dir.path(), "t", &[], None).unwrap();
        let mut follower = Follower::new(dir.path(), "t");
        let mut seen = Vec::new();
        assert!(!follower.poll(&mut seen).unwrap());
        for start in (0..100_000).step_by(1000) {
            log.output(&lines(start..start + 1000));
            assert!(follower.poll(&mut seen).unwrap());
        }
        assert!(!follower.poll(&mut seen).unwrap());
        assert_eq!(seen, lines(0..100_000), "one that keeps up misses nothing");
        log.output(&lines(100_000..200_000));
        seen.clear();
        follower.poll(&mut seen).unwrap();
        let (missed, header) = parse_marker(&seen[..64]).unwrap();
        assert_eq!(missed as usize + seen.len() - header as usize, 100_000 * 64);
        assert!(seen.ends_with(&lines(199_999..200_000)));
    }

    #[test]
    fn a_follower_of_the_last_bytes_steps_through_just_these() {
        for count in [100, 40_000, 200_000] {
            let dir = tempfile::tempdir().unwrap();
            let mut log = Log::create(dir.path(), "t", &[], None).unwrap();
            log.output(&lines(0..count));
            let all = read(dir.path(), "t").unwrap();
            for most in [1, 64, 5000, HEAD - 1, HEAD, HEAD + 1, HEAD + (1 << 19), u64::MAX] {
                let (mut follower, mut left) = Follower::last(dir.path(), "t", most).unwrap();
                let mut seen = Vec::new();
                while left > 0 {
                    let mut step = Vec::new();
                    let passed = follower.step(left.min(8192), &mut step).unwrap();
                    assert!(passed > 0 && step.len() <= 8192 + 64, "{passed}");
                    left -= passed;
                    seen.extend(step);
                }
                let wanted = most.min(all.len() as u64) as usize;
                assert!(all.ends_with(&seen), "{count}, {most}");
                // The line about what was left out comes on top.
                assert!(
                    (wanted.saturating_sub(64)..=wanted + 64).contains(&seen.len()),
                    "{count}, {most}: {}",
                    seen.len()
                );
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let (mut none, left) = Follower::last(dir.path(), "none", 5).unwrap();
        assert_eq!((left, none.step(5, &mut Vec::new()).unwrap()), (0, 0));
    }

    #[test]
    fn the_line_about_what_is_missing_stands_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Log::create(dir.path(), "t", &[], None).unwrap();
        log.output(&vec![b'x'; (HEAD + 2 * MOST) as usize]);
        let all = String::from_utf8(read(dir.path(), "t").unwrap()).unwrap();
        assert_eq!(all.lines().count(), 3);
    }
}
