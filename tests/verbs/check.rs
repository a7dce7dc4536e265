use crate::assert_session;
use crate::lab::Lab;

#[test]
fn a_sound_desired_state_is_ok() {
    let mut lab = Lab::new();
    lab.type_in("check");
    lab.services(&["web"]);
    lab.type_in("check");
    lab.type_in("check --json");
    assert_session!(lab);
}

#[test]
fn the_example_is_sound_without_a_root() {
    let mut lab = Lab::bare();
    let hosts = concat!(env!("CARGO_MANIFEST_DIR"), "/hosts");
    lab.type_args(&["check", "--hosts", hosts]);
    let transcript = lab.transcript().replace(env!("CARGO_MANIFEST_DIR"), "[REPO]");
    assert!(transcript.contains("ok: 4 hosts"), "{transcript}");
}

#[test]
fn every_error_is_told_with_file_line_and_column() {
    let mut lab = Lab::new();
    lab.put("config.yaml", "settle: soon\n");
    lab.host("piha", "services:\n  - web\n  - web\n");
    lab.host("vps", "services:\n  - name: web\n    runtme: command\n");
    lab.host("nas", "services: [{name: web, depends_on: [vps/db, db]}, {name: x, runtime: command}]\n");
    lab.host("not a name", "services: []\n");
    lab.type_in("check");
    lab.type_in("check --json");
    assert_session!(lab);
}

#[test]
fn a_roll_back_that_a_runtime_does_not_have_is_warned_of() {
    let mut lab = Lab::new();
    lab.host(
        "piha",
        "services:\n- {name: web, on_failure: rollback}\n- {name: made, on_failure: rollback, recipes: {redeploy: [[make]]}}\n\
         - {name: unit, runtime: systemd, on_failure: rollback}\n- {name: job, runtime: nomad}\n",
    );
    lab.type_in("check");
    assert_session!(lab);
}

#[test]
fn wrong_uses_say_what_to_do() {
    let mut lab = Lab::new();
    lab.type_in("check hosts");
    lab.type_in("check --hosts nowhere");
    lab.type_in("check --fix");
    assert_session!(lab);
}
