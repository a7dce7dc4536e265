//! How two texts differ, for people.

use diffy::DiffOptions;

/// Lines of context around a change.
const CONTEXT: usize = 2;

/// Returns a unified diff of two texts under what they are called; empty where they are the same.
pub fn unified(before: (&str, &'static str), after: (&str, &'static str)) -> String {
    if before.0 == after.0 {
        return String::new();
    }
    let mut options = DiffOptions::new();
    options.set_context_len(CONTEXT).set_original_filename(before.1).set_modified_filename(after.1);
    options.create_patch(before.0, after.0).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_stands_between_what_did_not() {
        let diff = unified(("a\nb\nc\nd\n", "approved"), ("a\nb\nC\nd\n", "now"));
        assert_eq!(diff, "--- approved\n+++ now\n@@ -1,4 +1,4 @@\n a\n b\n-c\n+C\n d\n");
        assert_eq!(unified(("a\n", "approved"), ("a\n", "now")), "");
    }
}
