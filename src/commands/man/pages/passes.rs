//! The pages of hlctl itself and of its passes.

use super::{DONE, FAILED, PASS_DONE, Page, USAGE};

/// The pages.
pub const PAGES: &[Page] = &[
    Page {
        name: "hlctl",
        text: &[
            "`hlctl` is the control plane of a homelab. It holds a desired state in files against what the nodes report, \
             queues what it would take to bring them together, and runs what a person has approved. All of it lives in \
             one data directory, the root, and every step is a short program run that ends.",
            "The loop: the agents of the nodes write events; `observe` folds them into the world; `reconcile` compares \
             the world with the desired state in `hosts/` and queues actions; `approve` or `reject` decides about them; \
             `execute` runs the approved ones and verifies the result. Any of these can be killed at any moment and run again.",
            "The directory that holds an action's file is its state, so that `ls`, `mv` and `rm` work on the queue too: \
             moving a file from `actions/pending/` to `actions/approved/` is an approval. What was approved is what runs: \
             the approval pins the digest of the plan, and another plan is refused.",
            "Results go to standard output, everything else to standard error. `--json` prints the same report as JSON.",
        ],
        examples: &[
            ("See the whole loop on this machine, without Docker and without a root:", &["hlctl demo --script"]),
            (
                "Go through it once by hand:",
                &["hlctl observe", "hlctl reconcile", "hlctl approve", "hlctl execute", "hlctl status"],
            ),
            (
                "Ask from a monitoring system whether a person is needed:",
                &["hlctl status --check || echo \"look at hlctl\""],
            ),
        ],
        exits: &[
            (0, "Done, or nothing to do, or another pass of the kind is running."),
            (1, "It failed, or some of it did: the rest was done."),
            (2, "The command line was wrong."),
            (3, "`status --check`: something needs a person."),
            (4, "`execute`: the pass ran, and at least one action became failed in it."),
        ],
        environment: &[
            ("HLCTL_ROOT", "The data directory, where `--root` is not given; else /opt/homelab."),
            ("HLCTL_HOSTS", "The desired state, where `--hosts` is not given; else hosts below the root."),
            ("HLCTL_NODE", "This machine's name among the nodes, where `--node` is not given; else the host name."),
            (
                "NODE_ALIAS_MAP",
                "A JSON object of other node names and the canonical ones, on top of the aliases in `host.yaml`. One that is \
                 not such an object is an error before anything is written.",
            ),
            ("NO_COLOR", "If set and not empty, no colours unless `--color always` is given."),
            ("RUST_BACKTRACE", "If set to 1, errors are followed by a backtrace."),
        ],
        files: &[("/opt/homelab", "The root, unless told otherwise. hlctl-files(5) describes what it holds.")],
        see: &[
            "hlctl-files(5)",
            "hlctl-init",
            "hlctl-observe",
            "hlctl-reconcile",
            "hlctl-approve",
            "hlctl-execute",
            "hlctl-status",
            "hlctl-demo",
        ],
    },
    Page {
        name: "hlctl-init",
        text: &[
            "Makes the root and the folders in it. What is there already stays as it is, so that running it again changes \
             nothing. `--owner` gives the root and its folders, not the files in them, to the user whose timers will run \
             the passes, 1000 by custom; that takes the super-user.",
            "Whatever hlctl makes later, run by the super-user, belongs to the owner of the root, so that `sudo hlctl approve` \
             does not lock that user out.",
        ],
        examples: &[
            ("Make the usual root for the user 1000:", &["sudo hlctl init --owner 1000:1000"]),
            (
                "Make a root to try things in, with the desired state in a git checkout:",
                &["hlctl --root /tmp/lab --hosts ~/homelab/hosts init"],
            ),
        ],
        exits: &[DONE, (1, "A folder could not be made or given away."), USAGE],
        environment: &[],
        files: &[],
        see: &["hlctl", "hlctl-check", "hlctl-files(5)"],
    },
    Page {
        name: "hlctl-observe",
        text: &[
            "Reads the events below `events/` and folds them into `world/services.json` and `world/nodes.json`. The newest \
             event of a service wins, whatever the order of files, lines and passes; duplicates change nothing. A world that \
             did not change is not written again.",
            "A checkpoint remembers where reading stopped. It is only a hint: without it, or when it makes no sense, every \
             event is read again, with the same result.",
            "A line or file that is no event is set aside and counted, and the pass goes on; the newest twenty are shown with \
             file, line and cause. Events more than five minutes ahead of the clock wait until their time has come.",
            "Files that shrank, grew, were rotated, replaced or restored are noticed by size, times, inode and a hash of their \
             first and last 64 KiB. Files of days more than a week old, in folders that did not change, are looked at once an \
             hour. What is written over in place in the middle of a larger file with as many bytes, while it also grows, \
             takes `--full`.",
            "A line may have 1 MiB, a `.json` file 16 MiB, a value may be nested 100 deep, and a Zstandard file may need a \
             window of 32 MiB.",
        ],
        examples: &[
            ("Run one pass:", &["hlctl observe"]),
            ("Repeat it every ten seconds, without a timer:", &["hlctl observe --every 10s"]),
            ("Read everything again, for instance after editing old events:", &["hlctl observe --full"]),
        ],
        exits: &[PASS_DONE, FAILED, USAGE],
        environment: &[],
        files: &[
            (
                "events/YYYY-MM-DD/",
                "The events: one in a `.json` file or an array of them, one a line in a `.jsonl` file, also as `.gz` or `.zst`.",
            ),
            ("world/services.json, world/nodes.json", "The world."),
            ("state/observer_checkpoint.json", "The hint. Removing it is harmless."),
        ],
        see: &["hlctl-reconcile", "hlctl-status", "hlctl-files(5)"],
    },
    Page {
        name: "hlctl-reconcile",
        text: &[
            "Compares the desired state with the world, writes the drift, queues an action for what is missing or unhealthy, \
             and cancels pending actions whose drift is gone. The same drift always gives the same action ID; one that is \
             already pending is left as it is, and a second pass on an unchanged tree writes nothing.",
            "A missing service is redeployed. An unhealthy one is restarted where the reason is `containers_not_running` or \
             `mqtt_unreachable`, else redeployed. A full disk gets a clean-up. While one action for a service is approved or \
             running, no other is queued. Services with `monitor: false` are skipped.",
            "After an action completed, its ID is held for `settle`; after one was rejected, until the drift has gone once or \
             for `reject_hold`. After one failed, it is queued again with the last error shown. `hlctl status` shows every \
             hold with its end.",
            "An action that was needed three times within `flap_window` carries the hint that it is flapping. \
             `policy.auto_approve` approves what its rules name, recorded as `by: policy`: never what a person asked for, what \
             flaps, or what it has approved three times within an hour without health.",
            "A host whose files cannot be read keeps its actions: its desired state is unknown, not empty. Without a readable \
             world nothing is queued and nothing cancelled.",
        ],
        examples: &[
            ("Run one pass, and see what it would do before:", &["hlctl reconcile --dry-run", "hlctl reconcile"]),
            ("Run both passes of the loop every minute:", &["hlctl observe --every 1m & hlctl reconcile --every 1m"]),
        ],
        exits: &[
            PASS_DONE,
            (1, "The world or `hosts/` cannot be read, or a host file is broken: the other hosts were handled."),
            USAGE,
        ],
        environment: &[("NODE_ALIAS_MAP", "See hlctl(1).")],
        files: &[
            ("hosts/*/services.yaml, hosts/*/host.yaml", "The desired state."),
            ("world/drift.json", "The drift that the last pass found."),
            ("actions/pending/", "Where new actions appear."),
        ],
        see: &["hlctl-observe", "hlctl-approve", "hlctl-silence", "hlctl-files(5)"],
    },
    Page {
        name: "hlctl-execute",
        text: &[
            "Runs the approved actions, oldest first, one at a time on each node and `--jobs` nodes side by side. Steps run \
             without a shell: here as they are, on other nodes over ssh with each word quoted. The output goes to \
             `actions/logs/ID/` as it comes.",
            "What a service depends on (`depends_on`) runs before it, across nodes, where both are approved; what depends on \
             an action that failed stays approved, and so do the other actions of a node that could not be reached. Where \
             `policy.windows` names a node, by whichever of its names, its actions run only within one of these windows, in the \
             `zone` given (a name such as `Europe/Warsaw`, whose rules come from the system's tzdata; default UTC); the pass \
             says from when on. A window for a node that is not in `hosts/` holds nothing: each pass that finds something \
             approved says so and ends with 1, and `check` names the line.",
            "A redeploy of a Compose project fetches before it disturbs: the commit, the images, the build. Where something \
             cannot be had, the action fails with `fetch_failed` and what runs goes on running; so it does where an image that \
             once came from a registry cannot be asked for there. One that was built or loaded on the node, or that its \
             registry does not have, is taken as it is, with the hint `images_not_pulled`; `pull_policy: never` says that \
             there is no registry to ask. docker-compose 1 is refused on Docker 25 and newer, where it fails \
             to recreate containers (`compose_too_old`).",
            "The plan is made again from `hosts/` and compared with the one that was approved. If they differ, nothing runs \
             and the action fails with `plan_changed_since_approval`. Of the action file nothing else is taken.",
            "A step that takes too long is ended with all that it started. Where the service has a `check:`, the action is \
             completed only when the service was healthy without a break for `min_healthy` within `healthy_deadline`; the \
             result of the check is also written as an event. Without a `check:`, the engine is asked: containers have to run, \
             and be healthy where they have a health check, without being started again; a unit of systemd has to be active, \
             a stack's services to have their replicas. What gives no answer is not known, and not healthy. Beside a \
             `check:`, the containers or the unit have to run, and a restart of them starts `min_healthy` anew. Where health \
             does not come, the last lines of the containers' logs are in the result.",
            "`on_failure: rollback` then restores the commit (`git reset --keep`) and the images that ran before, once, and \
             removes the containers of services that the project did not have before. The images are kept under the names \
             `hlctl-before/SERVICE:N`, so that no clean-up takes them. The result says `rolled_back`, \
             `nothing_to_roll_back_to`, or fails with `rollback_failed`. Where the node or the executor went away after \
             something was changed, it says `not_rolled_back` and what ran before; the next attempt goes back to that. \
             Without an answer to what runs, nothing is begun.",
            "An executor that died leaves its action in `running/`. The next pass ends what is left of it and moves the \
             action to `failed/` with the reason `executor_interrupted`; it is never run again without a new approval.",
        ],
        examples: &[
            ("See what would run, then run it:", &["hlctl execute --dry-run", "hlctl execute"]),
            ("Watch the output of an action from another terminal:", &["hlctl logs --follow redeploy-piha-mosquitto"]),
        ],
        exits: &[
            PASS_DONE,
            (1, "The pass could not run, or a host file that it needs is broken: its actions stay approved."),
            USAGE,
            (4, "The pass ran, and at least one action became failed in it, interrupted ones included."),
        ],
        environment: &[(
            "*TOKEN*, *PASSWORD*, *SECRET*, *KEY*",
            "Values of six characters or more of variables with such names are masked in plans, logs and the audit log.",
        )],
        files: &[
            ("actions/approved/, actions/running/", "What will be run, and what is."),
            ("actions/completed/, actions/failed/", "How it ended."),
            ("actions/logs/ID/", "The output of each execution."),
        ],
        see: &["hlctl-approve", "hlctl-logs", "hlctl-plan", "hlctl-files(5)", "ssh"],
    },
];
