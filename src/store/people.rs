//! Who a user ID is. Reads the system's user database, never the environment.

/// Returns the name of a user ID, or `uid 1000` for one without a name.
pub fn user_name(uid: u32) -> String {
    let name = uzers::get_user_by_uid(uid).and_then(|user| user.name().to_str().map(str::to_owned));
    name.unwrap_or_else(|| format!("uid {uid}"))
}
