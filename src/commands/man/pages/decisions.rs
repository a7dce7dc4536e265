//! The pages of what a person decides, and looks at before.

use super::{DONE, FAILED, Page, USAGE};

/// The pages.
pub const PAGES: &[Page] = &[
    Page {
        name: "hlctl-approve",
        text: &[
            "Approves pending actions. The plan as it is now is written into the file and its digest pinned; `execute` runs \
             exactly that plan or nothing. On a terminal the plan shown is the one pinned.",
            "Without an ID, on a terminal, it goes through the queue and asks about each action, showing its plan. `--all`, \
             `--risk` and `--node` choose without asking. When somebody else was faster, it says who and in which state the \
             action is now.",
            "Moving the file by hand from `actions/pending/` to `actions/approved/` is an approval too; it pins the plan that \
             stands in the file.",
        ],
        examples: &[
            ("Go through the queue:", &["hlctl approve"]),
            (
                "Approve one action, only if its plan is still the one that was read:",
                &["hlctl show redeploy-piha-mosquitto", "hlctl approve redeploy-piha-mosquitto --digest sha256:..."],
            ),
            ("Approve every restart on one node:", &["hlctl approve --risk low --node piha"]),
        ],
        exits: &[
            (0, "All that was asked for is approved."),
            (
                1,
                "At least one action was not approved: unknown, decided by somebody else, without a plan, or its plan changed.",
            ),
            USAGE,
        ],
        environment: &[("SSH_CONNECTION", "The address in it is recorded as the peer.")],
        files: &[],
        see: &["hlctl-reject", "hlctl-show", "hlctl-execute", "hlctl-audit"],
    },
    Page {
        name: "hlctl-reject",
        text: &[
            "Rejects pending actions. A reason is asked for, because the next person will read it. The same action is not \
             queued again until its drift has gone once, or for `reject_hold` (24 hours).",
        ],
        examples: &[
            (
                "Reject one action:",
                &["hlctl reject redeploy-piha-mosquitto --reason \"the broker is being moved, see the notes\""],
            ),
            (
                "Reject all that is pending for a node:",
                &["hlctl reject --node chelsty-infra --reason \"no power until Monday\""],
            ),
        ],
        exits: &[
            (0, "All that was asked for is rejected."),
            (1, "At least one action was not rejected: unknown, or decided by somebody else."),
            (2, "The command line was wrong; `--reason` is missing, for instance."),
        ],
        environment: &[],
        files: &[],
        see: &["hlctl-approve", "hlctl-silence", "hlctl-audit"],
    },
    Page {
        name: "hlctl-request",
        text: &[
            "Queues an action that a person wants although there is no drift: to deploy a new commit, say. It waits in \
             `pending/` like any other. Holds after completed and rejected actions do not apply to it; that a service has \
             at most one open action does.",
        ],
        examples: &[
            (
                "Deploy what was pushed:",
                &[
                    "hlctl request redeploy piha zigbee2mqtt --note \"2.1.0\"",
                    "hlctl approve redeploy-piha-zigbee2mqtt",
                ],
            ),
            ("Make room on a disk:", &["hlctl request disk_cleanup vps"]),
        ],
        exits: &[DONE, (1, "Not queued: the node or service is unknown, or the service has an open action."), USAGE],
        environment: &[],
        files: &[],
        see: &["hlctl-plan", "hlctl-approve"],
    },
    Page {
        name: "hlctl-silence",
        text: &[
            "Holds new actions and notifications of a node or a service for a while. It ends by itself, or with `--end`. \
             What is already queued stays. Without a target, the silences are listed.",
        ],
        examples: &[
            ("Before working on a machine:", &["hlctl silence piha --for 2h --why \"new SD card\""]),
            (
                "Only one service, and done sooner than thought:",
                &["hlctl silence piha/zigbee2mqtt --for 1d --why pairing", "hlctl silence piha/zigbee2mqtt --end"],
            ),
        ],
        exits: &[DONE, FAILED, USAGE],
        environment: &[],
        files: &[],
        see: &["hlctl-reject", "hlctl-reconcile", "hlctl-status"],
    },
    Page {
        name: "hlctl-show",
        text: &[
            "Shows one action: why it is there, the exact commands of its plan with their digest, its history and its result.",
        ],
        examples: &[("Read before deciding:", &["hlctl show redeploy-piha-mosquitto"])],
        exits: &[DONE, (1, "There is no such action; the nearest ID is named."), USAGE],
        environment: &[],
        files: &[],
        see: &["hlctl-actions", "hlctl-approve", "hlctl-logs", "hlctl-plan"],
    },
    Page {
        name: "hlctl-plan",
        text: &[
            "Prints the exact commands that would run, made from `hosts/` as it is now, with where they run, their time-outs \
             and their digest. Without an ID, those of all pending and approved actions.",
            "Words in angle brackets, `<commit-before>`, `<image-before>`, stand for what only the node knows; they are filled \
             in when the action runs and recorded in its result. Steps that restore what ran before (`on_failure: rollback`) \
             run only if the others bring no health.",
            "`--fetch` lets the node run `git fetch` and shows the commits that a pending redeploy brings, with the diff of the \
             project's files. They are noted in the action: whoever approves it, by whichever way, pins the newest of these \
             commits by its full name, and that commit is deployed even if the remote has moved on. A repository that is \
             beyond it by then is not deployed.",
            "Of a Compose project on this machine, the digest also covers the files that its config is rendered from: the \
             Compose file or those of `COMPOSE_FILE`, what they include and extend, the overrides, `.env` and the files of \
             variables; and the variables that these take from the environment of `hlctl`, shown as `$NAME`. The plan holds \
             their sums, the lines of Compose files, and of variables only the names. One that changes between the approval \
             and the pass that executes it is refused; what a redeploy itself pulls is not such a change. Values that both \
             have to see belong into `.env`.",
            "Where a redeploy was executed before, `plan` and `show` have this machine render the config (other nodes with \
             `--fetch` only) and print how it differs from the one that was deployed last, without the values of secrets; \
             and of its images, whether those that the engine has now are those that run. What a pull or a build would \
             bring is not known before, and none of this is part of the digest.",
        ],
        examples: &[
            ("What would happen on one node:", &["hlctl plan --node piha"]),
            (
                "See the commits before they are deployed, and approve exactly them:",
                &["hlctl plan redeploy-piha-mosquitto --fetch", "hlctl approve redeploy-piha-mosquitto"],
            ),
            (
                "Compare the plan now with the one approved:",
                &["hlctl plan redeploy-piha-mosquitto", "hlctl show redeploy-piha-mosquitto"],
            ),
        ],
        exits: &[DONE, (1, "There is no such action, no plan can be made for one, or a node could not fetch."), USAGE],
        environment: &[],
        files: &[],
        see: &["hlctl-show", "hlctl-approve", "hlctl-files(5)"],
    },
    Page {
        name: "hlctl-logs",
        text: &[
            "Prints the output of an action's executions. Of a long output the first 2 MiB and the last 1 to 2 MiB are kept; \
             what was left out is said between them. Control characters are shown as escapes unless `--raw` is given.",
        ],
        examples: &[
            ("Why did it fail:", &["hlctl logs redeploy-piha-mosquitto"]),
            ("Watch it run:", &["hlctl logs --follow redeploy-piha-mosquitto"]),
        ],
        exits: &[DONE, (1, "There is no such action, or it never ran."), USAGE],
        environment: &[],
        files: &[("actions/logs/ID/", "A file an execution.")],
        see: &["hlctl-show", "hlctl-execute"],
    },
    Page {
        name: "hlctl-actions",
        text: &["Lists the actions with their state, risk, age and why they are there."],
        examples: &[
            ("What waits for a decision:", &["hlctl actions --state pending"]),
            ("The IDs of what failed, for a script:", &["hlctl --json actions --state failed | jq -r '.actions[].id'"]),
        ],
        exits: &[DONE, (1, "The queue could not be read, or a file in it is no action."), USAGE],
        environment: &[],
        files: &[("actions/*/ID.json", "The directory is the state.")],
        see: &["hlctl-show", "hlctl-approve", "hlctl-files(5)"],
    },
];
