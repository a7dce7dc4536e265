//! What git says of the checkout that holds the projects.

use std::path::Path;

/// Returns whether a checkout's branch has one to pull from.
pub fn has_upstream(repo: &Path) -> bool {
    let repo = repo.to_string_lossy();
    // Whose it is does not matter: nothing is run or changed in it.
    let words = ["git", "-c", "safe.directory=*", "-C", &repo, "rev-parse", "--verify", "--quiet", "@{upstream}"];
    super::said(&words).is_ok_and(|said| said.is_success)
}
