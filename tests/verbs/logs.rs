use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::assert_session;
use crate::lab::{Lab, until};

const WEB: &str = "redeploy-piha-web";

/// A root whose action says something hostile, waits for the file `go`, and says one thing more.
fn chatty() -> Lab {
    let lab = Lab::new();
    let script = r"printf 'one\ntwo \033[31m\n'; while [ ! -e $LEDGER.go ]; do sleep 0.05; done; echo three";
    let recipe = serde_json::json!(["sh", "-c", script]);
    lab.host(
        "piha",
        format!("services: [{{name: web, runtime: command, timeout: 1m, recipes: {{redeploy: [{recipe}]}}}}]\n"),
    );
    lab.ok(&["observe"]);
    lab.ok(&["reconcile"]);
    lab
}

#[test]
fn prints_the_output_of_the_last_execution() {
    let mut lab = chatty();
    lab.type_in(&format!("logs {WEB}"));
    std::fs::write(lab.beside("ledger.go"), "").unwrap();
    lab.ok(&["approve", WEB]);
    lab.ok(&["execute"]);
    lab.type_in(&format!("logs {WEB}"));
    lab.type_in(&format!("logs {WEB} --json"));
    lab.type_in(&format!("logs {WEB} --follow"));
    let raw = lab.run(&["logs", WEB, "--raw"]);
    assert!(raw.out.contains("two \u{1b}[31m\n"), "{raw:?}");
    assert_session!(lab);
}

#[test]
fn follows_while_it_runs_and_ends_with_it() {
    let lab = chatty();
    lab.ok(&["approve", WEB]);
    let start = |args: &[&str]| lab.command(args).stdout(Stdio::piped()).spawn().unwrap();
    // Before it was even started: it waits for the execution.
    let mut follower = start(&["logs", WEB, "--follow"]);
    let mut execute = start(&["execute"]);
    let mut said = BufReader::new(follower.stdout.take().unwrap());
    let mut lines = String::new();
    while !lines.ends_with("two \\u{1b}[31m\n") {
        assert_ne!(said.read_line(&mut lines).unwrap(), 0, "{lines}");
    }
    assert_eq!(lab.states(WEB), ["running"]);
    std::fs::write(lab.beside("ledger.go"), "").unwrap();
    assert!(execute.wait().unwrap().success());
    said.read_to_string(&mut lines).unwrap();
    assert!(follower.wait().unwrap().success());
    assert_eq!(lines.lines().last(), Some("three"), "{lines}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let lab = chatty();
    lab.ok(&["approve", WEB]);
    let mut execute = lab.command(&["execute"]).stdout(Stdio::null()).spawn().unwrap();
    until("a running action", || lab.states(WEB) == ["running"]);
    let mut follower = lab.command(&["logs", WEB, "-f"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(follower.stdout.take());
    std::fs::write(lab.beside("ledger.go"), "").unwrap();
    execute.wait().unwrap();
    let output = follower.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
    for args in [vec!["actions"], vec!["logs", WEB], vec!["digest"], vec!["status", "--json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = lab.command(&args).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{args:?}");
    }
}

#[test]
fn wrong_uses_say_what_to_do() {
    let mut lab = chatty();
    lab.type_in("logs");
    lab.type_in("logs redeploy-piha-wbe");
    lab.type_in(&format!("logs {WEB} --tail"));
    assert_session!(lab);
}
