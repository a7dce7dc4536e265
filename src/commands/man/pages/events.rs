//! The pages of the verbs that handle the event log.

use super::{FAILED, PASS_DONE, Page, USAGE};

/// The pages.
pub const PAGES: &[Page] = &[Page {
    name: "hlctl-prune",
    text: &[
        "Lets old events, ended actions, their logs and older records go. Events that the world still shows, or that \
         hide an older one, are kept at their place and in their order, whatever their age: a full replay after it \
         gives the same world.",
        "With `--compress` the files of days that ended long enough ago are compressed; they are still read.",
        "It can be killed at any moment, and runs beside the other passes.",
    ],
    examples: &[
        ("See what would go, and how many bytes:", &["hlctl prune --dry-run"]),
        ("Keep a month, compress after a week, once a day from cron:", &["hlctl prune --keep 30d --compress 7d"]),
    ],
    exits: &[PASS_DONE, FAILED, USAGE],
    environment: &[],
    files: &[("/opt/homelab/config.yaml", "`keep.events` and `keep.actions` are the defaults.")],
    see: &["hlctl", "hlctl-observe", "hlctl-files(5)"],
}];
