use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::assert_session;
use crate::lab::{Lab, until};

const OLD: &str = r#"{"ts":"2026-11-22T07:13:05.1239Z","node":"piha","type":"service_unhealthy","service":"db","reason":"check_failed"}"#;

#[test]
fn folds_events_and_says_what_it_set_aside() {
    let mut lab = Lab::new();
    lab.type_in("observe");
    lab.put("events/2026-11-22/piha.jsonl", format!("{OLD}\n{{\"ts\":1}}\nno JSON\n"));
    lab.type_in("observe --dry-run");
    lab.type_in("observe");
    lab.type_in("observe --json");
    lab.type_in("observe --full -v");
    assert_session!(lab);
}

#[test]
fn the_json_form_of_a_pass_that_found_nothing_wrong() {
    let mut lab = Lab::new();
    lab.put("events/2026-11-22/piha.jsonl", format!("{OLD}\n"));
    lab.type_in("observe --json");
    assert_session!(lab);
}

#[test]
fn wrong_uses_say_what_to_do() {
    let mut lab = Lab::bare();
    lab.type_in("observe");
    lab.ok(&["init"]);
    lab.type_in("observe --every soon");
    lab.type_in("observe --ful");
    lab.put("state/is-mirror", "");
    lab.type_in("observe");
    assert_session!(lab);
}

#[test]
fn a_repeated_pass_goes_on_after_a_round_that_failed() {
    let lab = Lab::bare();
    let mut command = lab.command(&["observe", "--every", "100ms"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut complaint = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut complaint).unwrap();
    assert!(complaint.contains("no data directory"), "{complaint}");
    lab.ok(&["init"]);
    until("a world", || lab.at("world/services.json").exists());
    assert!(child.try_wait().unwrap().is_none(), "it goes on");
    child.kill().unwrap();
    child.wait().unwrap();
}
