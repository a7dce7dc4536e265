//! Masks secrets in a stream, whatever pieces it comes in. Holds back only bytes that may still become a secret.

use memchr::memmem::Finder;

use crate::flow::mask::{MASK, MIN_SECRET};
use crate::flow::sort;

/// Masks every occurrence of every secret, overlapping ones included.
#[derive(Debug)]
pub struct Masker {
    finders: Vec<Finder<'static>>,
    /// The bytes that may be the beginning of a secret.
    held: Vec<u8>,
    /// How many of them belong to a secret that began earlier.
    covered: usize,
}

impl Masker {
    /// Makes a masker for these values; those too short to be secrets are left out.
    pub fn new(secrets: &[String]) -> Masker {
        let long = secrets.iter().filter(|s| s.chars().count() >= MIN_SECRET);
        Masker { finders: long.map(|s| Finder::new(s).into_owned()).collect(), held: Vec::new(), covered: 0 }
    }

    /// Masks what comes next and hands on what is certain.
    pub fn feed(&mut self, bytes: &[u8], out: &mut dyn FnMut(&[u8])) {
        if self.finders.is_empty() {
            return out(bytes);
        }
        self.held.extend_from_slice(bytes);
        let certain = self.held.len() - self.open_tail();
        self.release(certain, out);
    }

    /// Hands on what was held back: nothing follows that could complete a secret.
    pub fn finish(&mut self, out: &mut dyn FnMut(&[u8])) {
        self.release(self.held.len(), out);
    }

    /// Returns the length of the longest end that a secret may begin with.
    fn open_tail(&self) -> usize {
        let open = self.finders.iter().map(|f| {
            let (needle, most) = (f.needle(), (f.needle().len() - 1).min(self.held.len()));
            (1..=most).rev().find(|n| self.held.ends_with(&needle[..*n])).unwrap_or(0)
        });
        open.max().unwrap_or(0)
    }

    /// Hands on the first `certain` bytes, secrets masked.
    fn release(&mut self, certain: usize, out: &mut dyn FnMut(&[u8])) {
        if certain == 0 {
            return;
        }
        let mut at = 0;
        // The mask of a secret that began earlier stands already.
        let mut is_masked = self.covered > 0;
        let secret = self.secret_ranges();
        self.covered = 0;
        for (start, end) in secret.into_iter().filter(|(start, _)| *start < certain) {
            if !std::mem::take(&mut is_masked) {
                out(&self.held[at..start]);
                out(MASK.as_bytes());
            }
            self.covered = end.saturating_sub(certain);
            at = end.min(certain);
        }
        out(&self.held[at..certain]);
        self.held.drain(..certain);
    }

    /// Returns the parts of `held` that are secret, in order, overlapping ones joined.
    fn secret_ranges(&self) -> Vec<(usize, usize)> {
        let mut found: Vec<(usize, usize)> = (self.covered > 0).then_some((0, self.covered)).into_iter().collect();
        for finder in &self.finders {
            let mut from = 0;
            while let Some(at) = finder.find(&self.held[from..]) {
                found.push((from + at, from + at + finder.needle().len()));
                from += at + 1;
            }
        }
        sort::by(&mut found, Ord::cmp);
        found.dedup_by(|next, last| {
            let overlap = next.0 < last.1;
            if overlap {
                last.1 = last.1.max(next.1);
            }
            overlap
        });
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds a text in pieces and returns what came out.
    fn masked(secrets: &[&str], pieces: &[&[u8]]) -> String {
        let secrets: Vec<String> = secrets.iter().map(|s| (*s).to_owned()).collect();
        let (mut masker, mut text) = (Masker::new(&secrets), Vec::new());
        for piece in pieces {
            masker.feed(piece, &mut |bytes| text.extend_from_slice(bytes));
        }
        masker.finish(&mut |bytes| text.extend_from_slice(bytes));
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_secret_is_masked_however_it_is_split() {
        let text = b"a hunter22 b";
        for cut in 0..text.len() {
            let (one, two) = text.split_at(cut);
            assert_eq!(masked(&["hunter22"], &[one, two]), "a *** b", "{cut}");
        }
        let single: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(masked(&["hunter22"], &single), "a *** b");
    }

    #[test]
    fn one_secret_within_over_or_beside_another_shows_nothing_of_either() {
        for (text, expected) in [
            ("xabcdefghx", "x***x"),
            ("xabcdefx", "x***x"),
            ("xabcdefghijklmnx", "x***x"),
            ("abcdefabcdef", "******"),
            ("aaaaaaaa", "***"),
            ("abcde", "abcde"),
        ] {
            let single: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            for pieces in [&[text.as_bytes()][..], &single] {
                assert_eq!(masked(&["abcdef", "abcdefgh", "efghijklmn", "aaaaaa"], pieces), expected, "{text}");
            }
        }
    }

    #[test]
    fn only_what_may_become_a_secret_is_held_back() {
        let mut masker = Masker::new(&["secret".to_owned(), "short".to_owned()]);
        let mut text = Vec::new();
        masker.feed(b"ready? sec", &mut |bytes| text.extend_from_slice(bytes));
        assert_eq!(text, b"ready? ");
        masker.feed(b"ond, short", &mut |bytes| text.extend_from_slice(bytes));
        assert_eq!(text, b"ready? second, short");
    }

    proptest! {
        #[test]
        fn pieces_never_change_the_result(text in "[ab]{0,40}", secrets in prop::collection::vec("[ab]{6,9}", 0..4), cuts in prop::collection::vec(0usize..40, 0..6)) {
            let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
            let whole = masked(&secrets, &[text.as_bytes()]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(text.len())).chain([0, text.len()]).collect();
            sort::by(&mut cuts, Ord::cmp);
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|w| &text.as_bytes()[w[0]..w[1]]).collect();
            prop_assert_eq!(&masked(&secrets, &pieces), &whole);
            // Whatever is left outside of masks was in no secret: a run of plain text holds none of them.
            for secret in secrets {
                prop_assert!(!whole.contains(secret));
            }
        }
    }
}
