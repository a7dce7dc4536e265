//! Words of other people's that have to fit somewhere.

use std::borrow::Cow;

/// Returns a text, or so many characters of it and a sign that there was more.
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}
