//! The pages of what shows and checks, and of what comes with the program.

use super::{DONE, FAILED, Page, USAGE};

/// The pages.
pub const PAGES: &[Page] = &[
    Page {
        name: "hlctl-status",
        text: &[
            "Shows what needs a person first, then nodes, services, drift, holds, the queue and when each pass last ran. \
             Services that run and that nobody desires are listed as unmanaged.",
            "With `--check` the exit code says whether a person is needed: for a pending action, an ID whose newest record \
             failed, a service unhealthy or missing, disk pressure, a silent node, a pass never run, failed or older than \
             ten minutes, a broken host file, rejected or waiting events, or an invalid action file.",
        ],
        examples: &[
            ("Look:", &["hlctl status"]),
            (
                "From cron, mail only when something is wrong:",
                &["hlctl status --check > /tmp/hlctl.txt || mail -s homelab me < /tmp/hlctl.txt"],
            ),
            ("What needs a person, as text:", &["hlctl --json status | jq -r '.attention[]'"]),
        ],
        exits: &[DONE, FAILED, USAGE, (3, "With `--check`: something needs a person.")],
        environment: &[("NODE_ALIAS_MAP", "See hlctl(1).")],
        files: &[],
        see: &["hlctl-actions", "hlctl-digest", "hlctl-check"],
    },
    Page {
        name: "hlctl-audit",
        text: &[
            "Shows the audit log: who approved, rejected, cancelled, ran or moved what, when, from where and by which way. \
             Every line holds the hash of the line before. A transition is reported as done only after its line is on disk.",
            "The chain shows changes made by somebody who can write the log alone. Whoever can write the whole root can \
             write a new chain: copy the log, or its last hash, elsewhere if that matters.",
        ],
        examples: &[
            ("The last ten lines:", &["hlctl audit --last 10"]),
            (
                "Everything that was decided by hand:",
                &["hlctl --json audit | jq '.lines[] | select(.via == \"hand\")'"],
            ),
        ],
        exits: &[DONE, FAILED, USAGE],
        environment: &[],
        files: &[("audit/YYYY-MM.jsonl", "The log."), ("state/audit_head", "Its last number and hash.")],
        see: &["hlctl-audit-verify", "hlctl-files(5)"],
    },
    Page {
        name: "hlctl-audit-verify",
        text: &[
            "Finds any line of the audit log that was changed, removed, reordered or cut off the end, and names it.",
        ],
        examples: &[("Verify it every night:", &["hlctl audit verify || echo \"the audit log was changed\""])],
        exits: &[(0, "Every line is as it was written."), (1, "A line is not, or the log cannot be read."), USAGE],
        environment: &[],
        files: &[("audit/YYYY-MM.jsonl", "The log."), ("state/audit_head", "Its last number and hash.")],
        see: &["hlctl-audit", "hlctl-files(5)"],
    },
    Page {
        name: "hlctl-check",
        text: &[
            "Lints `config.yaml` and all files of `hosts/`: each error with file, line, column and what to write instead. It \
             also names services for which no plan can be made, and pairs that would share an action ID. Changes nothing, so \
             that it can run before a commit.",
        ],
        examples: &[
            ("Lint the desired state of the root:", &["hlctl check"]),
            ("Lint a checkout, as a git hook would:", &["hlctl --hosts ./hosts check"]),
        ],
        exits: &[(0, "All is well."), (1, "Something is wrong; all of it is listed."), USAGE],
        environment: &[],
        files: &[("config.yaml", "The settings."), ("hosts/", "The desired state.")],
        see: &["hlctl-reconcile", "hlctl-files(5)"],
    },
    Page {
        name: "hlctl-digest",
        text: &[
            "Prints the world, the drift and the queue as Markdown, short enough to paste into a chat or a ticket; with \
             `--node`, `--service` and `--action` only what is about these: what is wrong, what was reported, what changed in \
             the last day, the plan, the end of the output, the desired state. Secrets are masked. Where it would be longer than `--max`, it is \
             cut, and says so.",
        ],
        examples: &[
            ("Copy it:", &["hlctl digest | wl-copy"]),
            ("A short one:", &["hlctl digest --max 4096"]),
            ("About one service:", &["hlctl digest --node piha --service mosquitto"]),
        ],
        exits: &[DONE, FAILED, USAGE],
        environment: &[],
        files: &[],
        see: &["hlctl-status"],
    },
    Page {
        name: "hlctl-demo",
        text: &[
            "Plays a homelab in a temporary folder, with small real processes as services. It runs the real passes, kills \
             one service, damages a file of another and wishes for a third, and goes through drift, plan, approval, \
             execution and healing. It needs no Docker, no super-user and no network, and touches nothing outside of its \
             folder. All nodes are this machine, so that it makes the checks of their agents itself.",
            "Its page is served at a free port of 127.0.0.1 while it lasts; it prints the address and a token to log in with. \
             At a terminal it waits until nothing is pending any more: decide on the page, or by the command that it prints. \
             `--script`, or no terminal, goes through without asking. At the end, and on Ctrl-C and SIGTERM, its processes \
             and its folder are removed; `--keep` leaves both, and says where they are. Its services end when their folder \
             is removed. With `--json` the commands' own JSON goes to stdout and the story to stderr.",
        ],
        examples: &[
            ("Watch it:", &["hlctl demo --script"]),
            ("Take part, and look at the files afterwards:", &["hlctl demo --keep"]),
        ],
        exits: &[
            (0, "Every service ended healthy, or you turned a repair down."),
            (1, "Something did not, or the demo was interrupted."),
            USAGE,
        ],
        environment: &[],
        files: &[],
        see: &["hlctl", "hlctl-files(5)"],
    },
    Page {
        name: "hlctl-completions",
        text: &[
            "Prints the completions of a shell. Packages install those in `completions/` of the source, which are the same.",
        ],
        examples: &[
            ("For bash:", &["hlctl completions bash > ~/.local/share/bash-completion/completions/hlctl"]),
            ("For zsh, in a folder of the fpath:", &["hlctl completions zsh > ~/.zfunc/_hlctl"]),
            ("For fish:", &["hlctl completions fish > ~/.config/fish/completions/hlctl.fish"]),
        ],
        exits: &[DONE, FAILED, USAGE],
        environment: &[],
        files: &[],
        see: &["hlctl", "hlctl-man"],
    },
    Page {
        name: "hlctl-man",
        text: &[
            "Prints a manual page in roff: that of hlctl itself, of a command, or, as `files`, that of the file formats. \
             With `--dir` all pages are written into a folder.",
        ],
        examples: &[
            ("Read a page:", &["hlctl man reconcile | man -l -"]),
            (
                "Install all of them for one user:",
                &[
                    "hlctl man --dir ~/.local/share/man/man1",
                    "mv ~/.local/share/man/man1/hlctl-files.5 ~/.local/share/man/man5/",
                ],
            ),
        ],
        exits: &[DONE, FAILED, USAGE],
        environment: &[],
        files: &[],
        see: &["hlctl", "hlctl-completions", "hlctl-files(5)"],
    },
];
