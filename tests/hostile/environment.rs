use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::judge::{Around, TEXTS, VOICES, judge};
use crate::lab::Lab;

const VARIABLES: [&str; 12] = [
    "HLCTL_ROOT",
    "HLCTL_HOSTS",
    "HLCTL_NODE",
    "NODE_ALIAS_MAP",
    "SUDO_USER",
    "SSH_CONNECTION",
    "HOME",
    "NO_COLOR",
    "MY_TOKEN",
    "TZ",
    "COLUMNS",
    "TERM",
];

#[test]
fn no_variable_reaches_the_screen_or_a_path_raw() {
    let lab = Lab::drifted();
    let around = Around::of(&lab);
    let bytes: [&[u8]; 2] = [b"\xff\xfe", b"{\"node-1\":\"\x1b[2J\xff\"}"];
    let texts = TEXTS.iter().map(|t| OsStr::new(*t)).chain(bytes.map(OsStr::from_bytes));
    let verbs: [&[&str]; 4] =
        [&["status"], &["approve", "nothing"], &["request", "redeploy", "piha", "wep"], &["reconcile", "--dry-run"]];
    for (n, text) in texts.enumerate() {
        for (m, variable) in VARIABLES.iter().enumerate() {
            if *variable == "HLCTL_ROOT" && text == "." {
                // That is a folder of the operator's, and they named it as the root.
                continue;
            }
            for verb in verbs {
                let args = [verb, VOICES[(n + m) % VOICES.len()]].concat();
                let output = lab.command(&args).env(variable, text).output().unwrap();
                judge(&output, &format!("{args:?} with {variable}={text:?}"));
            }
        }
    }
    around.is_untouched(&lab, "environment");
}

#[test]
fn a_map_or_a_name_that_is_none_is_an_error_and_not_as_if_it_were_unset() {
    let lab = Lab::drifted();
    for (variable, value) in [
        ("NODE_ALIAS_MAP", &b"\xff"[..]),
        ("NODE_ALIAS_MAP", b"[]"),
        ("HLCTL_NODE", b"../piha"),
        ("HLCTL_NODE", b"\xff"),
    ] {
        let output = lab.command(&["reconcile"]).env(variable, OsStr::from_bytes(value)).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!([Some(1), Some(2)].contains(&output.status.code()), "{variable}: {:?}: {err}", output.status);
        assert!(err.contains(variable) && err.contains("help: "), "{err}");
    }
}

#[test]
fn who_approved_is_kept_harmless() {
    let lab = Lab::drifted();
    let mut command = lab.command(&["approve", "--all"]);
    command.env("SUDO_USER", "\u{1b}[2Jroot").env("SSH_CONNECTION", "\u{1b}[2J 1 2 3");
    assert!(command.output().unwrap().status.success());
    crate::judge::tell_all(&lab, "an operator with a hostile name");
}
