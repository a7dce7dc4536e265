//! A node that does not answer at the wrong moment: silence is neither health nor a reason to leave what is broken.

use crate::lab::{Lab, SERVES};

const BACK: &str = "min_healthy: 1s, healthy_deadline: 8s, on_failure: rollback";

/// Fails Compose's first look at the containers after it has changed them.
const SILENT_AFTER_UP: &str =
    "case \" $* \" in *' up '*) touch $marks/up ;; *' ps '*) [ ! -e $marks/up ] || { rm $marks/up; exit 1; } ;; esac";

#[test]
fn an_engine_that_is_silent_right_after_up_is_asked_again() {
    let Some(lab) = Lab::new(BACK) else { return };
    lab.compose(&["up", "-d", "--build"]);
    let before = lab.head();
    lab.before_compose(SILENT_AFTER_UP);
    lab.commit("broken", "exit 1");
    let done = lab.act("redeploy");
    assert_eq!((&done["state"], &done["result"]["reason"]), (&"failed".into(), &"not_healthy_after".into()), "{done}");
    assert_eq!(done["result"]["hints"], serde_json::json!(["rolled_back"]), "{done} {}", lab.log("redeploy"));
    assert_eq!((lab.head(), lab.version()), (before, "one".to_owned()));
    lab.commit("two", SERVES);
    let done = lab.act("redeploy");
    assert_eq!((&done["state"], lab.version()), (&"completed".into(), "two".to_owned()), "{done}");
    assert!(done["result"]["facts"]["verified"].is_string(), "{done}");
}

#[test]
fn a_named_container_that_is_not_there_hides_no_other_and_is_no_health() {
    let Some(lab) = Lab::new(BACK) else { return };
    lab.compose(&["up", "-d", "--build"]);
    lab.settings(&format!("{BACK}, containers: [{}, typo]", lab.name()));
    lab.commit("broken", "exit 1");
    let done = lab.act("redeploy");
    assert!(done["result"]["message"].as_str().unwrap().contains("exit code 1"), "{done}");
    assert_eq!(done["result"]["hints"], serde_json::json!(["rolled_back"]), "{done} {}", lab.log("redeploy"));
    assert_eq!(lab.version(), "one");
    lab.commit("two", SERVES);
    let done = lab.act("redeploy");
    assert_eq!(done["result"]["reason"], "not_healthy_after", "{done}");
    assert!(done["result"]["message"].as_str().unwrap().contains("there is no container typo"), "{done}");
}

#[test]
fn what_ran_before_is_asked_again_and_without_an_answer_nothing_is_disturbed() {
    let Some(lab) = Lab::new(BACK) else { return };
    lab.compose(&["up", "-d", "--build"]);
    let (container, head) = (lab.container(), lab.head());
    lab.commit("broken", "exit 1");
    lab.before_compose("case \" $* \" in *' ps '*) exit 1 ;; esac");
    let done = lab.act("redeploy");
    assert_eq!((&done["state"], &done["result"]["reason"]), (&"failed".into(), &"fetch_failed".into()), "{done}");
    assert!(done["result"]["message"].as_str().unwrap().contains("could not be asked"), "{done}");
    assert_eq!((lab.container(), lab.head()), (container, head), "nothing was disturbed");
    lab.before_compose("case \" $* \" in *' ps '*) [ -e $marks/asked ] || { touch $marks/asked; exit 1; } ;; esac");
    let done = lab.act("redeploy");
    assert_eq!(done["result"]["hints"], serde_json::json!(["rolled_back"]), "{done} {}", lab.log("redeploy"));
    assert_eq!(lab.version(), "one");
}

#[test]
fn a_container_that_is_started_again_and_again_is_not_healthy_whatever_the_check_says() {
    let settings = "min_healthy: 2s, healthy_deadline: 8s, check: {command: ['true']}";
    let Some(lab) = Lab::new(settings) else { return };
    let text = |script: &str| {
        let script = serde_json::to_string(script).unwrap();
        format!(
            "version: '3'\nservices:\n  web:\n    build: .\n    image: {}:latest\n    restart: always\n    command: [sh, -c, {script}]\n",
            lab.service
        )
    };
    lab.commit_compose("two", &text(&SERVES.replace('$', "$$")));
    let done = lab.act("redeploy");
    assert_eq!(done["state"], "completed", "{done} {}", lab.log("redeploy"));
    lab.commit_compose("three", &text("/bin/busybox sleep 1; exit 1"));
    let done = lab.act("redeploy");
    assert_eq!((&done["state"], &done["result"]["reason"]), (&"failed".into(), &"not_healthy_after".into()), "{done}");
}
