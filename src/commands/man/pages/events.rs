//! The pages of the verbs that handle the event log.

use super::{DONE, FAILED, PASS_DONE, Page, USAGE};

/// The pages.
pub const PAGES: &[Page] = &[AGENT, PRUNE, EVENTS, INGEST];

const AGENT: Page = Page {
    name: "hlctl-agent",
    text: &[
        "Looks at what `hosts/NODE/services.yaml` says of this node, and writes what changed as events. Services with \
         `monitor: false` are not looked at. NODE is this machine's name among the nodes (`--node`, `HLCTL_NODE`, else the \
         host name, also as an alias).",
        "Compose: the containers of the project, found by its folder, its `project:` or its usual name, or those that \
         `containers:` names, must run; beside one that runs, one that ended with 0 may rest, unless it is named or its restart policy is \
         `always` or `unless-stopped`. Without a `check:`, the engine's \
         health check counts too. Systemd: the unit must be active; one that runs once must have ended well. A container or \
         unit that its engine restarts twice within ten minutes is not running, until a person restarts it or it has stayed \
         up for two minutes, and twice as long as between its restarts. Swarm: each service of the stack must have its \
         replicas. A `check:` must pass for any of them, from this node; where it passes, a service that no engine here knows \
         counts as healthy. Runtimes `command` and `nomad` have nothing but their check.",
        "A service is unhealthy for `containers_not_running` where its containers, unit or replicas do not run (a restart is \
         what mends it), for `mqtt_unreachable` or else for `check_failed`, after `agent.unhealthy_after` passes in a row \
         that saw it fail; healthy at once. One of which there is nothing on this machine is written as \
         `service_removed`, so that it counts as missing. What is starting, or was restarted once within two minutes, is \
         neither; what has been starting for five minutes is written as `service_status` with the status `starting`.",
        "Everything is written again every `agent.refresh`, be it healthy or not, so that a control plane that is new or has \
         lost its world fills it. A heartbeat with the facts of the node comes as often, but at least every five minutes and \
         three times within `silent_after`: run a pass at least that often. The engine's version is asked for once an hour. \
         The disk's pressure is high where the fullest of the disks of the system, of Docker and of the root is used to \
         `disk.high` of `host.yaml`, else `agent.disk_high`, and normal again five points below.",
        "What cannot be asked, as while Docker does not answer, is unknown, not unhealthy: nothing is written of it, it is \
         said on standard error, and the pass ends with 1. A broken host file gets its heartbeat all the same. All looks are \
         made side by side, each with a time-out.",
        "`--discover` writes `services.yaml` and `host.yaml` for a machine that has none: its Compose projects with the git \
         checkout that holds most of them, Swarm stacks, enabled units of the operator's own, and published ports that answer \
         as checks. A project outside of the checkout gets its containers' names and a recipe, and so does \
         one in a checkout whose branch has no upstream to pull from. What is unsure stands there as \
         a comment: what does not run, containers without Compose, units that come with a package. A file that is there keeps \
         every byte; what is new follows it, or its last service where they stand between brackets, if that says what was \
         there and what is new and nothing else, and is refused where it would not. What stands there as a comment is not \
         added again. A `host.yaml` that is there is not touched. Read what it wrote before you commit it.",
        "With `--to` the events go to a control plane over HTTP. They are put into a spool first; each pass tries once to \
         send what waits there, oldest first, and what was not acknowledged stays. So nothing is lost while the control \
         plane cannot be reached. The spool holds 16 MiB; beyond, the oldest heartbeats go first, then what only repeats, \
         and changes of state last; what was lost is said. Events of a node for which the token does not speak, as after a \
         change of name, are set aside and hold up no others: give the token that name too, or remove their files. The \
         token is that of an agent (`hlctl token add NODE --agent` there), read from a file or from the systemd credential \
         `hlctl-token`. Which addresses and certificates are spoken to stands in hlctl-mirror(1).",
    ],
    examples: &[
        ("See what this node's services look like, without writing:", &["hlctl agent --dry-run"]),
        (
            "Describe this machine, look at that, and lint it:",
            &["hlctl agent --discover --dry-run", "hlctl agent --discover", "hlctl check"],
        ),
        ("Run it every ten seconds under another name than the host's:", &["hlctl agent --node piha --every 10s"]),
        (
            "Send what it sees to the control plane:",
            &["hlctl agent --to http://vps:18180 --token-file /etc/hlctl/agent.token"],
        ),
    ],
    exits: &[PASS_DONE, (1, "Something could not be asked, or not be written: the rest was done."), USAGE],
    environment: &[
        ("HLCTL_NODE", "See hlctl(1)."),
        ("DOCKER_HOST", "And what else Docker's own program reads."),
        ("CREDENTIALS_DIRECTORY", "Set by systemd: `hlctl-token` in it is used where `--token-file` is not given."),
    ],
    files: &[
        ("hosts/NODE/services.yaml, hosts/NODE/host.yaml", "What should run on this node."),
        ("events/YYYY-MM-DD/agent-NODE.jsonl", "What it writes."),
        ("state/spool/", "With `--to`: what the control plane has not acknowledged yet, and what a full spool lost."),
        ("state/agent_memory.json", "What it has written before. A hint: removing it only repeats events."),
    ],
    see: &["hlctl", "hlctl-observe", "hlctl-ingest", "hlctl-files(5)"],
};

const PRUNE: Page = Page {
    name: "hlctl-prune",
    text: &[
        "Lets old events, ended actions, their logs and older records go. Events that the world still shows, or that \
         hide an older one, are kept at their place and in their order, whatever their age: a full replay after it \
         gives the same world.",
        "With `--compress` the files of days that ended long enough ago are compressed, as `.jsonl.gz`; `.jsonl.zst` that others \
         wrote is read as well. `--keep` is for events; ended actions go by `keep.actions` in `config.yaml`. A file that \
         somebody writes to meanwhile is left for the next pass.",
        "It goes by this machine's clock: while that is ahead, what it takes for past may still be to come.",
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
        "`--since` passes over files that last changed a day or more before it.",
    ],
    examples: &[
        ("What happened on a node in the last two hours:", &["hlctl events --node piha --since 2h"]),
        ("Watch what the agents say:", &["hlctl events --follow"]),
        (
            "Send them elsewhere, from a week ago on, each time that the line is there again:",
            &["hlctl events --json --since 7d --follow | ssh vps hlctl ingest --source piha"],
        ),
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
        "A line may have 1 MiB and be nested 100 deep. With `--rejects` what is no event is kept in a file, but for longer lines, \
         which are only told; where that file cannot be written any more, the events go on and the pass ends with 1.",
        "What was read is on disk within a second, in batches, each synced once. What is counted at the end, or with \
         `-v` after each batch, is on disk. A kill loses at most what came within the last half second, and never \
         leaves half a line before a whole one.",
        "On SIGINT or SIGTERM it writes what has come as whole lines, also those that still lie in the pipe, and ends as \
         at the end of the input; half a line is left out, and that is said. A second signal ends it at once.",
    ],
    examples: &[
        (
            "Take events from an MQTT broker, which keeps for `-i` what comes meanwhile:",
            &["mosquitto_sub -c -i hlctl -q 1 -t 'homelab/#' | hlctl ingest --source mqtt"],
        ),
        ("Take a file in, and keep what is wrong in it:", &["hlctl ingest --rejects bad.jsonl < events.jsonl"]),
    ],
    exits: &[DONE, (1, "It failed, or a line was no event: the others were written."), USAGE],
    environment: &[],
    files: &[("/opt/homelab/events/YYYY-MM-DD/NAME.jsonl", "Where the events of `--source NAME` go.")],
    see: &["hlctl", "hlctl-events", "hlctl-observe", "hlctl-files(5)"],
};
