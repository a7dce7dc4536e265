//! Who a user ID is. Reads the system's user database, never the environment.

use std::path::PathBuf;

use uzers::os::unix::UserExt;

/// Returns the home of a user ID, if the database knows it.
pub fn home(uid: u32) -> Option<PathBuf> {
    uzers::get_user_by_uid(uid).map(|user| user.home_dir().to_owned())
}

/// Returns the name of a user ID, or `uid 1000` for one without a name.
pub fn user_name(uid: u32) -> String {
    let name = uzers::get_user_by_uid(uid).and_then(|user| user.name().to_str().map(str::to_owned));
    name.unwrap_or_else(|| format!("uid {uid}"))
}
