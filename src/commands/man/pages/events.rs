//! The pages of the verbs that handle the event log.

use super::{DONE, FAILED, PASS_DONE, Page, USAGE};

/// The pages.
pub const PAGES: &[Page] = &[PRUNE, EVENTS, INGEST];

const PRUNE: Page = Page {
    name: "hlctl-prune",
    text: &[
        "Lets old events, ended actions, their logs and older records go. Events that the world still shows, or that \
         hide an older one, are kept at their place and in their order, whatever their age: a full replay after it \
         gives the same world.",
        "With `--compress` the files of days that ended long enough ago are compressed; they are still read.",
        "It can be killed at any moment, and runs beside the other passes. `events/` or the folder of a day may lie on \
         another file system; one that is mounted read-only is left as it is, and the pass ends with 1.",
    ],
    examples: &[
        ("See what would go, and how many bytes:", &["hlctl prune --dry-run"]),
        ("Keep a month, compress after a week, once a day from cron:", &["hlctl prune --keep 30d --compress 7d"]),
    ],
    exits: &[PASS_DONE, FAILED, USAGE],
    environment: &[],
    files: &[("/opt/homelab/config.yaml", "`keep.events` and `keep.actions` are the defaults.")],
    see: &["hlctl", "hlctl-observe", "hlctl-files(5)"],
};

const EVENTS: Page = Page {
    name: "hlctl-events",
    text: &[
        "Shows the events below `events/`, also those in compressed files: in the order of the days on which they came \
         in, and of their times within a day. What cannot be read as an event is not shown here; `hlctl observe` and \
         `hlctl status` name it.",
        "With `--follow` what is added is shown as it comes, until nobody reads it. With `--json` each event is one \
         object on a line of its own, with the file and the line where it stands.",
        "`--since` passes over files that were last written a day or more before it.",
    ],
    examples: &[
        ("What happened on a node in the last two hours:", &["hlctl events --node piha --since 2h"]),
        ("Watch what the agents say:", &["hlctl events --follow"]),
        (
            "Count what failed yesterday, by service:",
            &["hlctl events --json --type service_unhealthy --since 1d | jq -r .service | sort | uniq -c"],
        ),
    ],
    exits: &[DONE, FAILED, USAGE],
    environment: &[],
    files: &[],
    see: &["hlctl", "hlctl-ingest", "hlctl-observe", "hlctl-files(5)"],
};

const INGEST: Page = Page {
    name: "hlctl-ingest",
    text: &[
        "Reads events from standard input, one JSON object a line, and appends them to the file of the source in the \
         folder of today. Each line is checked before; one that is no event is told on standard error with its number \
         and the cause, and the others go on.",
        "What was read is on disk within a second, in batches, each synced once. What is counted at the end, or with \
         `-v` after each batch, is on disk. A kill loses at most what came within the last half second, and never \
         leaves half a line before a whole one.",
        "On SIGINT or SIGTERM it writes what has come as whole lines, also those that still lie in the pipe, and ends as \
         at the end of the input; half a line is left out, and that is said. A second signal ends it at once.",
    ],
    examples: &[
        ("Take events from an MQTT broker:", &["mosquitto_sub -t 'homelab/#' | hlctl ingest --source mqtt"]),
        ("Take a file in, and keep what is wrong in it:", &["hlctl ingest --rejects bad.jsonl < events.jsonl"]),
    ],
    exits: &[DONE, (1, "It failed, or a line was no event: the others were written."), USAGE],
    environment: &[],
    files: &[("/opt/homelab/events/YYYY-MM-DD/NAME.jsonl", "Where the events of `--source NAME` go.")],
    see: &["hlctl", "hlctl-events", "hlctl-observe", "hlctl-files(5)"],
};
