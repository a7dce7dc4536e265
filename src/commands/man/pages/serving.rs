//! The pages of what goes over HTTP.

use super::{DONE, FAILED, Page, USAGE};

/// The pages.
pub const PAGES: &[Page] = &[
    Page {
        name: "hlctl-serve",
        text: &[
            "Serves the pages and the API. It only reads the root and asks for the transitions that the command line asks \
             for; the passes run without it. Looking needs no login unless `serve: read: token` stands in `config.yaml`; \
             deciding needs an operator's token, and with no token made nothing can be changed, from any address.",
            "Requests are answered only under an IP address, `localhost` or a name of `serve: allowed_hosts`, so that no \
             foreign page can make its own name point here. Behind a proxy, give the proxy's address in \
             `serve: trusted_proxies`, or the audit log names the proxy for every decision. TLS is the proxy's part.",
            "Errors of the API are problem documents (RFC 9457), and so are those of requests whose head cannot be read. `/api/v1/openapi.json` describes it, `/metrics` is for \
             Prometheus. Settings are read at the start: restart it after a change of `config.yaml`.",
            "What the pages and the API show to everybody is kept until the kernel tells of a change, for a second at the \
             most; on a network file system, changes of other machines are seen after that second.",
            "Of 512 connections an address that is no trusted proxy gets 64, and of the last 16 only 4; where descriptors are \
             used up, connections that have idled for a second are closed. Outputs are read \
             as they are sent. Other large answers that their readers leave lying are limited to 8 MiB together; 2 MiB of \
             these are kept for who shows a token, and strangers get 2 MiB an address: beyond that, 429 says when to come \
             again. An answer has to be taken at 16 KiB a second, after 30 seconds of grace. After ten wrong tokens in a \
             minute an address gets 429 for more of them; a right one is let in all the same. The audit log \
             gets one line a minute of them an address, with how many there were besides.",
            "Of events that agents send, lines of more than 16 KiB are not taken, and none about a new service where the \
             token's nodes have 1,000 of them, or 4 MiB of words about them; hlctl-files(5) has the details.",
            "Under systemd it takes its socket from the manager, says when it is ready and gives signs of life. SIGTERM \
             and SIGINT let the requests in work end, for ten seconds at the most.",
        ],
        examples: &[
            ("On this machine only:", &["hlctl serve"]),
            ("On the address of a VPN:", &["hlctl serve --listen 100.95.58.48:18180"]),
            ("Behind a proxy that passes https://example.org/homelab/ on:", &["hlctl serve --base-path /homelab"]),
            (
                "Approve from a script:",
                &["curl -X POST -H \"Authorization: Bearer $TOKEN\" http://127.0.0.1:18180/api/v1/actions/ID/approve"],
            ),
        ],
        exits: &[
            (0, "It was told to end, and did."),
            (1, "It could not start: the address is taken, or a setting is wrong."),
            USAGE,
        ],
        environment: &[
            ("LISTEN_FDS", "Set by systemd: the first socket is used in the place of `--listen`."),
            ("NOTIFY_SOCKET", "Set by systemd: told when the server is ready, alive or stopping."),
        ],
        files: &[
            ("config.yaml", "`serve:` and `events_quota`."),
            ("state/tokens.json", "The hashes of the tokens, readable by the owner alone."),
            ("state/sessions.json", "The hashes of the sessions, readable by the owner alone."),
        ],
        see: &["hlctl-token", "hlctl-status", "hlctl-digest", "hlctl-files(5)"],
    },
    Page {
        name: "hlctl-token",
        text: &[
            "Makes, lists and revokes the tokens with which operators, readers and agents show who they are over HTTP.",
        ],
        examples: &[("The first token, without which nothing can be changed over HTTP:", &["hlctl token add oskar"])],
        exits: &[DONE, FAILED, USAGE],
        environment: &[],
        files: &[("state/tokens.json", "Their hashes, readable by the owner alone.")],
        see: &["hlctl-token-add", "hlctl-token-list", "hlctl-token-revoke", "hlctl-serve"],
    },
    Page {
        name: "hlctl-token-add",
        text: &[
            "Makes a token of 32 random bytes and prints it alone on standard output. Only its hash is kept: it cannot be \
             shown again. NAME stands in the audit log beside everything that is decided with it.",
            "An agent's token sends events of the node NAME, or of the nodes of `--nodes`, and nothing else. A reader's \
             token is needed only where `serve: read: token` stands in `config.yaml`.",
        ],
        examples: &[
            ("For a person:", &["hlctl token add oskar"]),
            ("For the agent of a node, straight into its file:", &["hlctl token add piha --agent > piha.token"]),
            ("For one machine that speaks for two:", &["hlctl token add relay --agent --nodes piha,chelsty-infra"]),
        ],
        exits: &[DONE, FAILED, USAGE],
        environment: &[],
        files: &[("state/tokens.json", "The hashes, readable by the owner alone.")],
        see: &["hlctl-token-revoke", "hlctl-serve"],
    },
    Page {
        name: "hlctl-token-list",
        text: &["Lists the tokens: whose they are, what they are for, when they were made and by whom."],
        examples: &[("Look:", &["hlctl token list"])],
        exits: &[DONE, FAILED, USAGE],
        environment: &[],
        files: &[],
        see: &["hlctl-token-add", "hlctl-token-revoke"],
    },
    Page {
        name: "hlctl-token-revoke",
        text: &[
            "Revokes a token at once, and every session that was begun with it. A running server need not be told.",
        ],
        examples: &[("A phone was lost:", &["hlctl token revoke oskar", "hlctl token add oskar"])],
        exits: &[DONE, (1, "There is no such token; the nearest name is given."), USAGE],
        environment: &[],
        files: &[],
        see: &["hlctl-token-add", "hlctl-audit"],
    },
];
