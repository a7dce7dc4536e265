//! An output's last lines in pieces, so that what is large is nowhere in memory as a whole.

use std::io;

use crate::flow::action::ActionId;
use crate::runner::log::read::{self, Follower};
use crate::store::root::Root;
use crate::view::clean_lines;

/// How much of an output is read at a time, where it is passed on in pieces.
const PIECE: u64 = 8 * 1024;

/// The last whole lines of the output of an action's last execution, harmless to show, in pieces.
#[derive(Debug, Default)]
pub struct Pieces {
    /// What tells this output from an older or newer one.
    pub version: String,
    follower: Option<Follower>,
    left: u64,
    /// What was read and not passed on yet: the beginning of a character or of a line's end.
    rest: Vec<u8>,
    in_line: bool,
}

impl Pieces {
    /// Begins so many bytes before the end; there is nothing where it never ran.
    pub fn of(root: &Root, id: &ActionId, max: usize) -> io::Result<Pieces> {
        let dir = root.logs(id);
        let Some(started) = read::executions(&dir)?.pop() else { return Ok(Pieces::default()) };
        let version = read::version(&dir, &started)?;
        let (follower, left) = Follower::last(&dir, &started, max as u64)?;
        let in_line = !follower.is_at_start();
        Ok(Pieces { version, follower: Some(follower), left, rest: Vec::new(), in_line })
    }

    fn read(&mut self) -> io::Result<Option<String>> {
        while let Some(follower) = &mut self.follower {
            let passed = follower.step(self.left.min(PIECE), &mut self.rest)?;
            // It may have become shorter, and what was added later is not waited for.
            self.left = if passed == 0 { 0 } else { self.left - passed };
            if std::mem::take(&mut self.in_line)
                && let Some(at) = self.rest.iter().position(|b| *b == b'\n')
            {
                self.rest.drain(..=at);
            }
            let whole = if self.left == 0 { self.rest.len() } else { complete(&self.rest) };
            if self.left == 0 {
                self.follower = None;
            }
            if whole > 0 {
                let rest = self.rest.split_off(whole);
                let piece = std::mem::replace(&mut self.rest, rest);
                return Ok(Some(clean_lines(&String::from_utf8_lossy(&piece))));
            }
        }
        Ok(None)
    }
}

impl Iterator for Pieces {
    type Item = io::Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// Returns how much of these bytes means the same whatever follows: all but the beginning of a character, or of the end
/// of a line.
fn complete(bytes: &[u8]) -> usize {
    let invalid = bytes.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
    let begun = match std::str::from_utf8(invalid) {
        Err(e) if e.error_len().is_none() => invalid.len(),
        _ => usize::from(bytes.ends_with(b"\r")),
    };
    bytes.len() - begun
}

#[cfg(test)]
mod tests {
    use super::super::end;
    use super::*;

    #[test]
    fn the_pieces_of_an_output_are_the_same_as_the_whole_wherever_they_are_cut() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        let id: ActionId = "redeploy-piha-web".parse().unwrap();
        std::fs::create_dir_all(root.logs(&id)).unwrap();
        let odd = [b"\r\n".as_slice(), "ä€😀".as_bytes(), b"\xff\xe2\x82\r", b"\x1b[2J\t\xf0\x9f"].concat();
        for before in (8 * 1024 - 20)..(8 * 1024) {
            let all = ["x".repeat(before).as_bytes(), &odd, &b"y".repeat(9000), b"\nlast \xe2\x82"].concat();
            std::fs::write(root.logs(&id).join("t.log"), &all).unwrap();
            let pieces: Vec<String> = Pieces::of(&root, &id, usize::MAX).unwrap().collect::<io::Result<_>>().unwrap();
            assert!(pieces.len() > 2 && pieces.iter().all(|p| p.len() < 9000), "{}", pieces.len());
            assert_eq!(pieces.concat(), clean_lines(&String::from_utf8_lossy(&all)), "{before}");
            assert_eq!(end(&root, &id, 100).unwrap(), "last \u{fffd}");
            assert_eq!(end(&root, &id, 5).unwrap(), "st \u{fffd}", "no line ends there");
        }
        assert_eq!(end(&root, &"redeploy-piha-none".parse().unwrap(), 5).unwrap(), "");
    }
}
