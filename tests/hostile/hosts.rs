use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use serde_json::json;

use crate::judge::{Around, TEXTS, VOICES, tell, tell_all};
use crate::lab::{Lab, Run};
use crate::needs;

/// `services.yaml` with a text in each place that has one.
fn services(text: &str) -> Vec<serde_json::Value> {
    let with = |field: &str, value: serde_json::Value| {
        // A check that cannot succeed is not waited for.
        let mut service = json!({"name": "web", "min_healthy": "0s", "healthy_deadline": "1ms"});
        service[field] = value;
        json!({"services": [service]})
    };
    vec![
        json!({"services": [text]}),
        json!({"services": {text: {}}}),
        json!({"services": text}),
        json!({text: []}),
        with(text, json!(1)),
        with("name", json!(text)),
        with("monitor", json!(text)),
        with("runtime", json!(text)),
        with("compose", json!(text)),
        with("project", json!(text)),
        with("profiles", json!([text])),
        with("containers", json!([text])),
        with("depends_on", json!([text])),
        with("depends_on", json!([format!("piha/{text}")])),
        with("check", json!({"tcp": text})),
        with("check", json!({"tcp": format!("{text}:80")})),
        with("check", json!({"http": text})),
        with("check", json!({"http": format!("http://127.0.0.1:1/{text}"), "contains": text})),
        with("check", json!({"mqtt": text})),
        with("check", json!({text: text})),
        with("min_healthy", json!(text)),
        with("healthy_deadline", json!(text)),
        with("timeout", json!(text)),
        with("on_failure", json!(text)),
        with("recipes", json!({text: [["true"]]})),
        with("recipes", json!({"redeploy": text})),
    ]
}

/// `host.yaml` with a text in each place that has one.
fn host_files(text: &str) -> Vec<serde_json::Value> {
    vec![
        json!({"ssh": text}),
        json!({"ssh": format!("{text}@100.95.58.48")}),
        json!({"ssh": format!("oskar@{text}")}),
        json!({"connection": text}),
        json!({"repo": text, "connection": "local"}),
        json!({"repo": text, "ssh": "oskar@100.95.58.48"}),
        json!({"aliases": [text]}),
        json!({"disk": {"high": text}}),
        json!({"recipes": {text: [["true"]]}}),
        json!({text: text}),
    ]
}

/// Every how manyth place a text is put into: each place gets some texts, and with `HLCTL_HOSTILE=1` all of them.
fn share() -> usize {
    needs::number("HLCTL_HOSTILE", 4)
}

/// Writes a value as JSON, which is YAML too; what YAML takes only as an escape is one.
fn ascii(value: &serde_json::Value) -> String {
    let mut text = String::new();
    for c in value.to_string().chars() {
        if c.is_ascii() && c != '\u{7f}' { text.push(c) } else { text += &format!("\\u{:04x}", c as u32) }
    }
    text
}

/// A lab whose programs only take down how they were called. What changes something fails, so that no health is waited
/// for.
fn recording() -> Lab {
    let lab = Lab::new();
    let fails = "case \" $* \" in *\" up \"*|*\" restart \"*|*\" deploy \"*) exit 1 ;; esac";
    for name in ["docker", "git", "ssh"] {
        lab.program(name, &format!("#!/bin/sh\nprintf '%s\\0' \"$0\" \"$@\" >> \"$LEDGER\"\n{fails}\n"));
    }
    lab
}

/// Lets everything be done that can be done with this desired state.
fn live_with(lab: &Lab, what: &str) {
    let around = Around::of(lab);
    tell(lab, &["check"], VOICES[what.len() % VOICES.len()], what);
    tell(lab, &["reconcile"], &["--color", "always"], what);
    tell(lab, &["approve", "--all"], VOICES[(what.len() + 1) % VOICES.len()], what);
    tell(lab, &["execute"], &["--color", "always"], what);
    around.is_untouched(lab, what);
}

#[test]
fn no_field_of_a_services_yaml_reaches_the_screen_a_shell_or_an_option_raw() {
    for (m, text) in TEXTS.into_iter().enumerate() {
        let lab = recording();
        lab.ok(&["observe"]);
        for (n, file) in services(text).iter().enumerate().skip(m % share()).step_by(share()) {
            lab.host("piha", ascii(file));
            live_with(&lab, &format!("place {n}: {file}"));
            for state in ["completed", "failed", "approved", "pending"] {
                let _ = std::fs::remove_file(lab.action(state, "redeploy-piha-web"));
            }
        }
        if m % share() == 0 {
            tell_all(&lab, text);
        }
    }
}

#[test]
fn no_field_of_a_host_yaml_reaches_the_screen_a_shell_or_an_option_raw() {
    for (m, text) in TEXTS.into_iter().enumerate() {
        let lab = recording();
        lab.ok(&["observe"]);
        lab.host("vps", "services: [web]\n");
        for (n, file) in host_files(text).iter().enumerate().skip(m % share()).step_by(share()) {
            lab.put("hosts/vps/host.yaml", ascii(file));
            live_with(&lab, &format!("place {n}: {file}"));
            for state in ["completed", "failed", "approved", "pending"] {
                let _ = std::fs::remove_file(lab.action(state, "redeploy-vps-web"));
            }
        }
        let ledger = std::fs::read(lab.beside("ledger")).unwrap_or_default();
        let ledger = String::from_utf8(ledger).unwrap();
        // No destination was ever taken for an option: it follows a double dash and does not look like one.
        for call in ledger.split("/bin/ssh\0").skip(1) {
            let destination = call.split("\0--\0").nth(1).and_then(|rest| rest.split('\0').next());
            assert!(destination.is_some_and(|d| !d.is_empty() && !d.starts_with('-')), "{call:?}");
        }
    }
}

#[test]
fn words_of_a_recipe_arrive_as_they_are_with_no_shell_between() {
    let lab = Lab::new();
    lab.program("record", "#!/bin/sh\nprintf '%s\\0' \"$@\" >> \"$LEDGER\"\n");
    let words: Vec<&str> = std::iter::once("record").chain(TEXTS).collect();
    let file = json!({"services": [{"name": "web", "runtime": "command", "recipes": {"redeploy": [words]}}]});
    lab.host("piha", ascii(&file));
    lab.ok(&["request", "redeploy", "piha", "web"]);
    tell_all(&lab, "a recipe of hostile words");
    lab.ok(&["approve", "--all"]);
    lab.ok(&["execute"]);
    let arrived = std::fs::read_to_string(lab.beside("ledger")).unwrap();
    assert_eq!(arrived.split('\0').collect::<Vec<_>>()[..TEXTS.len()], TEXTS);
    tell_all(&lab, "a recipe of hostile words that ran");
}

#[test]
fn no_folder_name_reaches_the_screen_raw_and_each_is_an_error() {
    let names = TEXTS.iter().filter(|t| !t.is_empty() && **t != "." && !t.contains('/'));
    for name in names.map(|t| t.as_bytes()).chain([&b"\xff\x1b[2J"[..], b".hidden"]) {
        let lab = Lab::new();
        lab.services(&["web"]);
        let folder = lab.at("hosts").join(OsStr::from_bytes(name));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("services.yaml"), "services: [web]\n").unwrap();
        let code = lab.run(&["check"]).code;
        assert_eq!(code, i32::from(name != b".hidden"), "{}", name.escape_ascii());
        for verb in [&["check"][..], &["reconcile"], &["status"], &["digest"], &["reconcile", "--json"]] {
            tell(&lab, verb, &["--color", "always"], "a hostile folder name");
        }
    }
}

/// A root with two hosts whose services wait for approval.
struct Waiting(Lab);

impl Waiting {
    fn new() -> Self {
        let lab = Lab::new();
        lab.host("vps", "services: [db]\n");
        lab.host("piha", "services: [web]\n");
        lab.ok(&["observe"]);
        lab.ok(&["reconcile"]);
        assert_eq!(lab.states("redeploy-piha-web"), ["pending"]);
        Self(lab)
    }

    /// Returns what `check` says of one file of `piha`, which must break this host and no other.
    fn check(&self, below: &str, text: &[u8]) -> Run {
        let lab = &self.0;
        lab.put(&format!("hosts/piha/{below}"), text);
        let run = lab.run(&["check"]);
        std::fs::remove_file(lab.action("pending", "redeploy-vps-db")).unwrap();
        let reconciled = lab.run(&["reconcile"]);
        let what = text[..text.len().min(200)].escape_ascii();
        assert_eq!(reconciled.code, run.code, "{what}: {reconciled:?}");
        assert_eq!(lab.states("redeploy-piha-web"), ["pending"], "never cancelled: {what}");
        assert_eq!(lab.states("redeploy-vps-db"), ["pending"], "{what}");
        std::fs::remove_file(lab.at(&format!("hosts/piha/{below}"))).unwrap();
        lab.host("piha", "services: [web]\n");
        run
    }
}

#[test]
fn yaml_that_is_wrong_in_a_field_is_an_error_with_file_line_and_column() {
    let service = |line: &str| format!("services:\n  - name: web\n    {line}\n");
    let wrong: Vec<(&str, String)> = [
        "name: db",
        "monitor: perhaps",
        "runtime: podman",
        "runtime: [compose]",
        "compose: ../elsewhere",
        "compose: /srv/x",
        "project: ../x",
        "profiles: prod",
        "containers: web",
        "containers: [\"a b\"]",
        "depends_on: mosquitto",
        "depends_on: [a/b/c]",
        "check: tcp",
        "check: {tcp: \"80\"}",
        "check: {tcp: \"a:99999\"}",
        "check: {http: \"ftp://x\"}",
        "check: {http: \"http://x\", status: 99}",
        "check: {tcp: \"a:1\", mqtt: \"a:1\"}",
        "check: {command: []}",
        "check: {command: \"true\"}",
        "check: {tcp: \"a:1\", status: 200}",
        "check: {}",
        "min_healthy: 10",
        "min_healthy: -1s",
        "healthy_deadline: soon",
        "on_failure: panic",
        "timeout: 400d",
        "recipes: [[\"true\"]]",
        "recipes: {redeploy: [\"true\"]}",
        "recipes: {reboot: [[\"true\"]]}",
        "recipes: {redeploy: [[]]}",
        "recipes: {redeploy: [[\"-x\"]]}",
        "recipes: {redeploy: [[\"a\\0b\"]]}",
        "unknown: 1",
        "Monitor: false",
        "monitor: true\n    monitor: false",
    ]
    .iter()
    .map(|line| ("services.yaml", service(line)))
    .chain(
        [
            "",
            "services:\n",
            "services: {}\n",
            "services: web\n",
            "services: [web, web]\n",
            "services: [[web]]\n",
            "services: [web]\nservices: [db]\n",
            "services: [a b]\n",
            "services: [{monitor: false}]\n",
            "services: [web\n",
            "services: [\"\"]\n",
            "hosts: [web]\n",
            "- web\n",
            "services: [web]\n---\nservices: []\n",
            "services: &a [*a]\n",
            "services: [1]\n",
            "services:\n\t- web\n",
        ]
        .iter()
        .map(|text| ("services.yaml", (*text).to_owned())),
    )
    .chain(
        [
            "connection: telnet\n",
            "ssh: -oProxyCommand=x\n",
            "ssh: \"a b\"\n",
            "ssh: \"\"\n",
            "repo: -x\n",
            "repo: \"\"\n",
            "aliases: node-1\n",
            "aliases: [\"a b\"]\n",
            "aliases: [a, a]\n",
            "disk: 90\n",
            "disk: {high: x}\n",
            "disk: {hihg: 90}\n",
            "recipes: {redeploy: true}\n",
            "shh: x\n",
            "ssh: a\nssh: b\n",
            "- ssh\n",
        ]
        .iter()
        .map(|text| ("host.yaml", (*text).to_owned())),
    )
    .collect();
    let waiting = Waiting::new();
    let mut unplaced = Vec::new();
    for (file, text) in wrong {
        let run = waiting.check(file, text.as_bytes());
        let place = run.err.split(&format!("hosts/piha/{file}:")).nth(1).unwrap_or_default();
        let numbers: Vec<&str> = place.splitn(3, ':').take(2).collect();
        if run.code != 1 || numbers.len() < 2 || numbers.iter().any(|n| n.parse::<u32>().is_err()) {
            unplaced.push((text, run));
        }
    }
    assert!(unplaced.is_empty(), "{unplaced:#?}");
}

#[test]
fn bytes_that_are_no_yaml_are_an_error_of_that_host() {
    for bytes in [&b"services: [\xff]\n"[..], b"services: [we\0b]\n", b"\0", b"\xfe\xff\0s", &vec![b' '; (1 << 20) + 1]]
    {
        let run = Waiting::new().check("services.yaml", bytes);
        assert_eq!(run.code, 1, "{run:?}");
    }
}

#[test]
fn yaml_bombs_are_refused() {
    let mut bomb = String::from("a0: &a0 [x]\n");
    for n in 1..40 {
        bomb += &format!("a{n}: &a{n} [*a{0}, *a{0}, *a{0}, *a{0}]\n", n - 1);
    }
    bomb += "services: *a39\n";
    assert_eq!(Waiting::new().check("services.yaml", bomb.as_bytes()).code, 1);
    let deep = format!("services: {}{}\n", "[".repeat(5_000), "]".repeat(5_000));
    assert_eq!(Waiting::new().check("services.yaml", deep.as_bytes()).code, 1);
}

#[test]
fn what_is_no_file_is_an_error_of_that_host() {
    for (what, make) in [
        ("a folder", (|path| std::fs::create_dir(path)) as fn(&std::path::Path) -> std::io::Result<()>),
        ("a dangling link", |path| std::os::unix::fs::symlink("/no/such/file", path)),
        ("a link to itself", |path| std::os::unix::fs::symlink("services.yaml", path)),
        ("a device", |path| std::os::unix::fs::symlink("/dev/zero", path)),
    ] {
        let lab = Lab::new();
        lab.host("vps", "services: [db]\n");
        lab.host("piha", "services: [web]\n");
        lab.ok(&["observe"]);
        lab.ok(&["reconcile"]);
        std::fs::remove_file(lab.at("hosts/piha/services.yaml")).unwrap();
        make(&lab.at("hosts/piha/services.yaml")).unwrap();
        let run = lab.run(&["reconcile"]);
        assert_eq!((run.code, lab.states("redeploy-piha-web")), (1, vec!["pending"]), "{what}: {run:?}");
        assert!(run.err.contains("hosts/piha/services.yaml"), "{what}: {run:?}");
        tell_all(&lab, what);
    }
}

#[test]
fn aliases_are_one_step_and_stand_for_one_host() {
    let cases: [(&str, &[(&str, &str)]); 4] = [
        ("two hosts with one alias", &[("piha", "aliases: [node-1]"), ("vps", "aliases: [node-1]")]),
        ("a cycle", &[("piha", "aliases: [vps]"), ("vps", "aliases: [piha]")]),
        ("the name of a host", &[("piha", "aliases: [vps]"), ("vps", "")]),
        ("itself", &[("piha", "aliases: [piha]")]),
    ];
    for (what, files) in cases {
        let lab = Lab::new();
        for (node, file) in files {
            lab.host(node, "services: [web]\n");
            lab.put(&format!("hosts/{node}/host.yaml"), file);
        }
        lab.ok(&["observe"]);
        let run = lab.run(&["check"]);
        assert_eq!(run.code, 1, "{what}: {run:?}");
        assert_eq!(lab.run(&["reconcile"]).code, 1, "{what}");
        tell_all(&lab, what);
    }
    // Through the environment too.
    let lab = Lab::drifted();
    for map in [r#"{"a":"b","b":"a"}"#, r#"{"vps":"piha","piha":"vps"}"#] {
        let output = lab.command(&["check"]).env("NODE_ALIAS_MAP", map).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{map}: {output:?}");
    }
}
