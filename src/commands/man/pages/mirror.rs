//! The page of the mirror.

use super::{PASS_DONE, Page, USAGE};

/// The pages.
pub const PAGES: &[Page] = &[MIRROR];

const MIRROR: Page = Page {
    name: "hlctl-mirror",
    text: &[
        "Brings `world/*.json` of a control plane here, with its own summary and digest, asking for each only whether it \
         is another than before. The root becomes a mirror, marked by `state/is-mirror`: `status`, `digest` and `serve` \
         show what the control plane said and how long ago, and `observe`, `reconcile`, `execute` and every decision are \
         refused. A root that has events or actions of its own is left alone. A mirror is not mirrored: it would answer long \
         after its own source has gone.",
        "Where the control plane is gone, damaged, or not one at all, the world that was brought last stays. After ten \
         minutes `status --check` says that a person is needed. What only has grown older is written once a minute.",
        "Over `http://` it speaks to this machine, private addresses and Tailscale (100.64.0.0/10, fd7a:115c:a1e0::/48) \
         alone; elsewhere give `https://`, which is spoken by the system's `curl`, or `--insecure-http`. With `--ca` \
         the certificates of that file are believed and no others, else those that the system believes. Redirects are not followed, and no proxy is used.",
        "Where the control plane has `serve: {read: token}`, a reader's token is needed. It is read from a file or from \
         the systemd credential `hlctl-token`, never from the command line.",
    ],
    examples: &[
        ("Once, to see whether it works:", &["hlctl mirror --from http://vps:18180 --dry-run"]),
        ("Every ten seconds:", &["hlctl mirror --from http://100.95.58.48:18180 --every 10s"]),
        (
            "Over TLS, with the certificate authority of the house:",
            &[
                "hlctl mirror --from https://vps.example.org/homelab --ca /etc/hlctl/ca.pem --token-file /etc/hlctl/token",
            ],
        ),
    ],
    exits: &[PASS_DONE, (1, "The control plane could not be asked, or said no; what was there stays."), USAGE],
    environment: &[
        ("CONTROL_PLANE_URL", "The control plane, where `--from` is not given."),
        ("CREDENTIALS_DIRECTORY", "Set by systemd: `hlctl-token` in it is used where `--token-file` is not given."),
    ],
    files: &[
        ("world/summary.json, world/digest.md", "The control plane's own summary and digest."),
        ("state/is-mirror", "Whom this root mirrors. Remove it, and world/, to make it a control plane again."),
        ("state/mirror_tags.json", "What was fetched; its time is when the control plane answered last."),
    ],
    see: &["hlctl", "hlctl-serve", "hlctl-status", "hlctl-token-add"],
};
