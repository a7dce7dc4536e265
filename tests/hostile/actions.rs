use serde_json::{Value, json};

use crate::judge::{Around, TEXTS, tell_all};
use crate::lab::{Lab, STATES};

#[test]
fn no_field_of_an_action_file_reaches_the_screen_a_path_or_a_command_raw() {
    let lab = Lab::new();
    lab.services(&["web", "db"]);
    lab.ok(&["observe"]);
    for (n, text) in TEXTS.iter().enumerate() {
        for (m, state) in STATES.iter().enumerate() {
            let id = format!("hostile-{n}-{m}");
            let line = json!({"at": "2026-11-23T07:13:05.123Z", "to": state, "by": text, "via": "hand", "note": text});
            lab.action_by_hand(
                state,
                &id,
                json!({
                    "hints": [text], "drift": {"type": text, "reason": text, "detected_at": "2026-11-23T07:13:05.123Z"},
                    "plan": {"digest": text, "steps": [{"on": text, "argv": [text], "timeout_s": 1}]},
                    "history": [line], "extra": text,
                    "result": {"reason": text, "message": text, "log": text, "hints": [text], "facts": {*text: text}},
                }),
            );
        }
        for (m, field) in
            ["id", "type", "node", "service", "schema", "attempt", "history", "plan", "drift"].iter().enumerate()
        {
            lab.action_by_hand(STATES[m % 3], &format!("wrong-{n}-{m}"), json!({*field: text}));
        }
    }
    tell_all(&lab, "hostile action files");
    assert!(lab.ledger().is_empty(), "none of them was approved with the plan that would run: {:?}", lab.ledger());
}

#[test]
fn a_file_that_is_no_action_is_reported_left_where_it_is_and_never_executed() {
    let lab = Lab::new();
    lab.services(&["web"]);
    lab.ok(&["observe"]);
    let good = r#"{"type":"redeploy","node":"piha","service":"web"}"#;
    let files: [(&str, Vec<u8>); 14] = [
        ("empty.json", vec![]),
        ("half.json", good.as_bytes()[..20].to_vec()),
        ("text.json", b"hello".to_vec()),
        ("array.json", format!("[{good}]").into_bytes()),
        ("latin.json", b"{\"type\":\"redeploy\",\"node\":\"\xe4\"}".to_vec()),
        ("nul.json", b"{\"type\":\"redeploy\",\"node\":\"pi\0ha\"}".to_vec()),
        ("twice.json", good.replace('}', ",\"node\":\"vps\"}").into_bytes()),
        ("nameless.json", br#"{"type":"redeploy","service":"web"}"#.to_vec()),
        ("typeless.json", br#"{"node":"piha","service":"web"}"#.to_vec()),
        ("other-id.json", good.replace('{', "{\"id\":\"redeploy-piha-web\",").into_bytes()),
        ("newer.json", good.replace('{', "{\"schema\":\"hlctl.action/v2\",").into_bytes()),
        ("huge.json", vec![b' '; 2 << 20]),
        ("-rf.json", good.as_bytes().to_vec()),
        ("README.md", good.as_bytes().to_vec()),
    ];
    for (name, bytes) in &files {
        lab.put(&format!("actions/approved/{name}"), bytes);
    }
    std::fs::create_dir(lab.at("actions/approved/folder.json")).unwrap();
    std::os::unix::fs::symlink(lab.beside("sibling/precious"), lab.at("actions/approved/link.json")).unwrap();
    std::fs::write(lab.beside("sibling/action.json"), good).unwrap();
    std::os::unix::fs::symlink(lab.beside("sibling/action.json"), lab.at("actions/approved/outside.json")).unwrap();
    let around = Around::of(&lab);
    let run = lab.run(&["execute"]);
    assert_eq!(run.code, 1, "{run:?}");
    for name in files.iter().map(|(name, _)| *name).chain(["folder.json", "link.json", "outside.json"]) {
        assert!(run.err.contains(&format!("actions/approved/{name}")), "{name}: {}", run.err);
        assert!(lab.at(&format!("actions/approved/{name}")).symlink_metadata().is_ok(), "{name} is left where it is");
    }
    for (name, bytes) in &files {
        assert_eq!(std::fs::read(lab.at(&format!("actions/approved/{name}"))).unwrap(), *bytes, "{name}");
    }
    assert!(lab.ledger().is_empty());
    tell_all(&lab, "files that are no actions");
    around.is_untouched(&lab, "files that are no actions");
    // What is hidden or still being written is no file yet.
    let lab = Lab::new();
    for name in [".x.json", "x.json.tmp"] {
        lab.put(&format!("actions/approved/{name}"), good);
    }
    assert_eq!(lab.run(&["execute"]).code, 0);
}

#[test]
fn a_name_that_is_not_utf_8_is_reported_as_json_too() {
    use std::os::unix::ffi::OsStrExt;
    let lab = Lab::new();
    for name in [&b"\xff\x1b[2J.json"[..], b"a\nb.json", "\u{202e}x.json".as_bytes()] {
        std::fs::write(lab.at("actions/pending").join(std::ffi::OsStr::from_bytes(name)), "{}").unwrap();
    }
    tell_all(&lab, "hostile names among the actions");
    assert_eq!(lab.json(&["actions"])["invalid"].as_array().unwrap().len(), 3);
}

#[test]
fn an_action_edited_while_it_is_pending_keeps_what_was_added_and_pins_the_plan_of_now() {
    let lab = Lab::drifted();
    let path = lab.action("pending", "redeploy-piha-web");
    let mut action: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    action["ticket"] = json!({"no": 17.50});
    action["plan"]["steps"][0]["argv"] = json!(["reboot"]);
    std::fs::write(&path, action.to_string()).unwrap();
    lab.ok(&["approve", "redeploy-piha-web"]);
    lab.ok(&["execute"]);
    let shown = lab.json(&["show", "redeploy-piha-web"]);
    assert_eq!(shown["ticket"], json!({"no": 17.50}));
    assert_eq!(lab.ledger(), ["redeploy web"]);
    // Half an edit is no action, and nothing is cancelled or queued over it.
    let lab = Lab::drifted();
    let path = lab.action("pending", "redeploy-piha-web");
    std::fs::write(&path, "{\"id\":").unwrap();
    assert_eq!(lab.run(&["reconcile"]).code, 1);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"id\":");
    assert_eq!(lab.run(&["approve", "redeploy-piha-web"]).code, 1);
}
