use crate::assert_session;
use crate::lab::Lab;

/// A root in which something happened.
fn busy() -> Lab {
    let lab = Lab::drifted();
    lab.ok(&["approve", "redeploy-piha-web"]);
    lab.ok(&["execute"]);
    assert_eq!(lab.run(&["reject", "redeploy-piha-web", "--reason", "late"]).code, 1);
    lab
}

fn log(lab: &Lab) -> std::path::PathBuf {
    std::fs::read_dir(lab.at("audit")).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn tells_every_transition_and_every_refusal() {
    let mut lab = busy();
    lab.type_in("audit");
    lab.type_in("audit --last 1 --json");
    lab.type_in("audit verify --json");
    assert_session!(lab);
}

#[test]
fn where_an_approval_came_from_is_recorded() {
    let lab = Lab::drifted();
    let mut command = lab.command(&["approve", "redeploy-piha-web"]);
    command.env("SSH_CONNECTION", "100.95.58.1 50000 100.95.58.48 22");
    assert!(command.output().unwrap().status.success());
    let last = lab.json(&["audit", "--last", "1"]);
    assert_eq!(last["lines"][0]["peer"], "100.95.58.1");
}

#[test]
fn whatever_is_done_to_the_log_is_found() {
    type Hand = (&'static str, fn(Vec<&str>) -> Vec<String>);
    let hands: &[Hand] = &[
        ("changed", |l| l.iter().map(|l| l.replace("redeploy-piha-web", "redeploy-piha-wep")).collect()),
        ("last line changed", |mut l| {
            let last = l.pop().unwrap().replace("completed", "cancelled");
            l.into_iter().map(str::to_owned).chain([last]).collect()
        }),
        ("removed", |mut l| {
            l.remove(2);
            l.into_iter().map(str::to_owned).collect()
        }),
        ("first removed", |l| l.into_iter().skip(1).map(str::to_owned).collect()),
        ("reordered", |mut l| {
            l.swap(1, 2);
            l.into_iter().map(str::to_owned).collect()
        }),
        ("doubled", |mut l| {
            l.insert(2, l[1]);
            l.into_iter().map(str::to_owned).collect()
        }),
        ("cut off the end", |mut l| {
            l.pop();
            l.into_iter().map(str::to_owned).collect()
        }),
        ("emptied", |_| Vec::new()),
    ];
    for (what, hand) in hands {
        let mut lab = busy();
        let path = log(&lab);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = hand(text.lines().collect());
        std::fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        let run = lab.type_in("audit verify");
        assert_eq!(run.code, 1, "{what}: {run:?}");
        assert!(!run.err.is_empty(), "{what}: {run:?}");
        // What is written after it does not heal it.
        lab.ok(&["request", "redeploy", "piha", "web"]);
        assert_eq!(lab.run(&["audit", "verify"]).code, 1, "{what}, and then a line more");
        assert_eq!(lab.run(&["audit"]).code, 1, "{what}");
    }
    let lab = busy();
    std::fs::remove_file(log(&lab)).unwrap();
    assert_eq!(lab.run(&["audit", "verify"]).code, 1, "the whole file removed");
}

#[test]
fn a_break_is_told_with_file_and_line() {
    let mut lab = busy();
    let path = log(&lab);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("\"by\":\"reconcile\"", "\"by\":\"nobody\"", 1)).unwrap();
    lab.type_in("audit verify");
    lab.type_in("audit verify --json");
    let month = path.file_name().unwrap().to_string_lossy().into_owned();
    let transcript = lab.transcript().replace(&month, "[MONTH].jsonl");
    insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(transcript) });
}

#[test]
fn wrong_uses_say_what_to_do() {
    let mut lab = Lab::new();
    lab.type_in("audit");
    lab.type_in("audit verify");
    lab.type_in("audit verfy");
    lab.type_in("audit --last all");
    lab.type_in("audit verify --fix");
    assert_session!(lab);
}
