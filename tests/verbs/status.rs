use serde_json::json;

use crate::assert_session;
use crate::lab::Lab;

/// A root where all is well.
fn quiet() -> Lab {
    let lab = Lab::new();
    lab.services(&["web"]);
    lab.event("service_healthy", "web", "");
    for pass in ["observe", "reconcile", "execute"] {
        lab.ok(&[pass]);
    }
    lab
}

#[test]
fn all_quiet_is_exit_0_also_with_check() {
    let mut lab = quiet();
    lab.type_in("status");
    lab.type_in("status --check --json");
    assert_session!(lab);
}

#[test]
fn what_needs_a_person_is_exit_3_only_with_check() {
    let mut lab = Lab::drifted();
    assert_eq!(lab.run(&["status"]).code, 0);
    lab.type_in("status --check");
    lab.type_in("status --check --json");
    assert_session!(lab);
}

#[test]
fn each_cause_of_attention_alone_is_exit_3() {
    type Cause = (&'static str, fn(&Lab));
    let causes: &[Cause] = &[
        ("waits for approval", |lab| drop(lab.ok(&["request", "redeploy", "piha", "web"]))),
        ("failed", |lab| {
            lab.action_by_hand("failed", "redeploy-piha-web", json!({"result": {"reason": "step_failed"}}));
        }),
        ("unhealthy", |lab| {
            lab.event("service_unhealthy", "web", "");
            lab.ok(&["observe"]);
        }),
        ("missing", |lab| {
            lab.services(&["web", "new"]);
        }),
        ("disk", |lab| {
            let line = "{\"ts\":1795400000,\"node\":\"piha\",\"type\":\"disk_pressure\",\"level\":\"high\"}";
            lab.put("events/2026-11-23/disk.jsonl", format!("{line}\n"));
            lab.ok(&["observe"]);
        }),
        ("silent", |lab| {
            lab.put("config.yaml", "silent_after: 1ms\n");
        }),
        ("execute never ran", |lab| std::fs::remove_file(lab.at("state/execute.json")).unwrap()),
        ("vps", |lab| lab.host("vps", "services: [\n")),
        ("could not be read", |lab| {
            lab.put("events/2026-11-23/bad.jsonl", "bad\n");
            lab.ok(&["observe"]);
        }),
        ("future", |lab| {
            let line = "{\"ts\":\"2199-01-01T00:00:00Z\",\"node\":\"piha\",\"type\":\"node_heartbeat\"}\n";
            lab.put("events/2026-11-23/next.jsonl", line);
            lab.ok(&["observe"]);
        }),
        ("not an action", |lab| {
            lab.put("actions/pending/x.json", "{}");
        }),
    ];
    for (word, cause) in causes {
        let lab = quiet();
        cause(&lab);
        let run = lab.run(&["status", "--check"]);
        assert_eq!(run.code, 3, "{word}: {run:?}");
        let attention = lab.json(&["status"])["attention"].to_string();
        assert!(attention.contains(word), "{word}: {attention}");
    }
}

#[test]
fn a_pass_that_failed_or_is_old_needs_a_person() {
    let lab = quiet();
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    let lock = std::fs::File::options().write(true).open(lab.at("state/observe.lock")).unwrap();
    lock.set_modified(old).unwrap();
    let run = lab.run(&["status", "--check"]);
    assert_eq!(run.code, 3, "{run:?}");
    let lab = quiet();
    lab.host("vps", "services: [\n");
    assert_eq!(lab.run(&["reconcile"]).code, 1);
    std::fs::remove_dir_all(lab.at("hosts/vps")).unwrap();
    let run = lab.run(&["status", "--check"]);
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.out.contains("reconcile") && run.out.contains("failed"), "{run:?}");
}

#[test]
fn wrong_uses_say_what_to_do() {
    let mut lab = Lab::bare();
    lab.type_in("status");
    lab.ok(&["init"]);
    lab.type_in("status now");
    lab.type_in("status --chek");
    lab.put("world/services.json", "{\"schema\":\"hlctl.services/v9\",\"as_of\":null,\"services\":[]}");
    lab.type_in("status");
    assert_session!(lab);
}
