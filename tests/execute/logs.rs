//! `logs --follow` while the executor is killed, and secrets that come in two writes.

use crate::lab::{Lab, service, until};

#[test]
fn following_goes_on_across_a_kill_of_the_executor() {
    let lab = Lab::new(&format!("[{}]", service("web", "echo first; sleep 60", "")));
    lab.approve(&["box/web"]);
    let follow = lab.start(&["logs", "redeploy-box-web", "--follow"]);
    let mut executor = lab.start(&["execute"]);
    let logged = || String::from_utf8(lab.run(&["logs", "redeploy-box-web"]).stdout).unwrap();
    until("the first line", || logged().contains("first\n"));
    executor.kill().unwrap();
    executor.wait().unwrap();
    assert_eq!(lab.run(&["execute"]).status.code(), Some(4), "the next pass ends what is left");
    let output = follow.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("first\n"), "{output:?}");
    assert_eq!(lab.show("redeploy-box-web")["result"]["reason"], "executor_interrupted");
}

#[test]
fn a_secret_that_comes_in_two_writes_is_masked_everywhere() {
    let script = "printf 'it is hunt'; sleep 0.3; echo 'er22-and-more'; echo hunter22 >&2; exit 1";
    let lab = Lab::new(&format!("[{}]", service("web", script, "")));
    lab.approve(&["box/web"]);
    let output = lab.command(&["execute"]).env("MQTT_PASSWORD", "hunter22").output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(lab.ok(&["logs", "redeploy-box-web"]).contains("it is ***-and-more\n***\n"));
    let files = walkdir::WalkDir::new(lab.path("actions/logs")).into_iter().map(Result::unwrap);
    for file in files.filter(|f| f.file_type().is_file()) {
        let bytes = std::fs::read(file.path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.lines().any(|l| l.contains("hunter22")), "{}: {text}", file.path().display());
    }
    assert_eq!(lab.show("redeploy-box-web")["result"]["message"], "***");
}

#[test]
fn control_characters_are_harmless_unless_the_bytes_are_asked_for() {
    let lab = Lab::new(&format!("[{}]", service("web", "printf '\\033]0;title\\007 \\033[31mred\\n'", "")));
    lab.approve(&["box/web"]);
    lab.ok(&["execute"]);
    assert!(!lab.ok(&["logs", "redeploy-box-web"]).contains('\u{1b}'));
    assert!(lab.ok(&["logs", "--raw", "redeploy-box-web"]).contains("\u{1b}[31mred"));
}
